"""Pictures to mark: photographs that may be passed on, and rendered people."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.quality.test_set import SwapSetOptions, load_test_set
from facesdk.errors import InputError
from facesdk.types import U8
from train.data.face_world.head import available_heads

# What scikit-image ships under licences that allow it (public domain, CC0, or its own BSD); photographs and textures.
NATURAL = (
    "astronaut", "chelsea", "coffee", "camera", "rocket", "retina", "immunohistochemistry", "hubble_deep_field",
    "brick", "grass", "gravel", "moon", "coins", "page", "text", "stereo_motorcycle",
)  # fmt: skip
NATURAL_PX = 512
LEAST_PX = 128


def face_world_pictures(directory: Path, count: int) -> list[U8]:
    """Rendered pictures of the swap's test set, 256 pixels square; rendered first where they are not there.

    Args:
        directory: where the test set is kept.
        count: how many.
    """
    stored = sorted(directory.glob("swap-*.npz"))
    if stored:
        with np.load(stored[0], allow_pickle=False) as arrays:
            found = [*arrays["t_target"], *arrays["t_source"]]
    else:
        triplets, _ = load_test_set(directory, SwapSetOptions(heads=tuple(available_heads())))
        found = [*triplets["target"], *triplets["source"]]
    return [np.ascontiguousarray(picture) for picture in found[:count]]


def natural_pictures() -> dict[str, U8]:
    """The pictures of scikit-image; of large ones pieces of NATURAL_PX pixels.

    Raises:
        InputError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise InputError("the natural pictures of scikit-image are not here.", "pip install facesdk[bench]") from error
    out = {}
    for name in NATURAL:
        loaded = getattr(data, name)()
        picture = np.asarray(loaded[0] if isinstance(loaded, tuple) else loaded)
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, axis=2)
        height, width = picture.shape[:2]
        for top in range(0, max(1, height - NATURAL_PX + 1), NATURAL_PX // 2):
            for left in range(0, max(1, width - NATURAL_PX + 1), NATURAL_PX // 2):
                piece = picture[top : top + NATURAL_PX, left : left + NATURAL_PX, :3]
                if min(piece.shape[:2]) >= LEAST_PX:
                    out[f"{name} {top},{left}"] = np.ascontiguousarray(piece, np.uint8)
    return out
