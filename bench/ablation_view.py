"""What part of a stored crop a variant's network sees, and at what size; its swap is pasted back for the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError


@dataclass(frozen=True)
class View:
    """The middle square of a picture, made smaller or larger.

    Attributes:
        share: side of the square over the picture's.
        size: side of what the network takes, pixels.
    """

    share: float
    size: int

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.size < 1:
            raise InputError(f"a view of share {self.share} and size {self.size}: expected 0 to 1, and 1 or more.")

    def square(self, side: int) -> tuple[int, int]:
        """First and last pixel but one of the square along both axes of a picture of `side` px."""
        first = round(side * (1 - self.share) / 2)
        return first, side - first

    def pictures(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the network sees of (N, S, S, ...) uint8, (N, size, size, ...); labels of (N, S, S) stay labels."""
        first, end = self.square(pictures.shape[1])
        how = cv2.INTER_AREA if pictures.ndim == 4 else cv2.INTER_NEAREST
        side = (self.size, self.size)
        return np.stack([cv2.resize(p[first:end, first:end], side, interpolation=how) for p in pictures])

    def arrays(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Swap arrays as the network sees them; landmarks in its pixels."""
        first, end = self.square(arrays["rgb"].shape[1])
        seen = {name: self.pictures(arrays[name]) for name in ("rgb", "parts")}
        seen["landmarks"] = ((arrays["landmarks"] - first) * (self.size / (end - first))).astype(np.float32)
        return {**arrays, **seen}

    def paste(
        self, image: NDArray[np.float32], mask: NDArray[np.float32], targets: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Puts results back into the whole pictures.

        Args:
            image: (N, size, size, 3) in [0, 255].
            mask: (N, size, size) in [0, 1], where it replaces the target.
            targets: (N, S, S, 3).

        Returns:
            (N, S, S, 3) uint8.
        """
        first, end = self.square(targets.shape[1])
        out = targets.copy()
        for whole, new, share in zip(out, image, mask):
            new, share = (cv2.resize(x, (end - first,) * 2, interpolation=cv2.INTER_LINEAR) for x in (new, share))
            old = whole[first:end, first:end].astype(np.float32)
            mixed = old + share[..., None] * (np.clip(new, 0, 255) - old)
            whole[first:end, first:end] = np.rint(mixed).astype(np.uint8)
        return out
