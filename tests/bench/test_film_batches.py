"""The bench of a film's batches: it refuses what is not the same film, and its figures are what the times say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import film_batches
from bench.film_batches import FRAMES, IN_TURN, TOGETHER, FilmBench, film_report, measure_film
from bench.gate import GateError
from bench.timing import Timing
from facesdk.pipelines.video import VideoPainter
from tests.facesdk.fake_pack import picture, write_fake_pack

SOURCE, TARGET = picture((320, 320), [(4, 4)], 220), picture((192, 256), [(2, 3)])


def test_both_ways_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_batches, "FRAMES", 9)
    monkeypatch.setattr(film_batches, "sway", lambda target: (target.copy() for _ in range(9)))
    pack = write_fake_pack(tmp_path / "fake")
    bench = measure_film(pack, SOURCE, TARGET, "onnxruntime", 5, 1)
    assert bench.size_hw == (192, 256) and bench.backend.startswith("onnxruntime")
    assert all(len(bench.timings[way].stages_ms["total"]) == 5 for way in (TOGETHER, IN_TURN))

    paint = VideoPainter.paint_frames

    def other(self: VideoPainter, frames: list) -> object:  # type: ignore[type-arg]
        for painted in paint(self, frames):
            painted.image[0, 0, 0] ^= len(frames) > 1
            yield painted

    monkeypatch.setattr(VideoPainter, "paint_frames", other)
    with pytest.raises(GateError, match="another one when it is swapped together"):
        measure_film(pack, SOURCE, TARGET, "onnxruntime", 5, 1)


def test_what_is_not_swapped_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_batches, "FRAMES", 2)
    monkeypatch.setattr(film_batches, "sway", lambda target: (np.full_like(target, 90) for _ in range(2)))
    with pytest.raises(GateError, match="was not swapped"):
        measure_film(write_fake_pack(tmp_path / "fake"), SOURCE, TARGET, "onnxruntime", 5, 1)


def test_the_figures_are_those_of_the_rounds() -> None:
    times = {TOGETHER: Timing({"total": (500.0, 500.0)}), IN_TURN: Timing({"total": (1000.0, 1000.0)})}
    figures = {f.name: f.value for f in film_report(FilmBench(times, (720, 1280), "x", 2)).figures}
    assert figures["film of 1280x720, 8 frames at once"] == 2 * FRAMES
    assert figures["  frame after frame"] == FRAMES and figures["  times faster at once"] == 2.0
