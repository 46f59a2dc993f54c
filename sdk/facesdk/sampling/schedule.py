"""Time grids of a fixed-step solver; time 0 is noise and time 1 is data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

MAX_STEPS = 1000


def time_grid(steps: int, start: float = 0.0, end: float = 1.0, shift: float = 1.0) -> NDArray[np.float64]:
    """The times between which a solver steps.

    Args:
        steps: how many steps, 1 to MAX_STEPS.
        start, end: first and last time, 0 to 1; end < start runs backwards, from data to noise.
        shift: t' = s t / (1 + (s - 1) t) of the share t of the way; 1 is uniform, below 1 the first steps are shorter.

    Returns:
        (steps + 1,) float64 from start to end.

    Raises:
        InputError: a number is out of range.

    Source: time shift of Esser et al. 2024 (arXiv:2403.03206), eq. 23.
    """
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"steps={steps}: 1 to {MAX_STEPS} expected.")
    if not (0.0 <= start <= 1.0 and 0.0 <= end <= 1.0 and shift > 0.0):
        raise InputError(f"time grid from {start} to {end}, shift {shift}: times 0 to 1 and a positive shift expected.")
    uniform = np.linspace(0.0, 1.0, steps + 1)
    return start + (end - start) * shift * uniform / (1.0 + (shift - 1.0) * uniform)
