"""The One-Euro filter against the paper's own pseudo-code, and the landmarks' filter against what it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facesdk.faces.one_euro import OneEuroSettings, one_euro, smoothing_factor
from facesdk.faces.steady_landmarks import steady_landmarks
from tests.facesdk.fake_pack import face_landmarks

FPS = 30.0


def _paper(values: list[float], rate: float, mincutoff: float, beta: float, dcutoff: float) -> list[float]:
    """Algorithms 1 to 3 of Casiez 2012, word for word, for one number."""

    def alpha(cutoff: float) -> float:
        tau = 1.0 / (2 * math.pi * cutoff)
        te = 1.0 / rate
        return 1.0 / (1.0 + tau / te)

    out: list[float] = []
    hatxprev = dhatxprev = 0.0
    for number, x in enumerate(values):
        if number == 0:
            dx, edx, hatx = 0.0, 0.0, x
        else:
            dx = (x - hatxprev) * rate
            edx = alpha(dcutoff) * dx + (1 - alpha(dcutoff)) * dhatxprev
            cutoff = mincutoff + beta * abs(edx)
            hatx = alpha(cutoff) * x + (1 - alpha(cutoff)) * hatxprev
        hatxprev, dhatxprev = hatx, edx
        out.append(hatx)
    return out


@pytest.mark.parametrize(("mincutoff", "beta", "dcutoff"), [(1.0, 0.0, 1.0), (0.5, 0.3, 1.0), (2.0, 5.0, 3.0)])
def test_the_filter_is_the_papers(mincutoff: float, beta: float, dcutoff: float):
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (50, 3)).cumsum(0)
    settings, state, out = OneEuroSettings(mincutoff, beta, dcutoff), None, []
    for index, value in enumerate(values):
        state = one_euro(settings, state, value, index / FPS)
        out.append(state.value)
    for column in range(3):
        expected = _paper(list(values[:, column]), FPS, mincutoff, beta, dcutoff)
        np.testing.assert_allclose(np.array(out)[:, column], expected, rtol=0, atol=1e-9)


def test_the_unit_scales_space():
    settings, small, large = OneEuroSettings(1.0, 2.0), None, None
    for index, value in enumerate(np.random.default_rng(1).normal(0, 1, 20)):
        small = one_euro(settings, small, np.array([value]), index / FPS)
        large = one_euro(settings, large, np.array([7 * value]), index / FPS, unit=7.0)
        assert large.value[0] == pytest.approx(7 * small.value[0])


def test_time_that_does_not_advance_starts_anew():
    settings = OneEuroSettings(1.0, 0.0)
    state = one_euro(settings, one_euro(settings, None, np.zeros(1), 1.0), np.ones(1), 1.0)
    assert state.value[0] == 1.0
    assert float(smoothing_factor(1e12, 1 / FPS)) == pytest.approx(1.0)


def _run(track: np.ndarray) -> np.ndarray:
    state, out = None, []
    for index, landmarks in enumerate(track):
        state, filtered = steady_landmarks(state, landmarks, index / FPS)
        out.append(filtered)
    return np.array(out)


@pytest.mark.parametrize(("noise_px", "most"), [(0.25, 0.19), (0.5, 0.26), (1.0, 0.37)])
def test_a_still_face_jitters_much_less(noise_px: float, most: float):
    truth = face_landmarks() * 200
    raw = truth + np.random.default_rng(2).normal(0, noise_px, (120, 68, 2))
    filtered = _run(raw)
    assert np.diff(filtered, axis=0)[30:].std() <= most * np.diff(raw, axis=0)[30:].std()
    error = np.sqrt(((filtered - truth)[30:] ** 2).mean())
    assert error <= 0.6 * noise_px


@pytest.mark.parametrize("px_per_frame", [1.0, 4.0, 12.0])
def test_a_moving_face_is_at_most_a_frame_late(px_per_frame: float):
    start = face_landmarks() * 200
    truth = start + np.arange(60)[:, None, None] * np.array([px_per_frame, 0.0])
    late = (truth - _run(truth))[20:, :, 0].mean() / px_per_frame
    assert 0.0 <= late <= 0.5


def test_turning_and_growing_faces_keep_their_shape():
    shape = face_landmarks() * 200 - 100
    angles, scales = np.linspace(0, 0.8, 50), np.linspace(1.0, 1.6, 50)
    truth = np.array([s * shape @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]).T + 300
                      for a, s in zip(angles, scales)])  # fmt: skip
    assert np.abs(_run(truth) - truth)[10:].max() < 3.0


def test_a_blink_is_not_smoothed_away():
    open_eye = face_landmarks() * 200
    track = np.repeat(open_eye[None], 40, 0)
    upper = [37, 38, 43, 44]
    closing = np.concatenate([np.zeros(15), [0.5, 1, 1, 1, 0.5], np.zeros(20)])
    track[:, upper, 1] += 6.0 * closing[:, None]
    filtered = _run(track)
    assert (filtered[:, upper, 1] - open_eye[upper, 1]).mean(1).max() > 0.85 * 6.0


def test_after_a_pause_the_past_is_forgotten():
    state, _ = steady_landmarks(None, face_landmarks() * 100, 0.0)
    moved = face_landmarks() * 100 + 50
    np.testing.assert_allclose(steady_landmarks(state, moved, 1.0)[1], moved, atol=1e-3)
