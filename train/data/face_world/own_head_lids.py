"""The own head's lids: skin that slides over the eyeball, with a crease and a fold above the upper margin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from train.data.face_world.own_head_canon import EYE_CORNERS
from train.data.face_world.own_head_expression import lid_heights
from train.data.face_world.types import F32, I32

_LID_REACH = (0.34, 0.30)  # how far above and below the line the skin slides along
_CREASE_ABOVE, _CREASE_DEPTH, _CREASE_WIDTH = 0.055, 0.012, 0.020
_FOLD_ABOVE, _FOLD_HEIGHT, _FOLD_WIDTH = 0.115, 0.020, 0.060
_SPARE_ROWS = 4


class Lids:
    """The lids' skin: slides along the closed surface, so that it always lies on the eyeball's sphere."""

    def __init__(self, upper_row: I32, lower_row: I32, mean: F32, eye_row: int) -> None:
        columns = mean.shape[1]
        across = np.abs(mean[eye_row, :, 0])
        inner, outer = EYE_CORNERS
        where = np.clip((across - inner) / (outer - inner), 0.0, 1.0)
        front = mean[eye_row, :, 2] > 0
        # arcs of the margins: the upper one peaks towards the nose, the lower one away from it
        self._upper_arc = np.where(front, np.sin(np.pi * where**0.88) ** 0.72, 0.0)
        self._lower_arc = np.where(front, np.sin(np.pi * where**1.18) ** 0.85, 0.0)
        level = mean[..., 1]
        moving = (
            (self._upper_arc > 1e-3)[None] & (level < _LID_REACH[0]) & (level > -_LID_REACH[1]) & (mean[..., 2] > -0.3)
        )
        row, column = np.nonzero(moving)
        upper = row <= eye_row
        vertex = row * columns + column
        copy = np.nonzero(lower_row != upper_row)[0]
        self._column = np.concatenate([column, copy])
        self._vertex = np.concatenate([vertex, lower_row[copy]])
        self._upper = np.concatenate([upper, np.zeros(len(copy), bool)])
        self._level = np.concatenate([level[row, column], level[eye_row, copy]])
        self._rows = slice(int(row.min()) - _SPARE_ROWS, int(row.max()) + _SPARE_ROWS)  # where lids can slide to
        self._left = self._column > columns // 2
        reach = np.where(self._upper, _LID_REACH[0], _LID_REACH[1])
        self._fall = (1.0 - np.clip(np.abs(self._level) / reach, 0.0, 1.0)) ** 2
        self.rows = self._margins(upper_row, lower_row, columns)

    def _margins(self, upper_row: I32, lower_row: I32, columns: int) -> tuple[I32, I32, I32, I32]:
        opened = np.nonzero(lower_row != upper_row)[0]
        right, left = (opened[opened < columns // 2], opened[opened > columns // 2])
        run = {"right": np.arange(right[0] - 1, right[-1] + 2)[::-1], "left": np.arange(left[0] - 1, left[-1] + 2)}
        picked = [row[run[side]].astype(np.int32) for side in ("right", "left") for row in (upper_row, lower_row)]
        return picked[0], picked[1], picked[2], picked[3]

    def slide(self, skin: F32, traced: F32, expression: Mapping[str, float], opening: float) -> None:
        """Opens the lids of closed skin, in place."""
        (left_up, left_low), (right_up, right_low) = (
            lid_heights(expression, side, opening) for side in ("Left", "Right")
        )
        upper_arc, lower_arc = self._upper_arc[self._column], self._lower_arc[self._column]
        up = np.where(self._left, left_up, right_up) * upper_arc
        low = np.where(self._left, left_low, right_low) * lower_arc
        margin = np.where(self._upper, np.maximum(up, low), low)
        level = self._level + margin * self._fall
        moved = _along_columns(traced[self._rows], self._column, level)
        # the crease above the margin and the fold of skin over it, deeper the more the eye is open
        opened = np.clip((up - low) / 0.16, 0.0, 1.2) * np.sqrt(upper_arc)
        above = level - np.maximum(up, low)
        crease = -_CREASE_DEPTH * np.exp(-(((above - _CREASE_ABOVE) / _CREASE_WIDTH) ** 2))
        fold = _FOLD_HEIGHT * np.exp(-(((above - _FOLD_ABOVE) / _FOLD_WIDTH) ** 2))
        moved[:, 2] += np.where(self._upper, (crease + fold) * opened, 0.0)
        skin[self._vertex] = moved


def _along_columns(traced: F32, column: I32, level: F32) -> F32:
    """Points of grid columns at given heights, by linear interpolation between rows."""
    lines = traced[:, column]  # (R, N, 3), heights fall along axis 0
    below = np.clip((lines[..., 1] > level).sum(0), 1, len(lines) - 1)
    pick = np.arange(len(column))
    first, second = lines[below - 1, pick], lines[below, pick]
    t = (first[:, 1] - level) / (first[:, 1] - second[:, 1])
    return first + (second - first) * t[:, None]
