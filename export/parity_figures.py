"""Parity as figures of `python -m bench`: what one pack measured, for another pack's manifest and card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.assemble import ExportedGraph
from export.parity import Parity


def write_figures(path: Path, title: str, exported: Sequence[ExportedGraph]) -> None:
    """Writes what `python -m export card --quality` reads.

    Args:
        path: JSON file.
        title: what the figures are of.
        exported: graphs with their parity.
    """
    figures = [_figure(item, row) for item in exported for row in item.parity]
    path.write_text(json.dumps({"title": title, "figures": figures}, indent=1) + "\n")


def _figure(item: ExportedGraph, row: Parity) -> dict[str, Any]:
    """Pictures in decibels; other outputs, and those that are equal, by their mean difference."""
    name = f"{item.graph.name} {row.output}, {row.backend}, {item.precision}"
    values = row.manifest()
    pictures = values.get("picture_db", values.get("psnr_db") if row.floor.psnr_db is not None else None)
    value, unit, better = (pictures, "dB", "higher") if pictures is not None else (row.mean_abs, "mean abs", "lower")
    floor = row.floor.picture_db if "picture_db" in values else row.floor.psnr_db
    must = floor if unit == "dB" else row.floor.mean_abs
    return {"name": name, "value": value, "unit": unit, "better": better, "must": must, "aim": None, "ok": row.ok}
