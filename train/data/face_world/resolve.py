"""From sub-samples to the picture: average, background, exposure, tone curve, and the majority vote of the parts."""

from __future__ import annotations

import math

from numba import njit

from train.data.face_world.types import F32, U8

PART_COUNT = 32


@njit(cache=True, nogil=True)
def _sums(color: F32, alpha: F32, top: int, left: int, step: int) -> tuple[float, float, float, float]:
    """Alpha and premultiplied red, green and blue, added over the sub-samples of one pixel."""
    total_alpha, red, green, blue = 0.0, 0.0, 0.0, 0.0
    for i in range(top, top + step):
        for j in range(left, left + step):
            if alpha[i, j] > 0:
                total_alpha += alpha[i, j]
                red += color[i, j, 0]
                green += color[i, j, 1]
                blue += color[i, j, 2]
    return total_alpha, red, green, blue


@njit(cache=True, nogil=True)
def resolve_color(
    color: F32, alpha: F32, background: F32, background_gain: float, exposure: float, step: int, rgb: U8, out_alpha: F32
) -> None:
    """Averages sub-samples, lays them over the background, and encodes as sRGB behind a soft shoulder.

    Args:
        color: (H * step, W * step, 3) premultiplied linear RGB.
        alpha: (H * step, W * step) in [0, 1].
        background: (H, W, 3) linear RGB.
        background_gain: the light that falls on the background.
        exposure: gain of the whole.
        step: sub-samples per pixel and axis.
        rgb: (H, W, 3) uint8, out.
        out_alpha: (H, W) float32, out.
    """
    share = 1.0 / (step * step)
    for row in range(rgb.shape[0]):
        for column in range(rgb.shape[1]):
            total_alpha, red, green, blue = _sums(color, alpha, row * step, column * step, step)
            total_alpha = min(total_alpha * share, 1.0)
            out_alpha[row, column] = total_alpha
            behind = (1.0 - total_alpha) * background_gain
            for k in range(3):
                value = red if k == 0 else green if k == 1 else blue
                value = (value * share + background[row, column, k] * behind) * exposure
                value = min(max(1.1025 * value / (1.0 + 0.25 * value), 0.0), 1.0)
                encoded = 12.92 * value if value <= 0.0031308 else 1.055 * math.pow(value, 1.0 / 2.4) - 0.055
                rgb[row, column, k] = int(encoded * 255.0 + 0.5)


@njit(cache=True, nogil=True)
def resolve_light(
    color: F32, alpha: F32, background: F32, background_gain: float, step: int, linear: F32, out_alpha: F32
) -> None:
    """The averages of `resolve_color` over the background as light, before a camera's exposure.

    Args:
        color: (H * step, W * step, 3) premultiplied linear RGB.
        alpha: (H * step, W * step) in [0, 1].
        background: (H, W, 3) linear RGB.
        background_gain: the light that falls on the background.
        step: sub-samples per pixel and axis.
        linear: (H, W, 3) float32, out.
        out_alpha: (H, W) float32, out.
    """
    share = 1.0 / (step * step)
    for row in range(linear.shape[0]):
        for column in range(linear.shape[1]):
            total_alpha, red, green, blue = _sums(color, alpha, row * step, column * step, step)
            total_alpha = min(total_alpha * share, 1.0)
            out_alpha[row, column] = total_alpha
            behind = (1.0 - total_alpha) * background_gain
            linear[row, column, 0] = red * share + background[row, column, 0] * behind
            linear[row, column, 1] = green * share + background[row, column, 1] * behind
            linear[row, column, 2] = blue * share + background[row, column, 2] * behind


@njit(cache=True, nogil=True)
def resolve_parts(parts: U8, step: int, out: U8) -> None:
    """Majority vote of the sub-samples; of equals, the one met first (top left) wins.

    Args:
        parts: (H * step, W * step) uint8 of Part.
        step: sub-samples per pixel and axis.
        out: (H, W) uint8, out.
    """
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            best, votes = parts[row * step, column * step], 0
            for i in range(row * step, row * step + step):
                for j in range(column * step, column * step + step):
                    count = 0
                    for m in range(row * step, row * step + step):
                        for n in range(column * step, column * step + step):
                            if parts[m, n] == parts[i, j]:
                                count += 1
                    if count > votes:
                        best, votes = parts[i, j], count
            out[row, column] = best


@njit(cache=True, nogil=True)
def resolve_geometry(
    inverse_depth: F32, cover: F32, nearest: F32, normals: F32, step: int, depth: F32, out_normals: F32
) -> None:
    """Depth and normal of each pixel's central sub-sample.

    Args:
        inverse_depth: (H * step, W * step) of the mesh, 0 = background.
        cover: (H * step, W * step) share covered by hair.
        nearest: (H * step, W * step) 1 / depth of the hair.
        normals: (H * step, W * step, 3) of the mesh.
        step: sub-samples per pixel and axis.
        depth: (H, W), out; where hair covers more than half, the hair's.
        out_normals: (H, W, 3), out; of the mesh below the hair.
    """
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            i, j = row * step + step // 2, column * step + step // 2
            inverse = inverse_depth[i, j]
            if cover[i, j] > 0.5 and nearest[i, j] > inverse:
                inverse = nearest[i, j]
            depth[row, column] = 1.0 / inverse if inverse > 0 else 0.0
            for k in range(3):
                out_normals[row, column, k] = normals[i, j, k] if inverse_depth[i, j] > 0 else 0.0
