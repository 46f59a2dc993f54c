"""Golden pictures: of every kind, and turned as EXIF says."""

from __future__ import annotations

import numpy as np

from bench.trust.golden_pictures import cells, golden_pictures, stored_as
from bench.trust.upright import measure_upright


def test_golden_pictures_are_of_every_kind_and_come_out_right() -> None:
    golden = list(golden_pictures())
    names = {one.name for one in golden}
    assert len(names) == len(golden) >= 50 and sum(one.pixels is None for one in golden) == 4
    assert {f"{kind}, EXIF {turn}" for kind in ("JPEG", "PNG", "WEBP", "TIFF") for turn in range(1, 9)} <= names
    report = measure_upright("none")
    assert report.ok, report.details


def test_turns_are_those_of_exif() -> None:
    upright = cells(0)
    # Orientation 6: row 0 of what is stored is the right side of what is seen, column 0 its top.
    stored = stored_as(upright, 6)
    np.testing.assert_array_equal(stored[0], upright[:, -1])
    np.testing.assert_array_equal(stored[:, 0], upright[0, ::-1])
    assert stored_as(upright, 3).shape == upright.shape and stored_as(upright, 5).shape == (80, 48, 3)
