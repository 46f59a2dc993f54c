"""Who belongs to whom: the pairing of two lists with the largest total score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_pairs(scores: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Pairs rows with columns so that the sum of their scores is as large as it can be.

    Args:
        scores: (n, m) finite; -inf is not allowed, 0 means "rather not at all": only pairs above 0 are given.

    Returns:
        (row, column) pairs by row; each row and column at most once.

    Source: the Hungarian method with potentials, O(n^2 m): Jonker and Volgenant 1987 (doi.org/10.1007/BF02278710).
    """
    if scores.size == 0:
        return []
    flipped = scores.shape[0] > scores.shape[1]
    gains = np.maximum(np.asarray(scores.T if flipped else scores, np.float64), 0.0)
    rows, columns = gains.shape
    cost = gains.max() - gains
    # Row 0 and column 0 are the method's own; row_of[column] = 0 says that a column is free.
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    row_of = np.zeros(columns + 1, int)
    for row in range(1, rows + 1):
        row_of[0] = row
        nearest = np.full(columns + 1, np.inf)
        before = np.zeros(columns + 1, int)
        done = np.zeros(columns + 1, bool)
        column = 0
        while row_of[column] != 0:
            done[column] = True
            at = row_of[column]
            reduced = cost[at - 1] - row_price[at] - column_price[1:]
            better = ~done[1:] & (reduced < nearest[1:])
            nearest[1:][better] = reduced[better]
            before[1:][better] = column
            open_columns = np.where(done[1:], np.inf, nearest[1:])
            following = int(np.argmin(open_columns)) + 1
            step = open_columns[following - 1]
            row_price[row_of[done]] += step
            column_price[done] -= step
            nearest[1:][~done[1:]] -= step
            column = following
        while column:
            row_of[column] = row_of[before[column]]
            column = int(before[column])
    pairs = [(int(row_of[column]) - 1, column - 1) for column in range(1, columns + 1) if row_of[column]]
    kept = [(row, column) for row, column in pairs if gains[row, column] > 0]
    return sorted((column, row) if flipped else (row, column) for row, column in kept)


def overlaps(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of every box with every other.

    Args:
        first: (n, 4) x0, y0, x1, y1.
        second: (m, 4).

    Returns:
        (n, m) float64, 0 to 1.
    """
    a, b = first.reshape(-1, 1, 4).astype(np.float64), second.reshape(1, -1, 4).astype(np.float64)
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0.0)
    shared = sides.prod(-1)
    areas = np.maximum(a[..., 2:] - a[..., :2], 0.0).prod(-1) + np.maximum(b[..., 2:] - b[..., :2], 0.0).prod(-1)
    return np.asarray(shared / np.maximum(areas - shared, 1e-12))
