"""Do faces change evenly on the way from one to another?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.under_test import GeneratorUnderTest
from facesdk.sampling.slerp import slerp

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
STEPS = 9  # faces of a path, as `facesdk generate --interpolate A B --steps 9` makes


def make_paths(generator: GeneratorUnderTest, starts: F32, ends: F32, steps: int = STEPS) -> U8:
    """Pictures on the paths between latents, as `FaceGenerator.interpolate` goes them.

    Args:
        generator: decodes.
        starts, ends: (N, D) normalised latents.
        steps: faces of a path, both ends included.

    Returns:
        (N, steps, S, S, 3) uint8.
    """
    weights = np.linspace(0.0, 1.0, steps)
    latents = np.concatenate([slerp(a, b, weights) for a, b in zip(starts, ends)])
    pictures = generator.decode(latents)
    return pictures.reshape(len(starts), steps, *pictures.shape[1:])


def path_jumps(judge: JudgeFeatures, paths: U8) -> NDArray[np.float64]:
    """Largest jump over mean jump of each path of (N, steps, S, S, 3) pictures, in the judge's features, (N,)."""
    features = judge.pooled(paths.reshape(-1, *paths.shape[2:]))
    return jump_ratio(features.reshape(*paths.shape[:2], -1))


def jump_ratio(paths: NDArray[np.floating]) -> NDArray[np.float64]:
    """Largest distance of neighbours over the mean distance of neighbours.

    Args:
        paths: (N, steps, F) features.

    Returns:
        (N,) from 1 (even) to steps - 1 (all at once); 1 for a path that stays where it is.
    """
    jumps = np.linalg.norm(np.diff(paths.astype(np.float64), axis=1), axis=2)
    mean = jumps.mean(1)
    return np.asarray(np.divide(jumps.max(1), mean, out=np.ones_like(mean), where=mean > 0))
