"""The One-Euro filter: smooths much where a signal rests, and little where it moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class OneEuroSettings:
    """The filter's three numbers.

    Attributes:
        min_cutoff_hz: cutoff at rest; lower removes more jitter.
        beta: growth of the cutoff with speed, Hz per (unit / s); higher lags less.
        speed_cutoff_hz: cutoff of the speed's own filter.
    """

    min_cutoff_hz: float
    beta: float
    speed_cutoff_hz: float = 1.0


@dataclass(frozen=True, eq=False)
class OneEuroState:
    """What the filter remembers.

    Attributes:
        value: the last filtered value, float64 of any shape.
        speed: its filtered speed per second, same shape.
        seconds: when it was.
    """

    value: F64
    speed: F64
    seconds: float


def smoothing_factor(cutoff_hz: F64 | float, step_seconds: float) -> F64:
    """Weight of the new value in an exponential filter with a cutoff frequency.

    Source: Casiez, Roussel, Vogel 2012, eqs. 3 and 5: alpha = 1 / (1 + tau / Te), tau = 1 / (2 pi fc).
    """
    tau = 1.0 / (2.0 * math.pi * np.asarray(cutoff_hz, np.float64))
    return np.asarray(1.0 / (1.0 + tau / step_seconds))


def one_euro(
    settings: OneEuroSettings,
    state: OneEuroState | None,
    value: NDArray[np.floating],
    seconds: float,
    unit: float = 1.0,
) -> OneEuroState:
    """Filters the next value of a signal.

    Args:
        settings: the filter's numbers.
        state: what the last call gave, or None at the start.
        value: any shape, but the same at every call.
        seconds: time of the value; later than the state's.
        unit: the length in which speed is counted, in the value's own unit, for example the size of the face in pixels.

    Returns:
        The new state; its `value` is the result. At the start, or where time does not advance, the value itself.

    Source: Casiez, Roussel, Vogel 2012, "1 Euro Filter", algorithms 1 and 2 (doi.org/10.1145/2207676.2208639).
    """
    new = np.asarray(value, np.float64)
    if state is None or seconds <= state.seconds:
        return OneEuroState(new.copy(), np.zeros_like(new), seconds)
    step = seconds - state.seconds
    weight = smoothing_factor(settings.speed_cutoff_hz, step)
    speed = weight * ((new - state.value) / step) + (1.0 - weight) * state.speed
    weight = smoothing_factor(settings.min_cutoff_hz + settings.beta * np.abs(speed) / unit, step)
    return OneEuroState(weight * new + (1.0 - weight) * state.value, speed, seconds)
