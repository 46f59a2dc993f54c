"""The soak of the live swap: every small frame is swapped, in order, and its memory is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate import GateError
from bench.live_soak import SIZE_HW, measure_soak, small_picture, soak_report
from tests.facesdk.fake_pack import picture, write_fake_pack

SOURCE = picture((320, 320), [(4, 4)], 220)


def test_the_middle_is_made_small() -> None:
    wide = picture((480, 1280), [(7, 19)])
    small = small_picture(wide)
    assert small.shape == (*SIZE_HW, 3)
    # The red square of 32 px at row 224 and column 608 of the picture, which starts at column 320 of it.
    assert small[114:126, 146:158, 0].min() > 150 and small[:100].max() < 120


def test_every_frame_is_swapped(tmp_path: Path) -> None:
    pytest.importorskip("av")
    pack = write_fake_pack(tmp_path / "fake")
    memory = measure_soak(pack, SOURCE, picture((240, 320), [(3, 4)]), 40, "onnxruntime", 1)
    assert (memory.shown, memory.swapped, memory.in_order) == (40, 40, True) and memory.fps > 0
    figures = {f.name: f.value for f in soak_report(memory, pack, "3 passed").figures}
    assert figures["  frames that were swapped"] == 100.0 and "memory, growth over 40 frames" in figures
    with pytest.raises(GateError, match="were swapped"):
        measure_soak(pack, SOURCE, picture((240, 320), []), 40, "onnxruntime", 1)
