"""Hair strands: shaded and drawn in one kernel, z-tested against the mesh and blended by their exact coverage."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from train.data.face_world.types import F32, I32, U8
from train.data.face_world.visibility import HAIR_EXTINCTION

LAYER_DEPTH = 0.02  # relative depth behind which a strand counts as covered by the hair in front


class StrandLight(NamedTuple):
    """Light and camera in the space of the strands' points."""

    key: F32  # (3,) unit vector
    key_rgb: F32  # (3,)
    rim: F32  # (3,)
    rim_rgb: F32  # (3,)
    camera: F32  # (3,)
    shadow_view: F32  # (3, 4)
    shadow_mesh: F32  # (R, R)
    shadow_hair: F32  # (R, R)


class StrandTarget(NamedTuple):
    """Buffers, (H, W, ...) at sub-sample resolution."""

    color: F32  # (H, W, 3) premultiplied
    alpha: F32  # (H, W)
    inverse_depth: F32  # (H, W) of the mesh, read only
    cover: F32  # (H, W) share covered by strands of this pass
    nearest: F32  # (H, W) 1 / depth of the nearest strand of this pass
    parts: U8  # (H, W)


@njit(cache=True, nogil=True)
def anchored_points(
    vertices: F32, normals: F32, triangles: I32, triangle: I32, barycentric: F32, lift: F32
) -> tuple[F32, F32]:
    """Control points of strands that follow the skin.

    Args:
        vertices: (V, 3) posed.
        normals: (V, 3) posed.
        triangles: (T, 3).
        triangle: (N, S) int32.
        barycentric: (N, S, 3).
        lift: (N, S) interocular units.

    Returns:
        points and normals, each (N, S, 3) float32.
    """
    count, steps = triangle.shape
    points = np.empty((count, steps, 3), np.float32)
    outward = np.empty((count, steps, 3), np.float32)
    for i in range(count):
        for j in range(steps):
            a, b, c = triangles[triangle[i, j]]
            w0, w1, w2 = barycentric[i, j]
            for k in range(3):
                normal = w0 * normals[a, k] + w1 * normals[b, k] + w2 * normals[c, k]
                outward[i, j, k] = normal
                points[i, j, k] = w0 * vertices[a, k] + w1 * vertices[b, k] + w2 * vertices[c, k] + lift[i, j] * normal
    return points, outward


@njit(cache=True, fastmath=True, nogil=True)
def _power(value: float, doublings: int) -> float:
    for _ in range(doublings):
        value *= value
    return value


@njit(cache=True, fastmath=True, nogil=True)
def _key_share(x: float, y: float, z: float, light: StrandLight) -> float:
    """Key light at a strand point: bilinear mesh shadow and transmittance of the hair above it."""
    view, mesh, hair = light.shadow_view, light.shadow_mesh, light.shadow_hair
    resolution = mesh.shape[0]
    fx = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3] - 0.5
    fy = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3] - 0.5
    h = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3]
    ix, iy = int(math.floor(fx)), int(math.floor(fy))
    if ix < 1 or iy < 1 or ix + 2 >= resolution or iy + 2 >= resolution:
        return 1.0
    tx, ty = fx - ix, fy - iy
    total = 0.0
    for jy in range(2):
        for jx in range(2):
            weight = (tx if jx == 1 else 1 - tx) * (ty if jy == 1 else 1 - ty)
            if mesh[iy + jy, ix + jx] > h + 0.056:
                continue
            # the hair's height from texels two apart: its top layer is ragged
            over = hair[iy - 1 + 3 * jy, ix - 1 + 3 * jx] - h - 0.008
            total += weight * (math.exp(-1.4 * HAIR_EXTINCTION * over) if over > 0 else 1.0)
    return total


@njit(cache=True, fastmath=True, nogil=True)
def draw_strands(
    points: F32,
    normals: F32,
    centre: F32,
    alive: F32,
    color: F32,
    width: F32,
    occlusion: F32,
    sky: F32,
    sky_step: tuple[int, int],
    part: int,
    opacity: float,
    bias: float,
    camera: F32,
    pixels_per_unit: float,
    light: StrandLight,
    target: StrandTarget,
) -> None:
    """Shades strands at their control points and draws them.

    Args:
        points: (N, S, 3) control points.
        normals: (N, S, 3) outward normals; (0, 0, 0) where they point away from `centre`.
        centre: (3,).
        alive: (N, S), 0 ends the strand.
        color: (N, S, 3) linear RGB.
        width: (N, S) interocular units.
        occlusion: (N, S) in [0, 1].
        sky: (A, B, 3) sky light per group of strands and control points.
        sky_step: strands and control points per entry of `sky`.
        part: Part that is drawn.
        opacity: of a strand.
        bias: relative depth by which strands come nearer, so that short ones are not buried in the skin.
        camera: (3, 4) projection of the points to sub-sample pixels.
        pixels_per_unit: sub-sample pixels per interocular unit at depth 1.
        light: in the points' space.
        target: in and out.

    Source: Kajiya and Kay 1989; two shifted highlights after Scheuermann, SIGGRAPH 2004 sketches.
    """
    height, columns = target.alpha.shape
    count, steps = points.shape[0], points.shape[1]
    screen = np.empty((steps, 4), np.float32)
    shade = np.empty((steps, 3), np.float32)
    seen = np.empty(steps, np.uint8)
    key, rim = light.key, light.rim
    for i in range(count):
        last = 0
        any_seen = False
        for j in range(steps):
            if alive[i, j] < 0.5:
                break
            last = j + 1
            x, y, z = points[i, j, 0], points[i, j, 1], points[i, j, 2]
            inverse = 1.0 / (camera[2, 0] * x + camera[2, 1] * y + camera[2, 2] * z + camera[2, 3])
            sx = (camera[0, 0] * x + camera[0, 1] * y + camera[0, 2] * z + camera[0, 3]) * inverse
            sy = (camera[1, 0] * x + camera[1, 1] * y + camera[1, 2] * z + camera[1, 3]) * inverse
            screen[j, 0], screen[j, 1], screen[j, 2] = sx, sy, inverse
            screen[j, 3] = width[i, j] * pixels_per_unit * inverse
            seen[j] = 0
            if 0 <= sx < columns and 0 <= sy < height:
                cx, cy = int(sx), int(sy)
                on_top = target.cover[cy, cx] < 0.97 or inverse > target.nearest[cy, cx] * (1.0 - LAYER_DEPTH)
                if on_top and inverse * (1.0 + bias + 0.004) > target.inverse_depth[cy, cx]:
                    seen[j] = 1
                    any_seen = True
        if not any_seen:
            continue
        for j in range(last):
            if seen[j] == 0 and (j == 0 or seen[j - 1] == 0) and (j + 1 >= last or seen[j + 1] == 0):
                continue
            x, y, z = points[i, j, 0], points[i, j, 1], points[i, j, 2]
            before, after = max(j - 1, 0), min(j + 1, last - 1)
            tx = points[i, after, 0] - points[i, before, 0]
            ty = points[i, after, 1] - points[i, before, 1]
            tz = points[i, after, 2] - points[i, before, 2]
            scale = 1.0 / math.sqrt(tx * tx + ty * ty + tz * tz + 1e-12)
            tx, ty, tz = tx * scale, ty * scale, tz * scale
            vx, vy, vz = light.camera[0] - x, light.camera[1] - y, light.camera[2] - z
            scale = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz + 1e-12)
            vx, vy, vz = vx * scale, vy * scale, vz * scale
            if normals.shape[0] > 0:
                nx, ny, nz = normals[i, j, 0], normals[i, j, 1], normals[i, j, 2]
            else:
                nx, ny, nz = x - centre[0], y - centre[1], z - centre[2]
                scale = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
                nx, ny, nz = nx * scale, ny * scale, nz * scale
            share = _key_share(x, y, z, light)
            n_key = nx * key[0] + ny * key[1] + nz * key[2]
            n_rim = nx * rim[0] + ny * rim[1] + nz * rim[2]
            front = min(max(0.6 * n_key + 0.4, 0.0), 1.0) * share
            t_key = tx * key[0] + ty * key[1] + tz * key[2]
            t_view = tx * vx + ty * vy + tz * vz
            diffuse = (0.35 * math.sqrt(max(1.0 - t_key * t_key, 0.0)) + 0.65) * front * 0.9
            # highlights: the tangent shifted along the normal
            t_normal = tx * nx + ty * ny + tz * nz
            n_view = nx * vx + ny * vy + nz * vz
            highlight_1, highlight_2 = 0.0, 0.0
            for lobe in range(2):
                shift = -0.12 if lobe == 0 else 0.14
                scale = 1.0 / math.sqrt(max(1.0 + 2.0 * shift * t_normal + shift * shift, 1e-6))
                cos_key = (t_key + shift * n_key) * scale
                cos_view = (t_view + shift * n_view) * scale
                sines = max(1.0 - cos_key * cos_key, 0.0) * max(1.0 - cos_view * cos_view, 0.0)
                reflected = math.sqrt(sines)
                reflected = min(max(reflected - cos_key * cos_view, 0.0), 1.0)
                if lobe == 0:
                    highlight_1 = 0.09 * _power(reflected, 6) * front
                else:
                    highlight_2 = 0.22 * _power(reflected, 4) * front
            edge = 0.4 * max(n_rim, 0.0)
            row = min(i // sky_step[0], sky.shape[0] - 1)
            entry = min(j // sky_step[1], sky.shape[1] - 1)
            for k in range(3):
                pigment = color[i, j, k]
                around = sky[row, entry, k]
                value = pigment * (light.key_rgb[k] * diffuse + around + light.rim_rgb[k] * edge)
                value += (highlight_1 + highlight_2 * math.sqrt(pigment)) * light.key_rgb[k] + 0.02 * around
                shade[j, k] = value * occlusion[i, j]
        for j in range(last - 1):
            if seen[j] == 0 and seen[j + 1] == 0:
                continue
            x0, y0, x1, y1 = screen[j, 0], screen[j, 1], screen[j + 1, 0], screen[j + 1, 1]
            flat = abs(x1 - x0) > abs(y1 - y0)
            # walk along the major axis p; q is the other one
            p0, q0, p1, q1 = (x0, y0, x1, y1) if flat else (y0, x0, y1, x1)
            length = p1 - p0
            if abs(length) < 1e-4:
                continue
            slope = (q1 - q0) / length
            stretch = 0.5 * math.sqrt(1.0 + slope * slope)
            limit_p, limit_q = (columns, height) if flat else (height, columns)
            first = max(int(math.ceil(min(p0, p1) - 0.5)), 0)
            stop = min(int(math.ceil(max(p0, p1) - 0.5)), limit_p)  # half open: joints are drawn once
            for p in range(first, stop):
                s = (p + 0.5 - p0) / length
                q = q0 + s * (q1 - q0)
                depth = screen[j, 2] + s * (screen[j + 1, 2] - screen[j, 2])
                half = stretch * (screen[j, 3] + s * (screen[j + 1, 3] - screen[j, 3]))
                low, high = q - half, q + half
                for cell in range(max(int(math.floor(low)), 0), min(int(math.floor(high)) + 1, limit_q)):
                    amount = opacity * (min(high, cell + 1.0) - max(low, float(cell)))
                    if amount < 0.004:
                        continue
                    cy, cx = (cell, p) if flat else (p, cell)
                    if depth * (1.0 + bias) <= target.inverse_depth[cy, cx]:
                        continue
                    cover = target.cover[cy, cx]
                    if depth < target.nearest[cy, cx] * (1.0 - LAYER_DEPTH):
                        amount *= 1.0 - cover
                    elif depth > target.nearest[cy, cx]:
                        target.nearest[cy, cx] = depth
                    keep = 1.0 - amount
                    for k in range(3):
                        value = shade[j, k] + s * (shade[j + 1, k] - shade[j, k])
                        target.color[cy, cx, k] = target.color[cy, cx, k] * keep + value * amount
                    target.alpha[cy, cx] = target.alpha[cy, cx] * keep + amount
                    grown = cover + (1.0 - cover) * amount
                    target.cover[cy, cx] = grown
                    if amount >= 0.5 or (cover < 0.5 and grown >= 0.5):
                        target.parts[cy, cx] = part


@njit(cache=True, fastmath=True, nogil=True)
def strand_sky(visibility: U8, radiance: F32, shape: tuple[int, int]) -> F32:
    """Sky light of strand samples: a strand has no surface, so every direction counts alike.

    Args:
        visibility: (A * B, K) uint8.
        radiance: (K, 3) linear RGB.
        shape: A, B.

    Returns:
        (A, B, 3) float32.
    """
    out = np.zeros((shape[0], shape[1], 3), np.float32)
    norm = np.float32(2.0 / (255.0 * radiance.shape[0]))
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(radiance.shape[0]):
                share = visibility[i * shape[1] + j, k] * norm
                for channel in range(3):
                    out[i, j, channel] += share * radiance[k, channel]
    return out
