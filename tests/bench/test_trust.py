"""The bench of the promises: its pictures, its attacks, and that it counts what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import trust, trust_marks, trust_pictures
from bench.report import BenchReport, Figure
from facesdk.errors import InputError


def test_pictures_and_attacks() -> None:
    pytest.importorskip("skimage")
    pictures = trust_pictures.natural_pictures()
    assert len(pictures) >= 16 and min(min(p.shape[:2]) for p in pictures.values()) >= 128
    image = pictures["astronaut 0,0"]
    for name, (attack, _) in trust_pictures.ATTACKS.items():
        out = attack(image)
        assert out.dtype == np.uint8 and out.ndim == 3 and out.shape[2] == 3, name
        assert name == "none" or out.shape != image.shape or (out != image).any(), name
    assert trust_pictures.cropped(image, 0.7).shape == (358, 358, 3)
    np.testing.assert_array_equal(trust_pictures.turned(image, 0.0), image)


def test_what_is_read_and_what_is_missed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pictures = [np.clip(rng.normal(128, 5, (256, 256, 3)), 0, 255).astype(np.uint8) for _ in range(2)]
    attacks = {"none": (lambda image: image, True), "black": (lambda image: np.zeros_like(image), False)}
    monkeypatch.setattr(trust_marks, "ATTACKS", attacks)
    details: dict[str, dict[str, list[str]]] = {"missed": {}}
    figures = {f.name: f for f in trust_marks._survival("natural", pictures, ["a", "b"], details)}
    assert figures["natural: read after none"].value == 1 and figures["natural: read after none"].ok
    assert figures["natural: read after black"].value == 0 and figures["natural: read after black"].must is None
    assert details["missed"] == {"black": ["a", "b"]} and figures["natural: PSNR, least"].ok
    assert trust_marks._false_alarms(pictures)[0].value == 0


def test_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(directory: Path, count: int, rounds: int) -> BenchReport:
        return BenchReport("Part", [Figure(str(directory), float(count * rounds))])

    monkeypatch.setattr(trust, "PARTS", {"one": part, "two": part})
    report = trust.measure_trust(None, Path("x"), 3, 5)
    assert report.title == "Part; Part" and [figure.value for figure in report.figures] == [15, 15]
    assert len(trust.measure_trust(["two"], Path("x"), 3, 5).figures) == 1
    with pytest.raises(InputError, match="no such part: three"):
        trust.measure_trust(["three"], Path("x"), 3, 5)
