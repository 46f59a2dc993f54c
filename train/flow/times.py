"""Where on the path training looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

# Steps that a sampler takes: their spans are trained as they are used.
FEW_STEPS = (1, 2, 4)


def logit_normal(rng: np.random.Generator, count: int, mean: float = 0.0, std: float = 1.0) -> F32:
    """Times in (0, 1), the sigmoid of a normal draw: the middle of the path, where the velocity is hard to tell.

    Returns:
        (count,) float32.

    Source: Esser et al. 2024, eq. 19 (arXiv:2403.03206).
    """
    return (1 / (1 + np.exp(-(mean + std * rng.standard_normal(count))))).astype(np.float32)


def few_step_spans(rng: np.random.Generator, count: int) -> tuple[F32, F32]:
    """Steps of the samplers of FEW_STEPS: (count,) begin and (count,) end of one step each."""
    steps = rng.choice(FEW_STEPS, count)
    index = (rng.random(count) * steps).astype(np.int64)
    return (index / steps).astype(np.float32), ((index + 1) / steps).astype(np.float32)


def time_spans(rng: np.random.Generator, count: int, share: float, few: float = 0.5) -> tuple[F32, F32]:
    """Times and ends for an average velocity.

    Args:
        rng: moves on by this draw.
        count: pairs.
        share: of them have a span; of the others the end is the time.
        few: of those with a span, this share are steps of a sampler; the ends of the others are two logit-normal draws.

    Returns:
        time and end, (count,) float32, 0 <= time <= end <= 1; those with a span come first.

    Source: Geng et al. 2025, section 4.3 (arXiv:2505.13447): logit-normal of mean -0.4 with time from data to noise,
        so +0.4 here; the sampler's own steps are this project's addition.
    """
    both = np.sort(np.stack([logit_normal(rng, count, 0.4), logit_normal(rng, count, 0.4)]), axis=0)
    time, end = both[0].copy(), both[1].copy()
    spanned = round(share * count)
    time[spanned:] = end[spanned:]
    taken = round(few * spanned)
    time[:taken], end[:taken] = few_step_spans(rng, taken)
    return time, end
