"""Pictures for the generator: swap crops before a plain backdrop, so that the code is spent on the face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.face_world.types import Part
from train.data.swap_data import FACE_PARTS

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

EDGE_SIGMA_PX = 0.7
GLASSES_PX = 25
# How much more a pixel of a small part counts: few pixels decide how a face is read, and rims of glasses are fewest.
DETAIL_WEIGHT = {
    Part.GLASSES: 30.0, Part.IRIS: 5.0, Part.EYE: 5.0, Part.LASH: 3.0, Part.TEETH: 4.0, Part.MOUTH: 4.0,
    Part.UPPER_LIP: 3.0, Part.LOWER_LIP: 3.0, Part.BROW: 2.0, Part.BEARD: 1.0, Part.HAT: 1.0,
}  # fmt: skip
DETAIL_TABLE = np.array([DETAIL_WEIGHT.get(Part(part), 0.0) for part in range(len(Part))], np.float32)
FACE_TABLE = np.isin(np.arange(len(Part)), FACE_PARTS)


def backdrop(rng: np.random.Generator, size: int) -> F32:
    """A tinted grey that grows lighter or darker downwards, (size, size, 3) float32, 0 to 255."""
    color = rng.uniform(50, 210) + rng.normal(0, 14, 3)
    slope = np.linspace(-1, 1, size)[:, None, None] * rng.uniform(-25, 25)
    return np.broadcast_to(np.clip(color + slope, 0, 255), (size, size, 3)).astype(np.float32)


def before_backdrop(rgb: U8, parts: U8, rng: np.random.Generator) -> U8:
    """Replaces what is behind a person.

    Args:
        rgb: (S, S, 3) uint8.
        parts: (S, S) uint8 of Part.
        rng: draws the backdrop.

    Returns:
        (S, S, 3) uint8; the border of the person is softened, so that little of the old background shines through it.
    """
    behind = (parts == Part.BACKGROUND).astype(np.float32)
    weight = np.maximum(behind, cv2.GaussianBlur(behind, (0, 0), EDGE_SIGMA_PX))[..., None]
    return np.rint(rgb * (1 - weight) + backdrop(rng, len(rgb)) * weight).astype(np.uint8)


def portraits(arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], seed: int) -> U8:
    """Pictures of given rows, each with its own fixed backdrop: the same rows and seed give the same pictures.

    Args:
        arrays: swap shards with rgb and parts.
        rows: (N,) which.
        seed: of the backdrops.

    Returns:
        (N, S, S, 3) uint8.
    """
    return np.stack(
        [
            before_backdrop(arrays["rgb"][row], arrays["parts"][row], np.random.default_rng([seed, int(row)]))
            for row in rows
        ]
    )


def face_masks(arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where the face is (skin without neck and ears), (N, S, S) bool."""
    return np.asarray(FACE_TABLE[arrays["parts"][rows]])


def rows_with_glasses(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Pictures that show at least `GLASSES_PX` pixels of glasses."""
    shown = [np.count_nonzero(parts == Part.GLASSES) >= GLASSES_PX for parts in arrays["parts"]]
    return np.flatnonzero(shown)


def portrait_batch(
    arrays: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
    count: int,
    often: NDArray[np.int64] | None = None,
    share: float = 0.0,
) -> dict[str, NDArray[Any]]:
    """Random pictures, half of them mirrored.

    Args:
        arrays: swap shards with rgb and parts.
        rng: source of randomness.
        count: pictures.
        often: rows that are drawn more often than the others.
        share: of the batch that is drawn from them.

    Returns:
        image (B, S, S, 3) uint8; face (B, S, S) bool; detail (B, S, S) float32, of `DETAIL_TABLE`.
    """
    images, faces, details = [], [], []
    rows = rng.integers(0, len(arrays["rgb"]), count)
    if often is not None and len(often):
        rows = np.where(rng.random(count) < share, rng.choice(often, count), rows)
    for row in rows:
        step = -1 if rng.random() < 0.5 else 1
        images.append(before_backdrop(arrays["rgb"][row], arrays["parts"][row], rng)[:, ::step])
        faces.append(FACE_TABLE[arrays["parts"][row]][:, ::step])
        details.append(DETAIL_TABLE[arrays["parts"][row]][:, ::step])
    return {"image": np.stack(images), "face": np.stack(faces), "detail": np.stack(details)}
