"""What is done to pictures on their way through the world, and which of it a mark is promised to survive."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from PIL import Image

from facesdk.types import U8


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
"""Name -> the attack, and whether the documents promise that a mark survives it in pictures of 512 pixels and more."""
