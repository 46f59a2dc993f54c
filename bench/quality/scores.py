"""Scores of a set of swaps against the exact answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from bench.quality.test_set import Arrays
from train.evaluate import gallery_rank, normalised_error, psnr

U8 = NDArray[np.uint8]
Embed = Callable[[U8, NDArray[np.floating]], NDArray[np.float32]]
Locate = Callable[[U8, NDArray[np.floating]], NDArray[np.float32]]
CAP_DB = 60.0  # equal pictures have infinite PSNR: capped, so that a mean can be taken
CHANGED_LEVELS = 8  # of 255: what differs more between target and exact swap has to change
TOP = 5
DETAIL_SIGMA_PX = 1.5
ALIKE = 20  # people of the tone-matched gallery, the right one among them


@dataclass(frozen=True)
class Scores:
    """What one method reaches.

    Attributes:
        psnr_changed: dB, mean over the swaps, pixels of `changed_region`.
        psnr_hull: dB, the same in the hull of the exact swap's landmarks.
        top1: share of results whose nearest gallery identity is the source's.
        top5: share with the source's among the five nearest.
        top5_tone: the same among the 20 people of the gallery nearest in skin tone.
        target_top5: share whose five nearest hold the target's identity.
        landmark_error: RMS distance to the exact swap's landmarks over the interocular distance, mean over the swaps;
            both are found by the same network in the same box, so that its own bias does not count.
        detail: what a blur of DETAIL_SIGMA_PX takes away in the hull, mean of |picture - blurred| in levels: a soft
            picture lacks it, and PSNR does not ask for it.
    """

    psnr_changed: float
    psnr_hull: float
    top1: float
    top5: float
    top5_tone: float
    target_top5: float
    landmark_error: float
    detail: float


@dataclass(frozen=True, eq=False)
class SwapRows:
    """What one method reaches swap by swap; the fields of `Scores` before the mean, and what they were taken from.

    Attributes:
        psnr_changed, psnr_hull: (N,) dB, NaN where nothing has to change.
        rank, rank_tone, rank_target: (N,) people of the gallery that come before the right one, 0 is the best.
        landmark_error: (N,).
        detail: (N,) levels.
        embeddings: (N, E) of the judge.
    """

    psnr_changed: NDArray[np.float64]
    psnr_hull: NDArray[np.float64]
    rank: NDArray[np.integer]
    rank_tone: NDArray[np.integer]
    rank_target: NDArray[np.integer]
    landmark_error: NDArray[np.floating]
    detail: NDArray[np.float64]
    embeddings: NDArray[np.float32]

    def mean(self) -> Scores:
        """The method's scores."""
        return Scores(
            psnr_changed=float(np.nanmean(self.psnr_changed)),
            psnr_hull=float(np.nanmean(self.psnr_hull)),
            top1=float((self.rank < 1).mean()),
            top5=float((self.rank < TOP).mean()),
            top5_tone=float((self.rank_tone < TOP).mean()),
            target_top5=float((self.rank_target < TOP).mean()),
            landmark_error=float(self.landmark_error.mean()),
            detail=float(self.detail.mean()),
        )


class Scorer:
    """Scores results of one test set.

    Args:
        triplets: of `load_test_set`.
        gallery: of `load_test_set`.
        embed: the judge, on pictures and their landmarks.
        locate: the landmark network, on pictures and rough landmarks.
    """

    def __init__(self, triplets: Arrays, gallery: Arrays, embed: Embed, locate: Locate) -> None:
        self._triplets, self._gallery, self._embed, self._locate = triplets, gallery, embed, locate
        self._known = embed(gallery["rgb"], gallery["landmarks"])
        self.exact_points = locate(triplets["exact"], triplets["exact_landmarks"])
        size = triplets["exact"].shape[1]
        self.changed = [changed_region(t, e) for t, e in zip(triplets["target"], triplets["exact"])]
        self._hull = [hull_region(marks, size) for marks in triplets["exact_landmarks"]]

    def score(self, results: U8) -> Scores:
        """Scores of (N, H, W, 3) uint8 results, one for each triplet."""
        return self.rows(results).mean()

    def rows(self, results: U8) -> SwapRows:
        """Scores of each of (N, H, W, 3) uint8 results, one for each triplet."""
        triplets, names = self._triplets, self._gallery["identity"]
        embeddings = self._embed(results, triplets["exact_landmarks"])
        found = self._locate(results, triplets["exact_landmarks"])
        return SwapRows(
            psnr_changed=self.psnr_changed(results),
            psnr_hull=self.psnr_hull(results),
            rank=gallery_rank(embeddings, self._known, names, triplets["identity"]),
            rank_tone=np.array([self._rank_alike(e, int(i)) for e, i in zip(embeddings, triplets["identity"])]),
            rank_target=gallery_rank(embeddings, self._known, names, triplets["target_identity"]),
            landmark_error=normalised_error(found, self.exact_points),
            detail=np.array([fine_detail(*row) for row in zip(results, self._hull)]),
            embeddings=embeddings,
        )

    def psnr_changed(self, results: U8) -> NDArray[np.float64]:
        """(N,) dB in the changed region; nan where nothing has to change."""
        return np.array([capped_psnr(*row) for row in zip(results, self._triplets["exact"], self.changed)])

    def psnr_hull(self, results: U8) -> NDArray[np.float64]:
        """(N,) dB in the hull of the exact swap's landmarks."""
        return np.array([capped_psnr(*row) for row in zip(results, self._triplets["exact"], self._hull)])

    def _rank_alike(self, embedding: NDArray[np.float32], identity: int) -> int:
        rows = tone_matched(self._gallery, identity)
        names = self._gallery["identity"][rows]
        return int(gallery_rank(embedding[None], self._known[rows], names, np.array([identity]))[0])


def capped_psnr(result: U8, exact: U8, region: NDArray[np.bool_]) -> float:
    """dB over the region, at most CAP_DB; nan for an empty region."""
    return float(np.minimum(psnr(result, exact, region), CAP_DB))


def fine_detail(picture: U8, region: NDArray[np.bool_]) -> float:
    """Mean absolute difference of a picture from its own Gaussian blur over a region, levels of 255."""
    values = picture.astype(np.float32)
    return float(np.abs(values - cv2.GaussianBlur(values, (0, 0), DETAIL_SIGMA_PX))[region].mean())


def changed_region(target: U8, exact: U8) -> NDArray[np.bool_]:
    """Pixels that a swap has to change: where the two differ clearly, grown by 2 px; (H, W) bool."""
    return np.asarray(maximum_filter(np.abs(exact.astype(int) - target).max(-1) > CHANGED_LEVELS, 5), bool)


def hull_region(landmarks: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """Inside of the landmarks' convex hull, (size, size) bool."""
    mask = np.zeros((size, size), np.uint8)
    # floor: the pixel that a point lies in.
    cv2.fillConvexPoly(mask, cv2.convexHull(np.floor(landmarks).astype(np.int32)), 1)
    return mask > 0


def tone_matched(gallery: Arrays, identity: int, count: int = ALIKE) -> NDArray[np.int64]:
    """Rows of the gallery: the person first, then those nearest in skin tone."""
    own = gallery["identity"] == identity
    distance = np.abs(gallery["tone"] - gallery["tone"][own][0])
    return np.argsort(np.where(own, -1.0, distance), kind="stable")[:count]
