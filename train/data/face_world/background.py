"""What stands behind a person: rooms and gardens as the renderer knows them, and pictures far from anything it renders.

All kinds are drawn small where they are blurred anyway, so that one costs a few milliseconds at 128 pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np

from facesdk.errors import InputError
from train.data.face_world.palette import srgb_to_linear
from train.data.face_world.types import F32

_Draw = np.random.Generator
_MAX_LINEAR = 1.5
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?&%#@+=/<>"))
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def render_background(kind: str, seed: int, size: int) -> F32:
    """Draw a background.

    Args:
        kind: one of TRAIN_KINDS or TEST_ONLY_KINDS.
        seed: everything random in it.
        size: side of the square picture, pixels.

    Returns:
        (size, size, 3) float32 linear RGB, 0..1.5.

    Raises:
        InputError: no such kind, or a size under 1.
    """
    if kind not in _KINDS:
        raise InputError(f"no background {kind!r}", f"Choose one of {', '.join(_KINDS)}.")
    if size < 1:
        raise InputError(f"a background needs a size of at least 1 pixel, got {size}")
    draw = np.random.default_rng((seed, zlib.crc32(kind.encode())))
    picture = _KINDS[kind](draw, size)
    return np.clip(picture, 0.0, _MAX_LINEAR).astype(np.float32)


def _color(draw: _Draw, low: float = 0.05, high: float = 0.8) -> F32:
    """A muted colour with sRGB brightness in a range, linear."""
    return srgb_to_linear(np.clip(draw.uniform(low, high) + draw.uniform(-0.18, 0.18, 3), 0.02, 1))


def _vivid(draw: _Draw) -> F32:
    return srgb_to_linear(draw.uniform(0.02, 1.0, 3))


def _grid(size: int) -> tuple[F32, F32]:
    """x and y of the pixels in [0, 1)."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.meshgrid(axis, axis)  # type: ignore[return-value]


def _plain(color: F32, size: int) -> F32:
    return np.ones((size, size, 3), np.float32) * color


def _blur(picture: F32, share: float) -> F32:
    """Gaussian blur by a share of the picture's side."""
    sigma = share * picture.shape[0]
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0.2 else picture


def _enlarge(picture: F32, size: int, smooth: bool = True) -> F32:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR)


def _noise(draw: _Draw, size: int, cells: int) -> F32:
    """Smooth noise with about so many bumps across."""
    return _enlarge(draw.standard_normal((cells, cells)).astype(np.float32), size)


def _point(values: F32, size: int) -> tuple[int, ...]:
    return tuple(int(round(float(v) * size)) for v in values)


def _rgb(color: F32) -> tuple[float, ...]:
    return tuple(float(c) for c in color)


def _studio(draw: _Draw, size: int) -> F32:
    x, y = _grid(size)
    bright = _color(draw, 0.3, 0.85)
    distance = np.clip(np.hypot(x - 0.5 - 0.2 * draw.standard_normal(), y - 0.4) / 0.9, 0, 1)[..., None]
    return bright * (1 - distance) + bright * draw.uniform(0.25, 0.7) * distance


def _bokeh(draw: _Draw, size: int) -> F32:
    picture = _plain(_color(draw, 0.05, 0.25), size)
    for _ in range(40):
        (x, y), radius = draw.uniform(0, 1, 2) * size, max(draw.uniform(0.015, 0.075) * size, 0.7)
        light = _color(draw, 0.2, 0.95) * draw.uniform(0.15, 0.8)
        left, top = max(int(x - radius), 0), max(int(y - radius), 0)
        rows, columns = np.ogrid[top : min(int(y + radius) + 2, size), left : min(int(x + radius) + 2, size)]
        disc = np.clip(radius - np.hypot(columns + 0.5 - x, rows + 0.5 - y), 0, 1).astype(np.float32)
        picture[top : top + disc.shape[0], left : left + disc.shape[1]] += disc[..., None] * light
    return _blur(picture, 0.006)


def _foliage(draw: _Draw, size: int) -> F32:
    field = sum(_noise(draw, size, cells) / (i + 1) ** 0.5 for i, cells in enumerate((4, 8, 16, 32)))
    field = (field - field.min()) / (field.max() - field.min())
    shade = srgb_to_linear([0.12, 0.22, 0.08]) * draw.uniform(0.6, 1.4, 3)
    light = srgb_to_linear([0.72, 0.80, 0.55]) * draw.uniform(0.7, 1.1, 3)
    return _blur((shade + (light - shade) * (field**2)[..., None]).astype(np.float32), 0.012)


def _room(draw: _Draw, size: int) -> F32:
    picture = _plain(_color(draw, 0.35, 0.8), size)
    for _ in range(draw.integers(3, 9)):
        corner = draw.uniform(0, 0.9, 2)
        far = corner + draw.uniform(0.08, 0.4, 2)
        cv2.rectangle(picture, _point(corner, size), _point(far, size), _rgb(_color(draw, 0.1, 0.95)), -1)
    return _blur(picture, 1 / 60)


def _outdoor(draw: _Draw, size: int) -> F32:
    _, y = _grid(size)
    horizon = draw.uniform(0.5, 0.75)
    height = np.clip(y / horizon, 0, 1)[..., None]
    sky = srgb_to_linear([0.45, 0.62, 0.85]) * (1 - height) + srgb_to_linear([0.85, 0.88, 0.9]) * height
    ground = np.clip((y - horizon) / 0.04, 0, 1)[..., None]
    picture = (sky * (1 - ground) + _color(draw, 0.25, 0.5) * ground).astype(np.float32)
    for _ in range(8):
        left, width, rise = draw.uniform(0, 1), draw.uniform(0.05, 0.2), draw.uniform(0.1, 0.4)
        top, foot = np.array([left - width / 2, horizon - rise]), np.array([left + width / 2, horizon + 0.02])
        cv2.rectangle(picture, _point(top, size), _point(foot, size), _rgb(_color(draw, 0.2, 0.55)), -1)
    return _blur(picture, 1 / 70)


def _curtain(draw: _Draw, size: int) -> F32:
    x, _ = _grid(size)
    bend = _enlarge(draw.standard_normal((3, 9)).astype(np.float32), size)
    folds = 0.75 + 0.35 * np.sin(draw.uniform(15, 35) * x + 1.2 * bend)
    return _color(draw, 0.2, 0.6) * folds[..., None]


def _stripes(draw: _Draw, size: int) -> F32:
    x, y = _grid(size)
    angle = draw.uniform(0, np.pi)
    phase = (x * np.cos(angle) + y * np.sin(angle)) * draw.uniform(6, 18) * 2
    share = _blur((np.sin(phase) > 0).astype(np.float32), draw.uniform(0.004, 0.014))[..., None]
    return _color(draw, 0.2, 0.9) * share + _color(draw, 0.1, 0.6) * (1 - share)


def _fractal(draw: _Draw, size: int) -> F32:
    """Noise with the spectrum of natural pictures: amplitude falls as 1 / frequency."""
    white = draw.standard_normal((3, size, size)).astype(np.float32)
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    fall = 1 / np.maximum(np.hypot(fx, fy), 1 / size) ** draw.uniform(0.9, 1.7)
    fall[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(white) * fall, s=(size, size))
    field /= field.std(axis=(1, 2), keepdims=True) + 1e-9
    # most of the variance of natural colours is in brightness
    mix = np.array([[1, 1, 1], [0.45, 0, -0.45], [0.2, -0.4, 0.2]]) * draw.uniform(0.3, 1.1, (3, 1))
    srgb = draw.uniform(0.25, 0.7) + 0.16 * np.einsum("chw,cd->hwd", field, mix)
    return srgb_to_linear(np.clip(srgb, 0, 1))


def _dead_leaves(draw: _Draw, size: int) -> F32:
    """Discs over discs with radii of a power law (A. B. Lee, D. Mumford, J. Huang, IJCV 2001)."""
    picture = _plain(_vivid(draw), size)
    count = 300
    u = draw.uniform(0, 1, count)
    smallest, largest = 0.03, 0.4
    radius = 1 / np.sqrt(1 / smallest**2 + u * (1 / largest**2 - 1 / smallest**2))  # density ~ r^-3
    order = np.argsort(-radius) if draw.uniform() < 0.3 else draw.permutation(count)
    palette = np.stack([_vivid(draw) for _ in range(draw.integers(4, 16))])
    for r in radius[order]:
        color = palette[draw.integers(len(palette))] * draw.uniform(0.5, 1.2)
        cv2.circle(picture, _point(draw.uniform(0, 1, 2), size), max(int(r * size), 1), _rgb(color), -1)
    return _blur(picture, draw.uniform(0, 0.008))


def _text(draw: _Draw, size: int) -> F32:
    paper, ink = (_color(draw, 0.7, 0.95), _color(draw, 0.02, 0.3))
    if draw.uniform() < 0.35:
        paper, ink = ink, paper
    share = np.zeros((size, size), np.uint8)
    font = int(draw.choice(_FONTS))
    y = draw.uniform(0.02, 0.1)
    while y < 1.05:
        height = draw.uniform(0.035, 0.14)
        line = "".join(draw.choice(_LETTERS, draw.integers(8, 40))).replace(".", " ").replace(",", " ")
        start = _point(np.array([draw.uniform(-0.2, 0.3), y]), size)
        strength = int(draw.uniform(120, 255))
        cv2.putText(share, line, start, font, height * size / 30, strength, max(1, size // 128), cv2.LINE_AA)
        y += height * draw.uniform(1.1, 1.8)
    cover = _blur(share.astype(np.float32) / 255, draw.uniform(0, 0.006))[..., None]
    return paper * (1 - cover) + ink * cover


def _clutter(draw: _Draw, size: int) -> F32:
    picture = _fractal(draw, size) if draw.uniform() < 0.5 else _plain(_color(draw, 0.1, 0.9), size)
    picture = np.ascontiguousarray(picture, np.float32)
    for _ in range(draw.integers(10, 45)):
        centre, reach = draw.uniform(0, 1, 2), draw.uniform(0.02, 0.25, 2)
        color, angle = _rgb(_vivid(draw)), draw.uniform(0, 360)
        kind = draw.integers(4)
        if kind == 0:
            axes = _point(reach, size)
            cv2.ellipse(picture, _point(centre, size), axes, angle, 0, 360, color, -1, cv2.LINE_AA)
        elif kind == 1:
            box = cv2.boxPoints((_point(centre, size), _point(reach * 2, size), angle))
            cv2.fillPoly(picture, [box.astype(np.int32)], color, cv2.LINE_AA)
        elif kind == 2:
            end = _point(centre + draw.uniform(-0.6, 0.6, 2), size)
            cv2.line(
                picture, _point(centre, size), end, color, int(draw.integers(1, 1 + max(2, size // 24))), cv2.LINE_AA
            )
        else:
            x0, y0 = np.maximum(_point(centre - reach, size), 0)
            x1, y1 = _point(centre + reach, size)
            patch = picture[y0:y1, x0:x1]
            patch *= np.linspace(*draw.uniform(0.2, 1.4, 2), patch.shape[1], dtype=np.float32)[None, :, None]
    return _blur(picture, draw.uniform(0, 0.01))


def _checker(draw: _Draw, size: int) -> F32:
    """Checks, dots or a weave under a random perspective-like shear."""
    x, y = _grid(size)
    angle, cells = draw.uniform(0, np.pi), draw.uniform(3, 22)
    u = (x * np.cos(angle) + y * np.sin(angle)) * cells * (1 + draw.uniform(-0.5, 0.5) * y)
    v = (y * np.cos(angle) - x * np.sin(angle)) * cells * (1 + draw.uniform(-0.5, 0.5) * x)
    kind = draw.integers(3)
    if kind == 0:
        share = ((np.floor(u) + np.floor(v)) % 2).astype(np.float32)
    elif kind == 1:
        share = (np.hypot(u - np.floor(u) - 0.5, v - np.floor(v) - 0.5) < draw.uniform(0.2, 0.45)).astype(np.float32)
    else:
        share = np.where((np.floor(u) + np.floor(v)) % 2 > 0, np.sin(4 * np.pi * u), np.sin(4 * np.pi * v)) * 0.5 + 0.5
    share = _blur(share.astype(np.float32), draw.uniform(0.002, 0.01))[..., None]
    grain = 1 + 0.08 * draw.standard_normal((size, size, 1), np.float32)
    return (_vivid(draw) * share + _vivid(draw) * (1 - share)) * grain


def _bricks(draw: _Draw, size: int) -> F32:
    mortar, brick = _color(draw, 0.4, 0.8), srgb_to_linear([0.55, 0.27, 0.2]) * draw.uniform(0.6, 1.3, 3)
    picture = _plain(mortar, size)
    rows = int(draw.integers(6, 16))
    height, gap = 1 / rows, 0.1 / rows
    width = height * draw.uniform(2, 3.2)
    for row in range(rows):
        for column in range(-1, int(1 / width) + 2):
            left = (column + 0.5 * (row % 2)) * width
            color = brick * draw.uniform(0.65, 1.25) * draw.uniform(0.9, 1.1, 3)
            near, far = (
                np.array([left + gap, row * height + gap]),
                np.array([left + width - gap, (row + 1) * height - gap]),
            )
            cv2.rectangle(picture, _point(near, size), _point(far, size), _rgb(color), -1)
    return _blur(picture, 0.004) * (1 + 0.06 * _noise(draw, size, max(size // 3, 1)))[..., None]


def _water(draw: _Draw, size: int) -> F32:
    """Bright caustic lines: ridges of folded waves."""
    x, y = _grid(size)
    u, v = x * 6.28 * draw.uniform(1, 2.5), y * 6.28 * draw.uniform(1, 2.5)
    phase = draw.uniform(0, 6.28, 8)
    light = np.zeros_like(x)
    for k in range(4):
        u, v = u + np.sin(1.7 * v + phase[k]) * 0.8, v + np.cos(1.3 * u + phase[k + 4]) * 0.8
        light += np.abs(np.sin(u + v)) ** 8
    deep, bright = srgb_to_linear([0.05, 0.3, 0.42]) * draw.uniform(0.5, 1.5, 3), srgb_to_linear([0.75, 0.95, 0.95])
    return deep + (bright - deep) * np.clip(light / 2.5, 0, 1)[..., None]


def _polygons(draw: _Draw, size: int) -> F32:
    """A mosaic of flat triangles."""
    cells = int(draw.integers(3, 9))
    knots = np.stack(np.meshgrid(np.arange(cells + 1), np.arange(cells + 1)), -1) / cells
    knots[1:-1, 1:-1] += draw.uniform(-0.4, 0.4, (cells - 1, cells - 1, 2)) / cells
    corners = np.round(knots * size).astype(np.int32)
    picture = _plain(_vivid(draw), size)
    first, second = _vivid(draw), _vivid(draw)
    for i in range(cells):
        for j in range(cells):
            a, b, c, d = corners[i, j], corners[i, j + 1], corners[i + 1, j + 1], corners[i + 1, j]
            for triangle in ((a, b, c), (a, c, d)):
                share = draw.uniform()
                color = (first * share + second * (1 - share)) * draw.uniform(0.6, 1.2)
                cv2.fillPoly(picture, [np.array(triangle)], _rgb(color), cv2.LINE_AA)
    return picture


_TRAIN: dict[str, Callable[[_Draw, int], F32]] = {
    "studio": _studio,
    "bokeh": _bokeh,
    "foliage": _foliage,
    "room": _room,
    "outdoor": _outdoor,
    "curtain": _curtain,
    "stripes": _stripes,
    "fractal": _fractal,
    "dead_leaves": _dead_leaves,
    "text": _text,
    "clutter": _clutter,
    "checker": _checker,
}
_TEST_ONLY: dict[str, Callable[[_Draw, int], F32]] = {"bricks": _bricks, "water": _water, "polygons": _polygons}
_KINDS = _TRAIN | _TEST_ONLY
TRAIN_KINDS = tuple(_TRAIN)
TEST_ONLY_KINDS = tuple(_TEST_ONLY)
