"""Greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native


def nms(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], iou: float = 0.4, impl: Impl = "auto"
) -> NDArray[np.intp]:
    """Of boxes that overlap, keeps the best.

    Boxes are taken by falling score (equal scores: the first one first); one stays if its IoU with every box that
    stayed is <= iou, where IoU(a, b) = |a & b| / |a | b| and the area of x0, y0, x1, y1 is (x1 - x0)(y1 - y0).

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        scores: (N,).
        iou: greatest overlap of two boxes that both stay, 0 to 1.
        impl: "auto", "native" or "numpy"; all give the same boxes.

    Returns:
        (K,) indices of the boxes that stay, best first.

    Raises:
        InputError: shapes do not fit, or iou is out of range.
    """
    chosen = choose_impl("nms", impl)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise InputError(f"nms: boxes (N, 4) and scores (N,) expected, got {boxes.shape} and {scores.shape}.")
    if not 0.0 <= iou <= 1.0:
        raise InputError(f"nms: iou={iou}, 0 to 1 expected.")
    left = np.ascontiguousarray(boxes, np.float64)
    order = np.argsort(-scores, kind="stable")
    if chosen == "native":
        return np.asarray(native().nms(left, order, iou), np.intp)
    area = np.maximum(left[:, 2] - left[:, 0], 0.0) * np.maximum(left[:, 3] - left[:, 1], 0.0)
    keep = []
    while order.size:
        best, order = order[0], order[1:]
        keep.append(best)
        corner0 = np.maximum(left[best, :2], left[order, :2])
        corner1 = np.minimum(left[best, 2:], left[order, 2:])
        shared = np.prod(np.maximum(corner1 - corner0, 0.0), axis=1)
        union = area[best] + area[order] - shared
        # Written without a division, so that two boxes of no area do not overlap.
        order = order[shared <= iou * union]
    return np.array(keep, np.intp)
