"""The films that the part of faults damages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def test_damaged_films_are_thirty(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from bench.trust.faults import _damaged, _hashes, _same_frames

    frame = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    films = dict(_damaged(tmp_path, frame))
    assert len(films) == 30 and {path.suffix for path in films.values()} == {".mp4", ".ts", ".mkv"}
    whole = tmp_path / "whole.mp4"
    every = set(range(len(_hashes(whole))))
    assert _same_frames(whole, whole) == every
    assert all(_same_frames(path, whole) < every for path in films.values() if path.name.startswith("flipped"))
