"""Figures of merit, shared by training's validation and by the quality bench."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Array = NDArray[np.floating]


def psnr(result: Array, truth: Array, mask: NDArray[np.bool_] | None = None, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB over the masked pixels.

    Args:
        result: (H, W, C).
        truth: (H, W, C).
        mask: (H, W) bool; None takes all.
        peak: largest possible value.

    Returns:
        dB; inf for equal pictures, nan for an empty mask.
    """
    error = (result.astype(np.float64) - truth.astype(np.float64)) ** 2
    error = error.mean(-1)
    selected = error if mask is None else error[mask]
    if selected.size == 0:
        return float("nan")
    mean = float(selected.mean())
    return float("inf") if mean == 0 else float(10 * np.log10(peak**2 / mean))


def roc_auc(scores: Array, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counted half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def verification_auc(
    embeddings: Array, labels: NDArray[np.integer], groups: NDArray[np.integer] | None = None
) -> float:
    """AUC over all pairs of pictures; pairs of one group (same hair, light and background) are left out.

    Args:
        embeddings: (N, D), any norm.
        labels: (N,) identity.
        groups: (N,) or None.
    """
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarity = unit @ unit.T
    first, second = np.triu_indices(len(labels), 1)
    use = np.ones(len(first), bool) if groups is None else groups[first] != groups[second]
    first, second = first[use], second[use]
    return roc_auc(similarity[first, second], labels[first] == labels[second])


def gallery_rank(
    queries: Array, gallery: Array, gallery_labels: NDArray[np.integer], labels: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Rank of the right identity for each query, 0 = first; a gallery identity scores its best picture.

    Args:
        queries: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        gallery_labels: (G,) identity of each gallery picture.
        labels: (Q,) the identity that each query should find.
    """
    q = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    g = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    similarity = q @ g.T
    names = np.unique(gallery_labels)
    best = np.stack([similarity[:, gallery_labels == name].max(1) for name in names], 1)
    own = best[np.arange(len(labels)), np.searchsorted(names, labels)]
    return (best > own[:, None]).sum(1)


def interocular(landmarks: Array) -> Array:
    """Distance of the eye centres, from (..., 68, 2) landmarks."""
    return np.linalg.norm(landmarks[..., 36:42, :].mean(-2) - landmarks[..., 42:48, :].mean(-2), axis=-1)


def normalised_error(predicted: Array, truth: Array, floor: float = 1e-6) -> Array:
    """RMS landmark error over the interocular distance of the truth, one value a face, from (..., 68, 2)."""
    distance = ((predicted - truth) ** 2).sum(-1).mean(-1) ** 0.5
    return distance / np.maximum(interocular(truth), floor)


def box_iou(a: Array, b: Array) -> Array:
    """Intersection over union of (N, 4) and (M, 4) boxes x0 y0 x1 y1, (N, M)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(-1)
    area = lambda box: (box[:, 2:] - box[:, :2]).prod(-1)  # noqa: E731
    return inter / np.maximum(area(a)[:, None] + area(b)[None] - inter, 1e-9)


def recall(
    found: list[Array],
    truth: list[Array],
    iou: float = 0.5,
    smallest: float = 32.0,
    counted: list[NDArray[np.bool_]] | None = None,
) -> float:
    """Share of true faces at least `smallest` pixels high that a found box overlaps by `iou`; each box serves once.

    Args:
        found: (n, 4) boxes of each picture.
        truth: (m, 4) faces of each picture.
        iou: least overlap.
        smallest: pixels.
        counted: (m,) for each picture, which faces count; None for all.
    """
    hits = total = 0
    for number, (boxes, faces) in enumerate(zip(found, truth)):
        overlap = box_iou(faces, boxes) if len(boxes) and len(faces) else np.zeros((len(faces), len(boxes)))
        taken: set[int] = set()
        for index, face in enumerate(faces):
            if face[3] - face[1] < smallest or (counted is not None and not counted[number][index]):
                continue
            total += 1
            for candidate in np.argsort(-overlap[index]):
                if overlap[index, candidate] < iou:
                    break
                if int(candidate) not in taken:
                    taken.add(int(candidate))
                    hits += 1
                    break
    return hits / total if total else float("nan")


def mean_iou(predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> list[float]:
    """Intersection over union per class over all pixels; nan where a class is absent."""
    out = []
    for index in range(classes):
        p, t = predicted == index, truth == index
        union = int((p | t).sum())
        out.append(float((p & t).sum() / union) if union else float("nan"))
    return out
