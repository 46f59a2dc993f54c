"""Timings and boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facesdk.types import Face, StageTiming, Timings


def test_timings_add_up() -> None:
    timings = Timings((StageTiming("detect", 2.0), StageTiming("encode", 3.0))) + Timings((StageTiming("detect", 0.5),))
    assert timings.total_ms == 5.5
    assert timings.as_dict() == {"detect": 2.5, "encode": 3.0} and [t.stage for t in timings] == [
        "detect",
        "encode",
        "detect",
    ]


def test_landmarks_are_better_than_the_five_points() -> None:
    five, marks = np.zeros((5, 2), np.float32), np.ones((68, 2), np.float32)
    face = Face(np.array([0, 0, 1, 1], np.float32), 0.9, five)
    assert face.best_points is five and replace(face, landmarks=marks).best_points is marks


def test_box_measures() -> None:
    face = Face(np.array([10, 20, 40, 80], np.float32), 0.9, np.zeros((5, 2), np.float32))
    assert (face.width_px, face.height_px, face.centre_xy) == (30, 60, (25, 50))
