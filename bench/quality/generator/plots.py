"""The sweep as lines: quality against the number of network runs, one line a solver."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.quality.generator.sweep import Cell

PANELS: tuple[tuple[str, Callable[[Cell], float]], ...] = (
    ("Frechet distance over the floor", lambda cell: cell.scores.ratio),
    ("precision", lambda cell: cell.scores.precision),
    ("recall", lambda cell: cell.scores.recall),
    ("diversity over real pictures'", lambda cell: cell.scores.diversity),
    ("distance to nearest training picture over unseen pictures'", lambda cell: cell.scores.nearest),
    ("attributes right", lambda cell: cell.attributes),
)
COLUMNS = 3
PANEL_INCHES = (4.6, 3.4)
DPI = 110


def sweep_plot(cells: Sequence[Cell], count: int) -> bytes:
    """A PNG of all panels.

    Args:
        cells: of `sweep`.
        count: samples of each.
    """
    rows = -(-len(PANELS) // COLUMNS)
    # Not pyplot: it keeps figures in a global list, and asks for a display.
    figure = Figure(figsize=(COLUMNS * PANEL_INCHES[0], rows * PANEL_INCHES[1]), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for place, (title, value) in enumerate(PANELS):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        for solver in dict.fromkeys(cell.solver for cell in cells):
            line = sorted((cell.evaluations, value(cell)) for cell in cells if cell.solver == solver)
            axes.plot(*zip(*line), marker="o", label=solver)
        axes.set_title(title, fontsize=9)
        axes.set_xscale("log", base=2)
        axes.set_xlabel("network runs for a face")
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    figure.suptitle(f"{count} samples of each setting, the same noise")
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
