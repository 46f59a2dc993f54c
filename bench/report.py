"""Figures with their bounds: one table for the terminal and one JSON file, the same for every bench."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from export.run_record import commit_id
from facesdk.doctor import versions
from facesdk.runtime.device import read_cpu

# The packages that decide the figures.
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "openvino", "torch")
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: what was measured.
        value: the number, None if it could not be measured.
        unit: of the value; "" for none.
        must: bound that has to be reached, or None.
        aim: bound that is wanted, or None.
        better: on which side of a bound the good values lie.
    """

    name: str
    value: float | None
    unit: str = ""
    must: float | None = None
    aim: float | None = None
    better: Literal["higher", "lower"] = "higher"

    @property
    def ok(self) -> bool | None:
        """Whether "must" is reached; None without one. What could not be measured does not reach it."""
        return None if self.must is None else self._reaches(self.must)

    @property
    def reaches_aim(self) -> bool | None:
        """Whether "aim" is reached; None without one."""
        return None if self.aim is None else self._reaches(self.aim)

    def bound(self, limit: float | None) -> str:
        """A bound as text, with its sign."""
        return "" if limit is None else f"{'>=' if self.better == 'higher' else '<='} {limit:g}"

    def _reaches(self, limit: float) -> bool:
        if self.value is None or math.isnan(self.value):
            return False
        return self.value >= limit if self.better == "higher" else self.value <= limit


@dataclass(frozen=True)
class BenchReport:
    """Figures of one run.

    Attributes:
        title: what was run.
        figures: the numbers.
        settings: what decides them: pack, pictures, repeats, seeds.
        details: raw numbers worth keeping, JSON values.
    """

    title: str
    figures: Sequence[Figure]
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no "must" is missed."""
        return all(figure.ok is not False for figure in self.figures)

    def joined(self, other: BenchReport) -> BenchReport:
        """Both in one: this one's figures first."""
        return BenchReport(
            f"{self.title}; {other.title}",
            [*self.figures, *other.figures],
            {**self.settings, **other.settings},
            {**self.details, **other.details},
        )

    def table(self) -> Table:
        """The figures for the terminal."""
        table = Table(title=self.title)
        table.add_column("figure")
        for column in ("value", "must", "aim"):
            table.add_column(column, justify="right", no_wrap=True)
        for figure in self.figures:
            table.add_row(
                figure.name,
                f"{_text(figure.value)} {figure.unit}".strip(),
                _judged(figure.bound(figure.must), figure.ok),
                _judged(figure.bound(figure.aim), figure.reaches_aim),
            )
        return table

    def document(self) -> dict[str, Any]:
        """The report as JSON values."""
        figures = [{**_finite(asdict(figure)), "ok": figure.ok} for figure in self.figures]
        return {
            "title": self.title,
            "figures": figures,
            "settings": dict(self.settings),
            "details": dict(self.details),
            "machine": machine(),
            "versions": versions(PACKAGES),
            "commit": commit_id(REPOSITORY),
        }

    def write(self, path: Path) -> None:
        """Writes the JSON file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(self.document(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def show(self, console: Console, path: Path | None = None) -> None:
        """Prints the table, and writes the JSON file if a path is given."""
        console.print(self.table())
        if path is not None:
            self.write(path)
            console.print(f"Written to {path}")


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was with other work."""
    cpu = read_cpu()
    return {
        "cpu": cpu.name,
        "architecture": cpu.machine,
        "usable_cores": cpu.usable_cores,
        "flags": list(cpu.flags),
        "system": platform.system(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _text(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"


def _judged(text: str, reached: bool | None) -> str:
    if reached is None:
        return text
    return f"[green]{text}[/green]" if reached else f"[red]{text}[/red]"


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has neither NaN nor infinity: such a value was not measured."""
    bad = {k for k, v in values.items() if isinstance(v, float) and not math.isfinite(v)}
    return {k: None if k in bad else v for k, v in values.items()}
