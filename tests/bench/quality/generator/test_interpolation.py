from __future__ import annotations

import numpy as np
import pytest

from bench.quality.generator.interpolation import jump_ratio


def test_jump_ratio_of_known_paths() -> None:
    direction = np.array([3.0, 4.0])
    even = np.arange(9)[:, None] * direction
    one_jump = np.repeat([0.0, 1.0], [4, 5])[:, None] * direction
    # Jumps of 1, 1, 1, 1, 1, 1, 1, 5: 5 over a mean of 12 / 8.
    uneven = np.array([0, 1, 2, 3, 4, 5, 6, 7, 12])[:, None] * direction
    still = np.zeros((9, 2))
    ratios = jump_ratio(np.stack([even, one_jump, uneven, still]))
    assert ratios == pytest.approx([1, 8, 5 / 1.5, 1])


def test_only_the_length_of_a_jump_counts() -> None:
    # A path that turns every time, and never goes a shorter way.
    corner = np.cumsum(np.eye(9), axis=0)
    assert jump_ratio(corner[None]) == pytest.approx([1])
    assert jump_ratio(1000 * corner[None] + 7) == pytest.approx([1])
