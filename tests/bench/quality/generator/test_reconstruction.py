from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from bench.quality.generator.reconstruction import measure_rate, score_reconstructions, ssim_map
from bench.quality.scores import CAP_DB

U8 = NDArray[np.uint8]


def _judge() -> SimpleNamespace:
    return SimpleNamespace(distance=lambda made, true: np.abs(made.astype(float) - true).mean((1, 2, 3)))


def _pictures(count: int = 3, side: int = 32) -> U8:
    return np.random.default_rng(0).integers(40, 200, (count, side, side, 3), np.uint8)


def test_ssim_is_that_of_its_authors() -> None:
    picture = _pictures(1)[0]
    noisy = (picture + np.random.default_rng(1).integers(-20, 21, picture.shape)).astype(np.uint8)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "truncate": 10 / 3}
    _, wanted = structural_similarity(picture, noisy, channel_axis=2, data_range=255, full=True, **settings)
    # scikit-image mirrors borders in another way, so the inside is compared.
    assert np.allclose(ssim_map(noisy, picture)[6:-6, 6:-6], wanted.mean(-1)[6:-6, 6:-6], atol=1e-6)
    assert np.allclose(ssim_map(picture, picture), 1)


def test_ssim_of_two_flat_pictures_is_its_closed_form() -> None:
    one, other = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert np.allclose(ssim_map(one, other), (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1))


def test_the_face_is_scored_on_its_own() -> None:
    pictures = _pictures()
    face = np.zeros(pictures.shape[:3], bool)
    face[:, 8:16, 8:16] = True
    made = pictures.copy()
    made[:, 8:16, 8:16] += 10
    scores = score_reconstructions(made, pictures, face, _judge())
    assert scores.psnr_face == pytest.approx(20 * np.log10(255 / 10), abs=1e-6)
    # A sixteenth of the pixels is wrong: 12 dB more.
    assert scores.psnr == pytest.approx(scores.psnr_face + 10 * np.log10(16), abs=1e-6)
    assert scores.perceptual == pytest.approx(10 / 16) and scores.ssim_face < scores.ssim
    equal = score_reconstructions(pictures, pictures, face, _judge())
    assert (equal.psnr, equal.psnr_face) == (CAP_DB, CAP_DB) and equal.ssim == pytest.approx(1)


def test_a_picture_without_a_face_counts_for_the_crop_only() -> None:
    pictures = _pictures(2)
    made = pictures.copy()
    made[1] += 10
    face = np.zeros(pictures.shape[:3], bool)
    face[0] = True
    scores = score_reconstructions(made, pictures, face, _judge())
    assert scores.psnr_face == CAP_DB and scores.psnr == pytest.approx((CAP_DB + 20 * np.log10(25.5)) / 2)


def test_rate_of_known_gaussians() -> None:
    # One number that says nothing, one of variance 1/4 about means of -1 and 1, one that only moves.
    mean = np.array([[0.0, 1, 2], [0, -1, 2]])
    log_variance = np.log(np.array([[1.0, 0.25, 1], [1, 0.25, 1]]))
    kl = 0.5 * np.array([0, 1 + 0.25 - np.log(0.25) - 1, 4])
    rate = measure_rate(mean, log_variance)
    assert rate.nats == pytest.approx(kl.sum()) and rate.nats_per_number == pytest.approx(kl.mean()) and rate.used == 2


def test_rate_is_the_monte_carlo_mean_of_the_log_ratio() -> None:
    rng = np.random.default_rng(2)
    m, variance = 0.7, 0.3
    z = m + np.sqrt(variance) * rng.normal(size=200_000)
    ratio = -0.5 * ((z - m) ** 2 / variance + np.log(variance)) + 0.5 * z**2
    assert measure_rate(np.array([[m]]), np.log([[variance]])).nats == pytest.approx(ratio.mean(), abs=0.01)
