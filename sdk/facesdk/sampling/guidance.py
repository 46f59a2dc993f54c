"""Classifier-free guidance: how strongly a sample follows what was asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.types import F32

Velocity = Callable[[F32, F32, F32, F32, F32], F32]
"""(latent (B, D), time (B,), end (B,), condition (B, C), identity (B, E)) -> (B, D)."""

MAX_GUIDANCE = 20.0


@dataclass(frozen=True, eq=False)
class Condition:
    """What is asked of faces; zeros ask nothing.

    Attributes:
        attributes: (C,) float32 condition vector of a vocabulary, or (B, C), one a face.
        identity: (E,) float32 embedding of unit length, or zeros.
    """

    attributes: F32
    identity: F32

    def equals(self, other: Condition) -> bool:
        """Whether both ask the same."""
        return np.array_equal(self.attributes, other.attributes) and np.array_equal(self.identity, other.identity)

    def rows(self, count: int) -> tuple[F32, F32]:
        """Attributes (count, C) and identity (count, E).

        Raises:
            InputError: there is one vector a face, for another number of faces.
        """
        if self.attributes.ndim == 2 and len(self.attributes) != count:
            raise InputError(f"conditions of {len(self.attributes)} faces were given for {count}.")
        attributes = np.broadcast_to(self.attributes, (count, self.attributes.shape[-1]))
        return np.ascontiguousarray(attributes), np.tile(self.identity, (count, 1))


def check_guidance(weight: float) -> None:
    """Checks a guidance weight.

    Raises:
        InputError: it is not in 0..MAX_GUIDANCE.
    """
    if not 0.0 <= weight <= MAX_GUIDANCE:
        raise InputError(f"guidance={weight}: 0 to {MAX_GUIDANCE:g} expected.", "1 is no guidance, 2 is usual.")


class GuidedField:
    """A velocity field for a solver: u0 + w (u1 - u0), both evaluated as one batch.

    Args:
        velocity: the network.
        wanted: the condition of u1.
        base: the condition of u0; with zeros this is classifier-free guidance.
        weight: w, 0 to MAX_GUIDANCE; at 0 and 1 only one of the two is evaluated.

    Raises:
        InputError: the weight is out of range.

    Source: Ho and Salimans 2022 (arXiv:2207.12598), eq. 6, with w = 1 + their w.
    """

    def __init__(self, velocity: Velocity, wanted: Condition, base: Condition, weight: float) -> None:
        check_guidance(weight)
        self._velocity = velocity
        self._weight = weight
        if weight == 0.0:
            wanted = base
        elif weight == 1.0:
            base = wanted
        self._wanted, self._base = wanted, base
        self._alone = wanted.equals(base)

    def __call__(
        self, x: NDArray[np.floating], time: NDArray[np.floating], end: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Velocity of x (B, D) from time (B,) to end (B,)."""
        state, start, stop = (np.asarray(values, np.float32) for values in (x, time, end))
        wanted = self._wanted.rows(len(state))
        if self._alone:
            return self._velocity(state, start, stop, *wanted).astype(np.float64)
        base = self._base.rows(len(state))
        both = self._velocity(
            np.concatenate([state, state]),
            np.concatenate([start, start]),
            np.concatenate([stop, stop]),
            np.concatenate([wanted[0], base[0]]),
            np.concatenate([wanted[1], base[1]]),
        ).astype(np.float64)
        u1, u0 = both[: len(state)], both[len(state) :]
        return u0 + self._weight * (u1 - u0)
