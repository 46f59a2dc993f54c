"""Things in front of a face that the renderer does not draw: hands, bars, cups, cloths, letters."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def texture(rng: np.random.Generator, size_hw: tuple[int, int]) -> U8:
    """A random surface: flat, gradient, stripes, blobs or noise, (H, W, 3) uint8."""
    height, width = size_hw
    low, high = rng.integers(0, 256, 3), rng.integers(0, 256, 3)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    kind = rng.integers(4)
    if kind == 0:
        t = np.full((height, width), rng.random(), np.float32)
    elif kind == 1:
        angle = rng.uniform(0, 2 * np.pi)
        t = (x * np.cos(angle) / width + y * np.sin(angle) / height) * 0.5 + 0.5
    elif kind == 2:
        angle = rng.uniform(0, np.pi)
        t = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0.1, 1.2))
    else:
        cells = int(rng.integers(2, 24))
        t = cv2.resize(rng.random((cells, cells), dtype=np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    t = np.clip(t, 0, 1)[..., None]
    out = low * (1 - t) + high * t
    return np.clip(out + rng.normal(0, rng.uniform(0, 10), (height, width, 1)), 0, 255).astype(np.uint8)


def skin_texture(rng: np.random.Generator, size_hw: tuple[int, int]) -> U8:
    """Something skin-coloured with soft shading, for hands."""
    tone = rng.uniform(0, 1)
    base = np.array([232, 196, 172]) * (1 - tone) + np.array([92, 60, 44]) * tone
    cells = int(rng.integers(2, 7))
    shade = cv2.resize(
        rng.uniform(0.6, 1.15, (cells, cells)).astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_CUBIC
    )
    return np.clip(base * shade[..., None], 0, 255).astype(np.uint8)


def _bar(mask: U8, rng: np.random.Generator) -> None:
    size = mask.shape[0]
    p, q = rng.uniform(-0.1, 1.1, 2) * size, rng.uniform(-0.1, 1.1, 2) * size
    far = (q - p) / (np.linalg.norm(q - p) + 1e-6) * size * 2
    width = int(rng.uniform(0.03, 0.16) * size) + 1
    cv2.line(mask, tuple(int(v) for v in p - far), tuple(int(v) for v in p + far), 255, width, cv2.LINE_AA)


def _hand(mask: U8, rng: np.random.Generator) -> None:
    size = mask.shape[0]
    palm = np.array([rng.uniform(0, 1), rng.uniform(0.35, 1.15)]) * size
    inward = np.array([0.5, 0.45]) * size - palm
    angle = np.arctan2(inward[1], inward[0]) + rng.normal(0, 0.5)
    radius = rng.uniform(0.09, 0.17) * size
    cv2.circle(mask, tuple(int(v) for v in palm), int(radius), 255, -1, cv2.LINE_AA)
    for finger in range(int(rng.integers(3, 6))):
        direction = angle + (finger - 2) * rng.uniform(0.12, 0.3)
        length = radius * rng.uniform(1.4, 2.6)
        tip = palm + length * np.array([np.cos(direction), np.sin(direction)])
        cv2.line(
            mask, tuple(int(v) for v in palm), tuple(int(v) for v in tip), 255, max(2, int(radius * 0.42)), cv2.LINE_AA
        )
    wrist = palm - 3 * radius * np.array([np.cos(angle), np.sin(angle)])
    cv2.line(
        mask, tuple(int(v) for v in palm), tuple(int(v) for v in wrist), 255, max(2, int(radius * 1.5)), cv2.LINE_AA
    )


def _blob(mask: U8, rng: np.random.Generator) -> None:
    size = mask.shape[0]
    count = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = rng.uniform(0.06, 0.28, count) * size
    centre = rng.uniform(0, 1, 2) * size
    points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)


def _text(mask: U8, rng: np.random.Generator) -> None:
    size = mask.shape[0]
    letters = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXYZ0123456789"), int(rng.integers(2, 8))))
    origin = (int(rng.uniform(-0.1, 0.5) * size), int(rng.uniform(0.2, 1.0) * size))
    cv2.putText(
        mask,
        letters,
        origin,
        cv2.FONT_HERSHEY_SIMPLEX,
        rng.uniform(0.3, 1.2) * size / 64,
        255,
        max(1, size // 40),
        cv2.LINE_AA,
    )


def occlude(image: U8, rng: np.random.Generator) -> tuple[U8, F32]:
    """Draws one to three occluders.

    Args:
        image: (S, S, 3) uint8 RGB.
        rng: source of randomness.

    Returns:
        The picture with occluders, (S, S, 3) uint8, and their coverage, (S, S) float32 in [0, 1].
    """
    size = image.shape[0]
    total = np.zeros((size, size), np.float32)
    out = image.astype(np.float32)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))):
        drawn = np.zeros((size, size), np.uint8)
        kind = int(rng.choice(4, p=[0.25, 0.4, 0.25, 0.1]))
        (_bar, _hand, _blob, _text)[kind](drawn, rng)
        mask = np.clip(cv2.GaussianBlur(drawn.astype(np.float32) / 255, (0, 0), rng.uniform(0.3, 1.0)), 0, 1)
        surface = skin_texture(rng, (size, size)) if kind == 1 and rng.random() < 0.85 else texture(rng, (size, size))
        shadow = cv2.GaussianBlur(np.roll(mask, (2, 2), (0, 1)), (0, 0), 2.5) * rng.uniform(0, 0.5)
        out = out * (1 - shadow[..., None])
        out = out * (1 - mask[..., None]) + surface * mask[..., None]
        total = np.maximum(total, mask)
    return np.clip(out, 0, 255).astype(np.uint8), total
