"""A picture of some swaps: what went in, the exact answer, and what each method made of it."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
COLUMNS = ("source", "target", "exact", "swap", "classic", "recoloured")
HEADER_PX = 28


def swap_sheet(pictures: Mapping[str, U8], rows: int = 12) -> U8:
    """One row a swap, evenly drawn from all.

    Args:
        pictures: for each of COLUMNS (N, S, S, 3) uint8.
        rows: most rows.

    Returns:
        (28 + rows S, 6 S, 3) uint8 RGB.
    """
    count = len(pictures["target"])
    chosen = np.unique(np.linspace(0, count - 1, min(rows, count)).round().astype(int))
    body = np.vstack([np.hstack([pictures[name][index] for name in COLUMNS]) for index in chosen])
    header = np.full((HEADER_PX, body.shape[1], 3), 24, np.uint8)
    size = pictures["target"].shape[2]
    for column, name in enumerate(COLUMNS):
        at = (column * size + 8, 20)
        cv2.putText(header, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([header, body])
