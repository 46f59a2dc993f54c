"""Pictures to mark, and what is done to pictures on their way through the world."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.quality.test_set import SwapSetOptions, load_test_set
from facesdk.errors import InputError
from train.data.face_world.head import available_heads

U8 = NDArray[np.uint8]
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


def jpeg(image: U8, quality: int) -> U8:
    """Through a JPEG file with the usual halved colour, as most programs write it."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def resized(image: U8, scale: float) -> U8:
    """At another size."""
    height, width = image.shape[:2]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=way), np.uint8)


def cropped(image: U8, share: float) -> U8:
    """A part of each side, off the middle."""
    height, width = image.shape[:2]
    top, left = round(0.4 * (1 - share) * height), round(0.7 * (1 - share) * width)
    return np.ascontiguousarray(image[top : top + round(share * height), left : left + round(share * width)])


def noisy(image: U8, sigma: float) -> U8:
    """With noise of a standard deviation in levels."""
    noise = np.random.default_rng(0).normal(0.0, sigma, image.shape)
    return np.asarray(np.clip(np.rint(image + noise), 0, 255), np.uint8)


def turned(image: U8, degrees: float) -> U8:
    """Turned by a little about its middle."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


# Name -> the attack and what is promised of it: the least share that is read, or None where nothing is.
ATTACKS: Mapping[str, tuple[Callable[[U8], U8], bool]] = {
    "none": (lambda image: image, True),
    "JPEG 90": (lambda image: jpeg(image, 90), True),
    "JPEG 75": (lambda image: jpeg(image, 75), True),
    "JPEG 50": (lambda image: jpeg(image, 50), False),
    "half size": (lambda image: resized(image, 0.5), True),
    "0.75x": (lambda image: resized(image, 0.75), True),
    "0.83x, JPEG 90": (lambda image: jpeg(resized(image, 0.83), 90), False),
    "1.5x": (lambda image: resized(image, 1.5), True),
    "crop to 70 %": (lambda image: cropped(image, 0.7), True),
    "blur, sigma 1": (lambda image: cv2.GaussianBlur(image, (0, 0), 1.0), False),
    "noise, sigma 8": (lambda image: noisy(image, 8.0), False),
    "mirrored": (lambda image: np.ascontiguousarray(image[:, ::-1]), True),
    "quarter turn": (lambda image: np.ascontiguousarray(np.rot90(image)), True),
    "darker, less contrast": (lambda image: np.asarray(np.rint(image * 0.7 + 20), np.uint8), True),
    "screenshot: 1.12x, crop, JPEG 80": (lambda image: jpeg(cropped(resized(image, 1.12), 0.9), 80), False),
    "turned by 2 degrees": (lambda image: turned(image, 2.0), False),
}
"""Each with whether the documents promise that the mark survives it in pictures of 512 pixels and more."""
