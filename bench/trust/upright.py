"""Whether pictures come out upright, at the right depth and in the right colours, whatever the file is like."""

from __future__ import annotations

import numpy as np

from bench.report import BenchReport, Figure
from bench.trust.golden_pictures import golden_pictures
from facesdk.errors import MediaError
from facesdk.media.image import load_image

GATE = ("tests/facesdk/media/test_image.py",)
MOST_LEVELS = 1.0


def measure_upright(tests: str) -> BenchReport:
    """Loads every golden picture.

    Args:
        tests: what the gate said.
    """
    worst: dict[str, float] = {}
    refused = cut = 0
    for golden in golden_pictures():
        try:
            pixels = load_image(golden.data)
        except MediaError:
            refused += golden.pixels is None
            cut += golden.pixels is None
            if golden.pixels is not None:
                worst[golden.name] = 255.0
            continue
        cut += golden.pixels is None
        if golden.pixels is not None:
            same = pixels.shape == golden.pixels.shape
            worst[golden.name] = float(np.abs(pixels.astype(int) - golden.pixels).max()) if same else 255.0
    figures = [
        Figure("R3 pictures of every kind", float(len(worst))),
        Figure("R3 greatest difference", max(worst.values()), "levels", must=MOST_LEVELS, better="lower"),
        Figure("R3 half files refused", refused / cut, must=1.0),
    ]
    wrong = {name: levels for name, levels in worst.items() if levels > MOST_LEVELS}
    return BenchReport("Pixels", figures, {"picture tests": tests}, {"pictures that came out wrong": wrong})
