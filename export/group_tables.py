"""The model card's tables by group, and the groups for which a pack is clearly worse than on the mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 0.2
LEAST = 10
"""Pictures that a group needs to be judged: fewer say more about the pictures than about the group."""


def weak_groups(run: Mapping[str, Any]) -> list[str]:
    """The groups that are more than TOLERANCE worse than the mean of all pictures, as sentences.

    Args:
        run: contents of a `python -m bench quality` file; without groups in its details there are none.
    """
    groups = _groups(run)
    lines = []
    for axis, rows in groups["tables"].items():
        for row in rows:
            for measure, value in zip(groups["measures"], row["values"]):
                if row["count"] >= LEAST and measure.get("judged", True) and is_weak(measure, value):
                    unit = f" {measure['unit']}" if measure["unit"] else ""
                    lines.append(
                        f"{axis}, {row['group']}: {measure['name']} {value:.3g}{unit} against "
                        f"{measure['mean']:.3g}{unit} on the mean ({row['count']} pictures)"
                    )
    return lines


def is_weak(measure: Mapping[str, Any], value: float | None) -> bool:
    """Whether a group's value is more than TOLERANCE of the mean worse than the mean; unmeasured ones are not."""
    mean = measure["mean"]
    if value is None or mean is None or math.isnan(value):
        return False
    behind = value - mean if measure["better"] == "lower" else mean - value
    # A hair of tolerance: 0.8 of the mean is not more than 20 % worse, whatever the last bit says.
    return bool(behind > TOLERANCE * abs(mean) + 1e-9)


def group_rows(run: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One table of all groups of a run: head and rows as text; a weak group's value is bold. No rows without groups."""
    groups = _groups(run)
    names = [f"{m['name']}{', ' + m['unit'] if m['unit'] else ''}" for m in groups["measures"]]
    rows = [("all", "", *(_text(m["mean"]) for m in groups["measures"]))] if groups["tables"] else []
    for axis, entries in groups["tables"].items():
        for row in entries:
            cells = []
            for measure, value in zip(groups["measures"], row["values"]):
                weak = row["count"] >= LEAST and measure.get("judged", True) and is_weak(measure, value)
                cells.append(f"**{_text(value)}**" if weak else _text(value))
            rows.append((f"{axis}: {row['group']}", str(row["count"]), *cells))
    return ("group", "pictures", *names), rows


def _groups(run: Mapping[str, Any]) -> dict[str, Sequence[Any] | Any]:
    found = run.get("details", {}).get("groups")
    return dict(found) if found else {"measures": [], "tables": {}}


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
