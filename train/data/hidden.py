"""Faces that are partly hidden, as in pictures of several people: by somebody in front, or cut by the border."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.boxes import face_box
from train.data.scenes import covered_share

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
MOST = 0.5  # of a face's box: `compose_scene` lists no face that is hidden further


def stand_in_front(
    image: U8, placed: NDArray[np.floating], people: Mapping[str, NDArray[Any]], rng: np.random.Generator
) -> tuple[U8, F32]:
    """Puts another person between the camera and a crop's face, so that at most half of its box is hidden.

    Args:
        image: (S, S, 3) uint8 crop.
        placed: (68, 2) landmarks of its face, pixels.
        people: portraits to draw from: rgb, alpha, landmarks.
        rng: source of randomness.

    Returns:
        The picture (S, S, 3) uint8 and what the person covers (S, S) float32 in [0, 1]; unchanged where the place that
        was drawn would have hidden more.
    """
    size = image.shape[0]
    row = int(rng.integers(len(people["rgb"])))
    box, other = face_box(placed), face_box(people["landmarks"][row])
    side = float(max(box[2:] - box[:2]))
    # Who stands in front is nearer, and so rather larger.
    scale = side * np.exp(rng.uniform(-0.3, 0.8)) / float(max(other[2:] - other[:2]))
    angle = rng.uniform(-0.25, 1.25) * np.pi  # beside and below rather than above
    reach = (0.5 * side + 0.5 * scale * float(max(other[2:] - other[:2]))) * rng.uniform(0.7, 1.2)
    centre = (box[:2] + box[2:]) / 2 + reach * np.array([np.cos(angle), np.sin(angle)])
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.diag([flip, 1.0])
    matrix = np.concatenate([linear, (centre - linear @ (other[:2] + other[2:]) / 2)[:, None]], 1)
    rgb, alpha = people["rgb"][row], people["alpha"][row]
    mask = cv2.warpAffine(alpha, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    if covered_share(box, mask) > MOST:
        return image, np.zeros((size, size), np.float32)
    front = cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mixed = image * (1 - mask[..., None]) + front * mask[..., None]
    return np.asarray(np.rint(mixed), np.uint8), mask


def cut_by_border(image: U8, placed: NDArray[np.floating], rng: np.random.Generator) -> tuple[U8, F32]:
    """Ends the picture at a line through a crop's face; beyond it the border is repeated, as the runtime's crops do.

    Args:
        image: (S, S, 3) uint8 crop.
        placed: (68, 2) landmarks of its face, pixels.
        rng: source of randomness.

    Returns:
        The picture (S, S, 3) uint8 and where it ended, (S, S) float32, 1 beyond the border.
    """
    size = image.shape[0]
    box = face_box(placed)
    axis, end = int(rng.integers(2)), int(rng.integers(2))  # across or down, from the start or from the end
    share = rng.uniform(0.0, MOST) * (box[2 + axis] - box[axis])
    line = int(np.clip(round(float(box[2 + axis] - share if end else box[axis] + share)), 1, size - 1))
    out, gone = image.copy(), np.zeros((size, size), np.float32)
    # Views whose first axis is the one that ends.
    rows, away = (out.swapaxes(0, 1), gone.T) if axis == 0 else (out, gone)
    if end:
        rows[line:], away[line:] = rows[line - 1], 1
    else:
        rows[:line], away[:line] = rows[line], 1
    return out, gone
