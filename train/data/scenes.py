"""Scenes with several faces for the detector, composed from portraits with alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import apply_matrix, five_points
from facesdk.faces.boxes import face_box
from train.data.degrade import HARD, DegradeConfig, degrade
from train.data.face_world.background import TRAIN_KINDS, render_background
from train.data.occlude import occlude, texture

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

PHOTOGRAPHED = 0.5  # of the scenes, where photographs are given


@dataclass(frozen=True)
class Scene:
    """A picture with faces.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        boxes: (N, 4) float32, x0, y0, x1, y1 pixels, forehead to chin.
        points: (N, 5, 2) float32 pixels.
        shown: (N,) float32, share of each box that lies inside the picture and is not covered.
    """

    image: U8
    boxes: F32
    points: F32
    shown: F32


def _backdrop(rng: np.random.Generator, size: int, kinds: tuple[str, ...], photographs: U8 | None) -> U8:
    if photographs is not None and rng.random() < PHOTOGRAPHED:
        return _cut_out_of(photographs[rng.integers(len(photographs))], rng, size)
    if rng.random() < 0.2:
        return texture(rng, (size, size))
    kind = str(rng.choice(kinds))
    linear = render_background(kind, int(rng.integers(1 << 30)), size) * rng.uniform(0.4, 1.2)
    return (np.clip(linear, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def _cut_out_of(picture: U8, rng: np.random.Generator, size: int) -> U8:
    side = int(rng.uniform(0.6, 1.0) * len(picture))
    top, left = rng.integers(0, len(picture) - side + 1, 2)
    cut = picture[top : top + side, left : left + side, :: -1 if rng.random() < 0.5 else 1][..., :3]
    out = cv2.resize(np.ascontiguousarray(cut), (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(out * rng.uniform(0.6, 1.2), 0, 255).astype(np.uint8)


def compose_scene(
    portraits: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
    size: int = 320,
    face_range: tuple[float, float] = (16, 220),
    max_faces: int = 5,
    kinds: tuple[str, ...] = TRAIN_KINDS,
    config: DegradeConfig = HARD,
    min_faces: int = 0,
    photographs: U8 | None = None,
) -> Scene:
    """Pastes some portraits, farthest first, over a random backdrop and degrades the whole.

    Args:
        portraits: arrays rgb (N, P, P, 3), alpha (N, P, P) uint8, landmarks (N, 68, 2).
        rng: source of randomness.
        size: side of the scene in pixels.
        face_range: height of a face's box in pixels, drawn log-uniformly.
        max_faces: largest number of faces.
        kinds: background kinds to draw from.
        config: degradation.
        min_faces: least number of faces.
        photographs: (N, P, P, 3) of `train.data.backdrops`, what half of the scenes are before; None draws all.

    Returns:
        The scene; boxes whose face is less than half inside the picture or mostly covered are left out.
    """
    image = _backdrop(rng, size, kinds, photographs).astype(np.float32)
    odds = _count_probabilities(max_faces)[min_faces:]
    count = min_faces + int(rng.choice(len(odds), p=odds / odds.sum()))
    heights = np.sort(np.exp(rng.uniform(np.log(face_range[0]), np.log(face_range[1]), count)))
    boxes, points, coverage = [], [], []
    for height in heights:
        row = int(rng.integers(len(portraits["rgb"])))
        marks = portraits["landmarks"][row]
        box = face_box(marks)
        scale = height / (box[3] - box[1])
        angle = np.deg2rad(rng.normal(0, 10) if rng.random() < 0.85 else rng.uniform(-60, 60))
        flip = rng.random() < 0.5
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
        centre = (box[:2] + box[2:]) / 2
        where = rng.uniform(-0.05, 1.05, 2) * size
        if flip:
            linear = linear @ np.diag([-1.0, 1.0]).astype(np.float32)
        matrix = np.concatenate([linear, (where - linear @ centre)[:, None]], 1).astype(np.float32)
        alpha = portraits["alpha"][row].astype(np.float32) / 255
        rgb = portraits["rgb"][row]
        if scale < 0.5:
            # Area filter before shrinking, as a camera's pixels would do.
            sigma = 0.4 * (1 / scale - 1)
            rgb, alpha = cv2.GaussianBlur(rgb, (0, 0), sigma), cv2.GaussianBlur(alpha, (0, 0), sigma)
        mask = _paste(image, rgb, alpha, matrix)
        for earlier in range(len(boxes)):
            coverage[earlier] = max(coverage[earlier], covered_share(boxes[earlier], mask))
        placed = apply_matrix(matrix, marks)
        five = five_points(placed)
        if flip:
            # A mirrored face's 68 points keep their meaning by swapping sides; box and five points need only these.
            five = apply_matrix(matrix, five_points(marks))[[1, 0, 2, 4, 3]]
        boxes.append(face_box(placed))
        points.append(five)
        coverage.append(0.0)
    out = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        out, shade = occlude(out, rng)
        coverage = [max(c, covered_share(b, shade)) for c, b in zip(coverage, boxes)]
    inside = [_inside(box, size) for box in boxes]
    keep = [i for i in range(len(boxes)) if coverage[i] < 0.5 and inside[i] > 0.5]
    return Scene(
        image=degrade(out, rng, config),
        boxes=np.array([boxes[i] for i in keep], np.float32).reshape(-1, 4),
        points=np.array([points[i] for i in keep], np.float32).reshape(-1, 5, 2),
        shown=np.array([inside[i] * (1 - coverage[i]) for i in keep], np.float32),
    )


def _paste(image: F32, rgb: U8, alpha: F32, matrix: F32) -> F32:
    """Lays a portrait over a picture, in place and where it is only; says what it covers, (S, S) float32."""
    size, side = image.shape[0], rgb.shape[0]
    corners = apply_matrix(matrix, np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float32))
    (x0, y0), (x1, y1) = (np.clip(v, 0, size).astype(int) for v in (corners.min(0) - 2, corners.max(0) + 3))
    covered = np.zeros((size, size), np.float32)
    if x0 >= x1 or y0 >= y1:
        return covered
    part, into = matrix - np.array([[0, 0, x0], [0, 0, y0]], np.float32), (int(x1 - x0), int(y1 - y0))
    warped = cv2.warpAffine(rgb, part, into, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(alpha, part, into, flags=cv2.INTER_LINEAR)
    mask = mask * (mask > 0.02)
    place = image[y0:y1, x0:x1]
    place += (warped - place) * mask[..., None]
    covered[y0:y1, x0:x1] = mask
    return covered


def _count_probabilities(max_faces: int) -> NDArray[np.float64]:
    weights = np.array([0.5] + [1.0 / (i + 0.5) ** 0.5 for i in range(1, max_faces + 1)])
    return weights / weights.sum()


def covered_share(box: F32, mask: F32) -> float:
    """Share of a box's part inside a picture that a mask (S, S) covers; 1 where no part is inside."""
    size = mask.shape[0]
    x0, y0, x1, y1 = (int(np.clip(v, 0, size)) for v in box)
    area = mask[y0:y1, x0:x1]
    return float((area > 0.5).mean()) if area.size else 1.0


def _inside(box: F32, size: int) -> float:
    clipped = np.clip(box, 0, size)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return float((clipped[2] - clipped[0]) * (clipped[3] - clipped[1]) / max(area, 1e-6))
