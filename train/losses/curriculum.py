"""The curriculum: how often source and target are the same picture."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Curriculum:
    """P_pi over the training.

    Attributes:
        hold: share of the training with P = 1: encoder and shortcuts learn to invert. The blending module learns
            nothing then: with W_t = W_s its gate has no effect.
        fall: share at which the floor is reached.
        floor: P from then on.

    Source: seed 000, section 2.4 (P from 1 to 0); shape: specification A6.
    """

    hold: float = 0.05
    fall: float = 0.5
    floor: float = 0.1

    def same_probability(self, progress: float) -> float:
        """P_pi.

        Args:
            progress: share of the training done, in [0, 1].
        """
        if progress <= self.hold:
            return 1.0
        if progress >= self.fall:
            return self.floor
        part = (progress - self.hold) / (self.fall - self.hold)
        return self.floor + (1.0 - self.floor) * 0.5 * (1.0 + math.cos(math.pi * part))
