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


@dataclass(frozen=True)
class Scores:
    """What one method reaches.

    Attributes:
        psnr_changed: dB, pixels where target and exact swap differ by more than 8/255, grown by 2 px.
        psnr_hull: dB, hull of the exact swap's landmarks.
        top1: share of results whose nearest gallery identity is the source's.
        top5: share with the source's among the five nearest.
        top5_tone: the same in a gallery of the 20 identities nearest in skin tone.
        target_top5: share whose five nearest hold the target's identity.
        landmark_error: RMS distance to the exact swap's landmarks over the interocular distance, by one net on both.
    """

    psnr_changed: float
    psnr_hull: float
    top1: float
    top5: float
    top5_tone: float
    target_top5: float
    landmark_error: float


def changed_region(target: U8, exact: U8) -> NDArray[np.bool_]:
    """Pixels that a swap has to change, (H, W) bool."""
    return np.asarray(maximum_filter(np.abs(exact.astype(int) - target).max(-1) > 8, 5), bool)


def hull_region(landmarks: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """Inside of the landmarks' convex hull, (size, size) bool."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(landmarks).astype(np.int32)), 1)
    return mask > 0


def tone_matched(gallery: Arrays, identity: int, count: int = 20) -> NDArray[np.int64]:
    """Rows of the gallery: the person and those nearest in skin tone."""
    own = gallery["tone"][gallery["identity"] == identity][0]
    return np.argsort(np.abs(gallery["tone"] - own), kind="stable")[:count]


def score(
    results: U8,
    triplets: Arrays,
    gallery: Arrays,
    gallery_embeddings: NDArray[np.float32],
    embed: Embed,
    locate: Locate,
) -> Scores:
    """Scores results.

    Args:
        results: (N, H, W, 3) uint8.
        triplets: of `load_test_set`.
        gallery: of `load_test_set`.
        gallery_embeddings: (G, E) of the judge.
        embed: the judge, on pictures and their landmarks.
        locate: the landmark net, on pictures and rough landmarks.
    """
    size = results.shape[1]
    changed, hull = [], []
    for result, target, exact, marks in zip(
        results, triplets["target"], triplets["exact"], triplets["exact_landmarks"]
    ):
        changed.append(psnr(result, exact, changed_region(target, exact)))
        hull.append(psnr(result, exact, hull_region(marks, size)))
    embeddings = embed(results, triplets["exact_landmarks"])
    rank = gallery_rank(embeddings, gallery_embeddings, gallery["identity"], triplets["identity"])
    rank_target = gallery_rank(embeddings, gallery_embeddings, gallery["identity"], triplets["target_identity"])
    tone = []
    for embedding, identity in zip(embeddings, triplets["identity"]):
        rows = tone_matched(gallery, int(identity))
        tone.append(
            gallery_rank(embedding[None], gallery_embeddings[rows], gallery["identity"][rows], np.array([identity]))[0]
        )
    found = locate(results, triplets["exact_landmarks"])
    truth = locate(triplets["exact"], triplets["exact_landmarks"])
    # An exact result has infinite PSNR: capped, so that a mean can be taken.
    cap = np.minimum
    return Scores(
        psnr_changed=float(np.nanmean(cap(changed, 60))), psnr_hull=float(np.nanmean(cap(hull, 60))),
        top1=float((rank < 1).mean()), top5=float((rank < 5).mean()), top5_tone=float((np.array(tone) < 5).mean()),
        target_top5=float((rank_target < 5).mean()), landmark_error=float(normalised_error(found, truth).mean()),
    )  # fmt: skip
