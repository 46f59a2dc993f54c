"""The bench of kills over the fake pack: few kills, real processes."""

from __future__ import annotations

from pathlib import Path

from bench.kill9 import kill_report, measure_kills
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture, write_fake_pack


def test_two_kills_are_survived_and_reported(tmp_path: Path):
    pack = write_fake_pack(tmp_path / "fake")
    who, target = picture((256, 256), [(3, 3)], 220), picture((192, 256), [(2, 3)])
    bench = measure_kills(pack, who, target, 2, seconds=2.5, kills_per_file=2, backend=BACKEND)
    assert bench.kills == 2 and bench.identical == bench.files >= 1 and bench.partial_files == 0
    assert all(0.0 <= lost <= 2.0 for lost in bench.lost_seconds)
    assert kill_report(bench, pack).ok
