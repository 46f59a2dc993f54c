"""Domain randomisation: what cameras, lenses, codecs and people do to a picture before a network sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class DegradeConfig:
    """Probabilities and strengths of the degradations.

    Attributes:
        color: probability of a camera response, white balance and contrast change.
        grey: probability of a grey or tinted picture.
        blur: probability of defocus, motion blur or a lower resolution.
        noise: probability of sensor grain.
        jpeg: probability of JPEG damage.
        strength: 0..1, scales how far each goes.
    """

    color: float = 0.8
    grey: float = 0.08
    blur: float = 0.35
    noise: float = 0.4
    jpeg: float = 0.4
    strength: float = 1.0


HARD = DegradeConfig()
MILD = DegradeConfig(color=0.6, grey=0.02, blur=0.15, noise=0.25, jpeg=0.2, strength=0.4)

ColorChange = Callable[[U8], U8]


def color_change(rng: np.random.Generator, strength: float = 1.0) -> ColorChange:
    """Draws one camera: response curve, exposure, white balance, saturation, lift.

    Args:
        rng: source of randomness.
        strength: 0 changes nothing, 1 is far from the renderer's own camera.

    Returns:
        A function of (H, W, 3) uint8 pictures; the same drawn camera may be used on several.
    """
    gamma = np.exp(rng.normal(0, 0.28 * strength))
    gain = np.exp(rng.normal(0, 0.18 * strength)) * np.exp(rng.normal(0, 0.10 * strength, 3))
    lift = rng.normal(0, 0.05 * strength) + rng.normal(0, 0.02 * strength, 3)
    curve = rng.uniform(-0.6, 0.6) * strength
    saturation = np.exp(rng.normal(0, 0.3 * strength))
    x = np.linspace(0, 1, 256)
    y = np.clip(x[:, None] * gain + lift, 0, 1) ** gamma
    y = np.clip(y + curve * y * (1 - y) * (2 * y - 1), 0, 1)
    table = (y * 255 + 0.5).astype(np.uint8)[None]
    mix = np.full((3, 3), (1 - saturation) / 3) + np.eye(3) * saturation

    def apply(image: U8) -> U8:
        out = cv2.LUT(image, table)
        return np.asarray(cv2.transform(out, mix), np.uint8)

    return apply


def grey_or_tint(image: U8, rng: np.random.Generator) -> U8:
    """Turns a picture grey, sometimes with a tint (sepia, cyanotype, night vision)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    tint = np.ones(3) if rng.random() < 0.6 else rng.uniform(0.7, 1.15, 3)
    return np.clip(grey * tint, 0, 255).astype(np.uint8)


def blur(image: U8, rng: np.random.Generator, strength: float = 1.0) -> U8:
    """Defocus, motion blur, or a detour through a lower resolution."""
    size = min(image.shape[:2])
    kind = rng.integers(3)
    if kind == 0:
        return np.asarray(
            cv2.GaussianBlur(image, (0, 0), max(0.3, rng.uniform(0.3, 1.6) * strength * size / 128)), np.uint8
        )
    if kind == 1:
        length = max(2, int(rng.uniform(0.02, 0.07) * strength * size) + 1)
        angle = rng.uniform(0, np.pi)
        kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
        tip = (int(round(length + length * np.cos(angle) / 2)), int(round(length + length * np.sin(angle) / 2)))
        tail = (2 * length - tip[0], 2 * length - tip[1])
        cv2.line(kernel, tail, tip, 1.0)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)
    factor = 1 + rng.uniform(0.2, 2.2) * strength
    small = cv2.resize(
        image,
        (max(8, int(image.shape[1] / factor)), max(8, int(image.shape[0] / factor))),
        interpolation=cv2.INTER_AREA,
    )
    how = [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST][rng.choice(3, p=[0.6, 0.35, 0.05])]
    return np.asarray(cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=how), np.uint8)


def grain(image: U8, rng: np.random.Generator, strength: float = 1.0) -> U8:
    """Sensor noise: stronger in shadows, grey or coloured, sometimes in clumps."""
    height, width = image.shape[:2]
    sigma = rng.gamma(1.5, 4.0) * strength
    channels = 1 if rng.random() < 0.5 else 3
    noise = rng.standard_normal((height, width, channels), dtype=np.float32)
    if rng.random() < 0.3:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(height, width, channels) * 2.5
    weight = 1.2 - image.astype(np.float32) / 255
    return np.clip(image + sigma * weight * noise, 0, 255).astype(np.uint8)


def jpeg(image: U8, rng: np.random.Generator, strength: float = 1.0) -> U8:
    """JPEG damage."""
    quality = int(np.clip(95 - rng.uniform(5, 75) * strength, 12, 95))
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def degrade(image: U8, rng: np.random.Generator, config: DegradeConfig = HARD) -> U8:
    """One random camera, lens and codec.

    Args:
        image: (H, W, 3) uint8 RGB.
        rng: source of randomness; the same state gives the same picture.
        config: probabilities and strengths.

    Returns:
        (H, W, 3) uint8 RGB, same geometry.
    """
    out = image
    if rng.random() < config.color:
        out = color_change(rng, config.strength)(out)
    if rng.random() < config.grey:
        out = grey_or_tint(out, rng)
    if rng.random() < config.blur:
        out = blur(out, rng, config.strength)
    if rng.random() < config.noise:
        out = grain(out, rng, config.strength)
    if rng.random() < config.jpeg:
        out = jpeg(out, rng, config.strength)
    return np.ascontiguousarray(out)
