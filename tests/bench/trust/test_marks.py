"""The part that reads marks counts what is read and what is missed."""

from __future__ import annotations

import numpy as np
import pytest

from bench.trust import marks


def test_what_is_read_and_what_is_missed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    pictures = [np.clip(rng.normal(128, 5, (256, 256, 3)), 0, 255).astype(np.uint8) for _ in range(2)]
    attacks = {"none": (lambda image: image, True), "black": (lambda image: np.zeros_like(image), False)}
    monkeypatch.setattr(marks, "ATTACKS", attacks)
    details: dict[str, dict[str, list[str]]] = {"missed": {}}
    figures = {f.name: f for f in marks._survival("natural", pictures, ["a", "b"], details)}
    assert figures["natural: read after none"].value == 1 and figures["natural: read after none"].ok
    assert figures["natural: read after black"].value == 0 and figures["natural: read after black"].must is None
    assert details["missed"] == {"black": ["a", "b"]} and figures["natural: PSNR, least"].ok
    assert marks._false_alarms(pictures)[0].value == 0
