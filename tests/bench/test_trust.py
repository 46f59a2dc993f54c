"""The bench of the promises: its pictures, its attacks, and that it counts what it should."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from bench import trust, trust_marks, trust_pictures
from bench.report import BenchReport, Figure
from bench.trust_sample import TrustSample
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
    def part(sample: TrustSample) -> BenchReport:
        return BenchReport("Part", [Figure(str(sample.directory), float(sample.pictures * sample.rounds))])

    monkeypatch.setattr(trust, "PARTS", {"one": part, "two": part})
    sample = TrustSample(Path("x"), 3, 5)
    report = trust.measure_trust(None, sample)
    assert report.title == "Part; Part" and [figure.value for figure in report.figures] == [15, 15]
    assert len(trust.measure_trust(["two"], sample).figures) == 1
    with pytest.raises(InputError, match="no such part: three"):
        trust.measure_trust(["three"], sample)


def test_a_sample_is_a_part_of_the_whole() -> None:
    sample, whole = TrustSample(), TrustSample().whole()
    assert all(getattr(whole, field.name) >= getattr(sample, field.name) for field in fields(sample)[1:])
    assert (whole.graphs, whole.edits, whole.injections, whole.looks) == (20_000, 1000, 1000, 100_000)
    few = whole.at_most(7)
    assert few.mutants == few.log_lines == 7 and few.rounds == whole.rounds and few.directory == whole.directory
