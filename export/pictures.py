"""Pictures that graphs are checked with: smooth random ones from a seed, or a folder of rendered ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

F32 = NDArray[np.float32]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def random_pictures(rng: np.random.Generator, batch: int, size_hw: tuple[int, int]) -> F32:
    """Smooth random colours with a little grain: closer to what the networks know than white noise is.

    Args:
        rng: the generator.
        batch: number of pictures.
        size_hw: their size in pixels.

    Returns:
        (batch, 3, height, width) float32 in [-1, 1].
    """
    height, width = size_hw
    out = np.empty((batch, 3, height, width), np.float32)
    for i in range(batch):
        picture = np.zeros((height, width, 3), np.float32)
        for cells in (3, 6, 12, 24):
            coarse = rng.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
            picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * (2.0 / cells)
        picture += rng.normal(0, 0.03, picture.shape).astype(np.float32)
        # Eight bits a value, as every real picture has.
        levels = np.rint((np.clip(picture, -1, 1) + 1) * 127.5).astype(np.float32)
        out[i] = levels.transpose(2, 0, 1) / np.float32(127.5) - 1
    return out


def load_pictures(folder: Path, size_hw: tuple[int, int], limit: int = 8) -> F32:
    """Reads pictures of a folder, in the order of their names, resized to one size.

    Args:
        folder: holds PNG, JPEG or WebP files.
        size_hw: the size that a graph takes.
        limit: how many at most.

    Returns:
        (n, 3, height, width) float32 RGB in [-1, 1].

    Raises:
        InputError: no picture is there, or one cannot be read.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)[:limit]
    if not paths:
        raise InputError(
            f"{folder}: no picture found ({', '.join(SUFFIXES)} expected).", "Name a folder of rendered crops."
        )
    out = []
    for path in paths:
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise InputError(f"{path}: cannot be read as a picture.", "Remove it from the folder.")
        resized = cv2.resize(bgr, size_hw[::-1], interpolation=cv2.INTER_AREA)
        out.append(resized[..., ::-1].astype(np.float32).transpose(2, 0, 1) / np.float32(127.5) - 1)
    return np.stack(out)
