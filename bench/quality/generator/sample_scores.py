"""Samples against real pictures, in the judge's features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.coverage import (
    NEIGHBOURS,
    mean_distance,
    memorisation,
    neighbour_distance,
    precision_recall,
)
from train.flow.frechet import FrechetReference

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
NEAREST = 500  # samples whose nearest training picture is looked for


@dataclass(frozen=True)
class SampleScores:
    """What a set of samples reaches.

    Attributes:
        frechet: distance to the real pictures.
        ratio: the same over that of as many reconstructions.
        excess_ratio: the same after the distance of as many other real pictures is taken off both, which is what a
            finite number of pictures costs; None where it leaves nothing of the floor.
        precision: share of the samples within the real pictures.
        recall: share of the real pictures within the samples.
        diversity: mean distance of two samples over that of two real pictures.
        nearest: median distance to the nearest training picture over that of unseen real pictures.
        too_near: share of the samples nearer to a training picture than a hundredth of unseen real pictures are.
    """

    frechet: float
    ratio: float
    excess_ratio: float | None
    precision: float
    recall: float
    diversity: float
    nearest: float
    too_near: float


class SampleScorer:
    """Scores samples, always as many of them as there are real pictures on the other side.

    A Frechet distance grows as pictures get fewer. So real pictures, reconstructions and samples are equally many, and
    the pictures that are reconstructed show other people than the real ones that they are compared with, as samples do.

    Args:
        real: (N, F) features of the real pictures.
        reconstructed: (N, F) of reconstructions of pictures of other people.
        originals: (N, F) of those pictures as they are.
        training: (T, F) of all training pictures.
        unseen_distance: (M,) distances of unseen real pictures to the nearest training picture.
    """

    def __init__(self, real: F32, reconstructed: F32, originals: F32, training: F32, unseen_distance: F64) -> None:
        self._real, self._training, self._unseen_distance = real, training, unseen_distance
        self._radii = neighbour_distance(real, real, NEIGHBOURS, same=True)
        self._reference = FrechetReference(real)
        self.floor = self._reference.distance(reconstructed)
        self.real_to_real = self._reference.distance(originals)
        self._spread = mean_distance(real)

    @property
    def count(self) -> int:
        """How many samples are scored."""
        return len(self._real)

    def score(self, samples: F32) -> SampleScores:
        """Scores the first `count` of (N, F) features, N >= count."""
        used = samples[: self.count]
        distance = self._reference.distance(used)
        clear = self.floor - self.real_to_real
        covered = precision_recall(self._real, used, radii=self._radii)
        known = memorisation(neighbour_distance(used[:NEAREST], self._training), self._unseen_distance)
        return SampleScores(
            frechet=distance,
            ratio=distance / self.floor,
            excess_ratio=(distance - self.real_to_real) / clear if clear > 0 else None,
            precision=covered.precision,
            recall=covered.recall,
            diversity=mean_distance(used) / self._spread,
            nearest=known.ratio,
            too_near=known.nearer,
        )
