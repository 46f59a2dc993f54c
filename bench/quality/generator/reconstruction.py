"""What comes back of a picture that went through a code: errors of the whole crop and of the face, and the rate."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.features import JudgeFeatures
from bench.quality.scores import capped_psnr

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
SIGMA_PX, WINDOW_PX = 1.5, 11
PEAK = 255.0


@dataclass(frozen=True)
class Reconstruction:
    """Means over pictures.

    Attributes:
        psnr: dB, whole crop.
        ssim: whole crop.
        psnr_face: dB, pixels of the face.
        ssim_face: the same.
        perceptual: distance of the judge's maps.
    """

    psnr: float
    ssim: float
    psnr_face: float
    ssim_face: float
    perceptual: float


@dataclass(frozen=True)
class Rate:
    """KL of the posterior to a standard normal, mean over pictures.

    Attributes:
        nats: of the whole code.
        nats_per_number: the same over its length.
        used: numbers of the code that carry more than a twentieth of a nat.
    """

    nats: float
    nats_per_number: float
    used: int


def score_reconstructions(made: U8, pictures: U8, face: Bool, judge: JudgeFeatures) -> Reconstruction:
    """Scores what was made of pictures.

    Args:
        made, pictures: (N, S, S, 3) uint8.
        face: (N, S, S) bool; a picture without any face counts for the whole crop only.
        judge: for the perceptual distance.
    """
    maps = [ssim_map(one, true) for one, true in zip(made, pictures)]
    whole = np.ones(pictures.shape[1:3], bool)
    shown = [(m, p, f) for m, p, f in zip(made, pictures, face) if f.any()]
    return Reconstruction(
        psnr=float(np.mean([capped_psnr(one, true, whole) for one, true in zip(made, pictures)])),
        ssim=float(np.mean([similar.mean() for similar in maps])),
        psnr_face=float(np.mean([capped_psnr(*row) for row in shown])),
        ssim_face=float(np.mean([similar[mask].mean() for similar, mask in zip(maps, face) if mask.any()])),
        perceptual=float(judge.distance(made, pictures).mean()),
    )


def ssim_map(made: U8, picture: U8) -> F64:
    """Structural similarity at every pixel, mean over the channels, (H, W); borders are mirrored.

    Args:
        made, picture: (H, W, 3) uint8.

    Source: Wang et al. 2004 (doi.org/10.1109/TIP.2003.819861), eq. 13, with its Gaussian window and constants.
    """
    x, y = made.astype(np.float64), picture.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    over = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    under = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return np.asarray((over / under).mean(-1))


def measure_rate(mean: NDArray[np.floating], log_variance: NDArray[np.floating]) -> Rate:
    """The rate of a code to a standard normal; of normalised latents that prior has the scale of the codes themselves.

    Args:
        mean, log_variance: (N, D) of the posteriors.

    Source: Kingma and Welling 2014 (arXiv:1312.6114), appendix B; the sign as in "-D_KL", which is a KL with minus.
    """
    m, v = mean.astype(np.float64), log_variance.astype(np.float64)
    kl = 0.5 * (m**2 + np.exp(v) - v - 1.0).mean(0)
    return Rate(float(kl.sum()), float(kl.mean()), int((kl > 0.05).sum()))


def _blur(values: F64) -> F64:
    size = (WINDOW_PX, WINDOW_PX)
    return np.asarray(cv2.GaussianBlur(values, size, SIGMA_PX, borderType=cv2.BORDER_REFLECT), np.float64)
