"""Roofline plot: each graph's rate over how many operations it has for a byte, under what the machine can do."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.backends.ceilings import Ceilings
from bench.backends.graphs import MULTIPLIES_IN, WEIGHT_BYTES, GraphBench

SIZE_INCHES = (9.0, 5.6)
DPI = 120
MARKERS = "osD^vP*X"
INTENSITIES = (0.2, 5000.0)


def roofline_png(benches: Sequence[GraphBench], ceilings: Ceilings, title: str) -> bytes:
    """A PNG.

    Args:
        benches: graphs; one marker each.
        ceilings: one roof for each precision.
        title: above the plot.

    Source: Williams, Waterman and Patterson 2009, "Roofline: an insightful visual performance model".
    """
    # Not pyplot: it keeps figures in a global list, and asks for a display.
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    reach = np.geomspace(*INTENSITIES, 200)
    for style, (kind, rate) in zip(("-", "--"), ceilings.flops.items()):
        roof = np.minimum(rate, reach * ceilings.bytes_per_second) / 1e9
        axes.plot(reach, roof, style, color="0.35", label=f"{kind}: {rate / 1e9:.0f} GFLOP/s")
    backends = list(dict.fromkeys(name for bench in benches for name in bench.timings))
    for number, bench in enumerate(benches):
        for name in bench.timings:
            intensity = bench.subject.work.flops / bench.subject.work.least_bytes(WEIGHT_BYTES.get(name, 4.0))
            axes.plot(
                intensity, bench.flops_per_second(name) / 1e9, MARKERS[number % len(MARKERS)],
                color=f"C{backends.index(name)}", markersize=7,
                fillstyle="full" if MULTIPLIES_IN.get(name) else "left",
            )  # fmt: skip
        axes.plot([], [], MARKERS[number % len(MARKERS)], color="0.2", label=bench.subject.key)
    for number, name in enumerate(backends):
        axes.plot([], [], "-", linewidth=5, color=f"C{number}", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations of the plain graph for each byte that must be read or written")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"{title}; slope: {ceilings.bytes_per_second / 1e9:.0f} GB/s", fontsize=10)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=7, loc="lower right", ncols=2)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
