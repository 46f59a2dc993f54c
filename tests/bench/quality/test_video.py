"""The measures of steadiness on signals whose values are known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.quality.video import flicker, jitter, kept_numbers, lag_frames, lid_gap
from bench.quality.video_clips import TrueClip
from facesdk.faces.track import TrackedFace
from facesdk.types import Face


def test_jitter_is_the_noise_and_does_not_see_even_motion():
    rng = np.random.default_rng(0)
    even = np.arange(400)[:, None, None] * np.array([3.0, -1.0]) + np.zeros((400, 68, 2))
    assert jitter(even, 50.0) == pytest.approx(0.0, abs=1e-9)
    assert jitter(even + rng.normal(0, 0.5, even.shape), 50.0) == pytest.approx(0.5 / 50.0, rel=0.02)


@pytest.mark.parametrize("late", [0.0, 0.5, 2.0])
def test_lag_is_the_delay(late: float):
    t = np.arange(200)

    def at(when: np.ndarray) -> np.ndarray:
        return np.stack([40 * np.sin(when / 15), 20 * np.cos(when / 15)], -1)[:, None] + np.zeros((200, 68, 2))

    assert lag_frames(at(t - late), at(t)) == pytest.approx(late, abs=0.03)
    # A constant offset is an error, but no lag.
    assert lag_frames(at(t - late) + 5.0, at(t)) == pytest.approx(late, abs=0.03)


def test_flicker_is_the_noise_of_the_judged_pixels():
    rng = np.random.default_rng(1)
    frames = np.full((120, 24, 24, 3), 128.0)
    frames[:, :12] += rng.normal(0, 4, (120, 12, 24, 3))
    judged = np.zeros((24, 24), bool)
    judged[:12] = True
    shown = list(np.rint(frames).astype(np.uint8))
    assert flicker(shown, judged) == pytest.approx(4.0, rel=0.03) and flicker(shown, ~judged) == 0.0


def test_numbers_are_counted_against_the_truth():
    points = np.linspace(0, 60, 136).reshape(68, 2).astype(np.float32)
    truth = np.stack([points] * 4)
    truth[2] = np.nan
    box = np.array([0, 0, 60, 60], np.float32)
    film = [[TrackedFace(n, Face(box, 0.9, points[:5], points), 1.0, True)] for n in (7, 7, 9, 8)]
    clip = TrueClip("x", np.zeros((4, 8, 8, 3), np.uint8), (truth,))
    assert kept_numbers(film, clip) == pytest.approx(2 / 3)
    assert lid_gap(truth[:1])[0] == pytest.approx((points[[41, 40, 47, 46], 1] - points[[37, 38, 43, 44], 1]).mean())
