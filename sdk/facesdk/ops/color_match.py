"""Gives one picture the colours of another: mean and spread of channels that hardly depend on each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, require_impl
from facesdk.types import F32

# RGB to LMS cone responses. Source: Reinhard et al. 2001, eq. 4.
_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]], np.float32)
# log LMS to l, alpha, beta, which are nearly uncorrelated in natural pictures. Source: same, eq. 6.
_LAB = np.diag(1.0 / np.sqrt(np.array([3.0, 6.0, 2.0], np.float32))) @ np.array(
    [[1, 1, 1], [1, 1, -2], [1, -1, 0]], np.float32
)
_LMS_INVERSE = np.linalg.inv(_LMS.astype(np.float64)).astype(np.float32)
_LAB_INVERSE = np.linalg.inv(_LAB.astype(np.float64)).astype(np.float32)

# Two steps of 8 bits: keeps the logarithm of black finite and its noise small.
_FLOOR = 2.0 / 255.0
MIN_WEIGHT = 16.0
"""Least sum of the mask: fewer pixels say nothing about a colour."""


def color_match(
    source: NDArray[np.generic],
    reference: NDArray[np.generic],
    mask: NDArray[np.floating],
    strength: float = 1.0,
    max_gain: float = 1.5,
    impl: Impl = "numpy",
) -> F32:
    """Moves the mean and the spread of the source's colours to the reference's.

    In l-alpha-beta, for each channel: x' = (x - mean_s) g + mean_r, g = clip(std_r / std_s, 1 / max_gain, max_gain);
    mean and std are weighted by the mask. Then x'' = x + strength (x' - x).

    Args:
        source: (h, w, 3) RGB, 0 to 255, any real dtype.
        reference: (h, w, 3), aligned with the source.
        mask: (h, w) weights 0 to 1 of the pixels that are compared. The whole source is changed.
        strength: 0 = the source as it is, 1 = all the way.
        max_gain: limit of the change in spread, >= 1.
        impl: "numpy".

    Returns:
        (h, w, 3) float32, 0 to 255, not rounded.

    Raises:
        InputError: shapes do not fit, or the mask weighs less than MIN_WEIGHT pixels.

    Source: Reinhard, Ashikhmin, Gooch, Shirley 2001, eqs. 4-11 (doi.org/10.1109/38.946629).
    """
    require_impl("color_match", impl)
    if source.ndim != 3 or source.shape[2] != 3 or source.shape != reference.shape or mask.shape != source.shape[:2]:
        raise InputError(
            "color_match: two (h, w, 3) pictures and an (h, w) mask expected, "
            f"got {source.shape}, {reference.shape}, {mask.shape}."
        )
    if not 0.0 <= strength <= 1.0 or max_gain < 1.0:
        raise InputError(f"color_match: strength 0 to 1 and max_gain >= 1 expected, got {strength} and {max_gain}.")
    weight = np.clip(mask, 0.0, 1.0).astype(np.float32)
    if not float(weight.sum()) >= MIN_WEIGHT:
        raise InputError(
            f"color_match: the mask weighs {float(weight.sum()):.1f} pixels, at least {MIN_WEIGHT:.0f} expected."
        )
    lab_source, lab_reference = _to_lab(source), _to_lab(reference)
    mean_s, std_s = _moments(lab_source, weight)
    mean_r, std_r = _moments(lab_reference, weight)
    gain = np.clip((std_r + 1e-6) / (std_s + 1e-6), 1.0 / max_gain, max_gain)
    moved = (lab_source - mean_s) * gain + mean_r
    return _from_lab(lab_source + np.float32(strength) * (moved - lab_source))


def _to_lab(image: NDArray[np.generic]) -> F32:
    lms = (image.astype(np.float32) / 255.0) @ _LMS.T
    return np.asarray(np.log10(np.maximum(lms, 0.0) + _FLOOR) @ _LAB.T, np.float32)


def _from_lab(lab: F32) -> F32:
    lms = np.power(np.float32(10.0), lab @ _LAB_INVERSE.T) - _FLOOR
    return np.asarray(np.clip((lms @ _LMS_INVERSE.T) * 255.0, 0.0, 255.0), np.float32)


def _moments(values: F32, weight: F32) -> tuple[F32, F32]:
    total = weight.sum()
    mean = np.einsum("hw,hwc->c", weight, values) / total
    spread = np.einsum("hw,hwc->c", weight, (values - mean) ** 2) / total
    return mean.astype(np.float32), np.sqrt(spread).astype(np.float32)
