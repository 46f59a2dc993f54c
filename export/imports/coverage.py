"""What became of every tensor of a file, and of every tensor of the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Placed:
    """A tensor of the file and where it went.

    Attributes:
        theirs, ours: names.
        their_shape, our_shape: shapes.
        change: what was done to it, "" where nothing.
    """

    theirs: str
    ours: str
    their_shape: tuple[int, ...]
    our_shape: tuple[int, ...]
    change: str = ""


@dataclass(frozen=True)
class Left:
    """A tensor that was left: one of the file without a place, or one of ours without a value.

    Attributes:
        name: its name.
        shape: its shape.
        why: the reason.
    """

    name: str
    shape: tuple[int, ...]
    why: str


@dataclass(frozen=True)
class Coverage:
    """The whole account of an import.

    Attributes:
        layout: what the file was taken for.
        placed: of the file, into the network.
        left: of the file, nowhere.
        unfilled: of the network, as they were before.
        differences: what the network computes differently from the file's own.
    """

    layout: str
    placed: tuple[Placed, ...]
    left: tuple[Left, ...]
    unfilled: tuple[Left, ...]
    differences: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The account as JSON values, with the counts that a reader wants first."""
        counts = {"placed": len(self.placed), "left": len(self.left), "unfilled": len(self.unfilled)}
        return {"counts": counts, **asdict(self)}

    def tables(self) -> list[Table]:
        """The account for a person: one table for each of placed, left, unfilled that has a row."""
        out = []
        if self.placed:
            table = _table(f"{self.layout}: placed", "of the file", "shape", "in the network", "shape", "change")
            for row in self.placed:
                # As Text: a name from a file may look like markup.
                table.add_row(Text(row.theirs), _shape(row.their_shape), row.ours, _shape(row.our_shape), row.change)
            out.append(table)
        for title, column, rows in (
            ("Of the file, left", "of the file", self.left),
            ("Of the network, not filled", "in the network", self.unfilled),
        ):
            if rows:
                table = _table(title, column, "shape", "why")
                for entry in rows:
                    table.add_row(Text(entry.name), _shape(entry.shape), Text(entry.why))
                out.append(table)
        return out


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape) or "scalar"
