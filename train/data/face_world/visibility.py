"""Who sees the light: height maps along light directions, sky visibility per vertex, and the key light's shadow map.

The sky is a sum over a few fixed head-space directions. Its visibility is found once per identity on the neutral head,
so that a picture needs no depth map for it. Approximation: expressions, and torso against head, change it little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numba import njit

from train.data.face_world.types import F32, I32, U8

EMPTY = np.float32(-1e9)
DIRECTION_COUNT = 24
SKY_RESOLUTION = 64
SKY_EXTENT = 3.0  # half side of the sky's height maps, interocular units
SKY_BIAS = 0.056
SKY_LIFT = 0.03  # points leave the surface along the normal before the test
HAIR_EXTINCTION = 5.5  # per interocular unit of depth in hair


def fibonacci_directions(count: int) -> F32:
    """Even directions on the sphere, (count, 3) float32 unit vectors. Source: the golden-angle spiral."""
    index = np.arange(count) + 0.5
    angle = math.pi * (1 + math.sqrt(5.0)) * index
    y = 1 - 2 * index / count
    ring = np.sqrt(1 - y * y)
    return np.stack([ring * np.cos(angle), y, ring * np.sin(angle)], 1).astype(np.float32)


def light_view(direction: F32, centre: F32, extent: float, resolution: int) -> F32:
    """Orthographic view from a light.

    Args:
        direction: (3,) unit vector towards the light.
        centre: (3,) point at the middle of the map.
        extent: half side of the map, interocular units.
        resolution: texels per side.

    Returns:
        (3, 4) float32: (x, y, z, 1) -> texel x, texel y, height towards the light.
    """
    w = np.asarray(direction, np.float64)
    helper = np.array([0.0, 1.0, 0.0]) if abs(w[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = np.cross(helper, w)
    u /= np.linalg.norm(u)
    v = np.cross(w, u)
    scale = resolution / (2 * extent)
    linear = np.stack([u * scale, v * scale, w])
    offset = -linear @ np.asarray(centre, np.float64) + np.array([resolution / 2, resolution / 2, 0.0])
    return np.concatenate([linear, offset[:, None]], 1).astype(np.float32)


def decimate(vertices: F32, triangles: I32, cell: float) -> I32:
    """Fewer triangles of the same vertices: each cell keeps the vertex nearest to its mean. (T', 3) int32."""
    used = np.unique(triangles)
    points = vertices[used]
    key = np.floor(points / cell).astype(np.int64) @ np.array([1_000_003, 1009, 1])
    _, inverse = np.unique(key, return_inverse=True)
    count = np.bincount(inverse)
    mean = np.stack([np.bincount(inverse, points[:, k]) / count for k in range(3)], 1)
    order = np.argsort(-((points - mean[inverse]) ** 2).sum(1), kind="stable")
    keeper = np.zeros(len(count), np.int64)
    keeper[inverse[order]] = used[order]
    remap = np.zeros(len(vertices), np.int64)
    remap[used] = keeper[inverse]
    small = remap[triangles]
    proper = (small[:, 0] != small[:, 1]) & (small[:, 1] != small[:, 2]) & (small[:, 0] != small[:, 2])
    return np.ascontiguousarray(small[proper], np.int32)


@njit(cache=True, nogil=True)
def height_map(vertices: F32, triangles: I32, view: F32, resolution: int) -> F32:
    """Greatest height of a mesh towards the light, (resolution, resolution) float32, EMPTY where there is none."""
    out = np.full((resolution, resolution), EMPTY, np.float32)
    n = vertices.shape[0]
    mapped = np.empty((n, 3), np.float32)
    for i in range(n):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        for k in range(3):
            mapped[i, k] = view[k, 0] * x + view[k, 1] * y + view[k, 2] * z + view[k, 3]
    half = np.float32(0.5)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = mapped[a, 0], mapped[a, 1], mapped[b, 0], mapped[b, 1], mapped[c, 0], mapped[c, 1]
        low_x, high_x = max(0, int(math.ceil(min(x0, x1, x2) - half))), int(math.floor(max(x0, x1, x2) - half))
        low_y, high_y = max(0, int(math.ceil(min(y0, y1, y2) - half))), int(math.floor(max(y0, y1, y2) - half))
        high_x, high_y = min(resolution - 1, high_x), min(resolution - 1, high_y)
        if high_x < low_x or high_y < low_y:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < np.float32(1e-9):
            continue
        inverse_area = np.float32(1.0) / area
        h0 = mapped[a, 2]
        h1, h2 = mapped[b, 2] - h0, mapped[c, 2] - h0
        for y in range(low_y, high_y + 1):
            py = np.float32(y) + half - y0
            for x in range(low_x, high_x + 1):
                px = np.float32(x) + half - x0
                w1 = (px * (y2 - y0) - (x2 - x0) * py) * inverse_area
                w2 = ((x1 - x0) * py - px * (y1 - y0)) * inverse_area
                if w1 >= 0 and w2 >= 0 and w1 + w2 <= 1:
                    h = h0 + w1 * h1 + w2 * h2
                    if h > out[y, x]:
                        out[y, x] = h
    return out


@njit(cache=True, nogil=True)
def hair_map(points: F32, alive: F32, strand_step: int, point_step: int, view: F32, resolution: int) -> F32:
    """Greatest height of hair points towards the light; points are (N, S, 3), alive (N, S)."""
    out = np.full((resolution, resolution), EMPTY, np.float32)
    for i in range(0, points.shape[0], strand_step):
        for j in range(0, points.shape[1], point_step):
            if alive[i, j] < 0.5:
                break
            x, y, z = points[i, j, 0], points[i, j, 1], points[i, j, 2]
            px = int(math.floor(view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]))
            py = int(math.floor(view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]))
            if 0 <= px < resolution and 0 <= py < resolution:
                h = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3]
                if h > out[py, px]:
                    out[py, px] = h
    return out


@njit(cache=True, fastmath=True, nogil=True)
def _visible_share(points: F32, mesh: F32, hair: F32, view: F32, bias: float, hair_bias: float, out: U8) -> None:
    resolution = mesh.shape[0]
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        fx = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3] - np.float32(0.5)
        fy = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3] - np.float32(0.5)
        h = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3]
        ix, iy = int(math.floor(fx)), int(math.floor(fy))
        tx, ty = fx - ix, fy - iy
        share = np.float32(0.0)
        for jy in range(2):
            for jx in range(2):
                weight = (tx if jx == 1 else 1 - tx) * (ty if jy == 1 else 1 - ty)
                px, py = ix + jx, iy + jy
                if px < 0 or py < 0 or px >= resolution or py >= resolution:
                    share += weight
                elif mesh[py, px] <= h + bias:
                    over = hair[py, px] - h - hair_bias
                    share += weight * (math.exp(-HAIR_EXTINCTION * over) if over > 0 else 1.0)
        out[i] = np.uint8(share * 255.0 + 0.5)


def sky_visibility(
    samples: Sequence[tuple[F32, float]],
    vertices: F32,
    triangles: I32,
    hair: F32 | None,
    alive: F32 | None,
    centre: F32,
) -> list[U8]:
    """Share of each sky direction that points see past the mesh and through the hair.

    Args:
        samples: sets of points, each (P, 3) float32 head space, lifted from the surface by the caller, and the depth in
            the hair that does not yet darken them, interocular units.
        vertices: (V, 3) float32 of the occluding mesh.
        triangles: (T, 3) int32 of the occluding mesh.
        hair: (N, S, 3) float32 hair points, or None.
        alive: (N, S) float32, or None.
        centre: (3,) middle of the height maps.

    Returns:
        For each set (P, DIRECTION_COUNT) uint8, 255 = sees all.
    """
    out = [np.empty((DIRECTION_COUNT, len(points)), np.uint8) for points, _ in samples]
    empty = np.full((SKY_RESOLUTION, SKY_RESOLUTION), EMPTY, np.float32)
    # most vertices of a head are none of the occluder's, and each map would move them all
    used, few = np.unique(triangles, return_inverse=True)
    corners, few = np.ascontiguousarray(vertices[used]), few.reshape(triangles.shape).astype(np.int32)
    for k, view in enumerate(sky_views(tuple(np.asarray(centre).tolist()))):
        mesh = height_map(corners, few, view, SKY_RESOLUTION)
        cover = empty if hair is None or alive is None else hair_map(hair, alive, 2, 1, view, SKY_RESOLUTION)
        for rows, (points, hair_bias) in zip(out, samples, strict=True):
            _visible_share(points, mesh, cover, view, SKY_BIAS, hair_bias, rows[k])
    return [np.ascontiguousarray(rows.T) for rows in out]


@cache
def sky_views(centre: tuple[float, float, float]) -> tuple[F32, ...]:
    """Views from all directions of the sky at a centre, each (3, 4) float32 of `light_view`."""
    middle = np.array(centre)
    return tuple(light_view(way, middle, SKY_EXTENT, SKY_RESOLUTION) for way in fibonacci_directions(DIRECTION_COUNT))


def shaded_sky(points: F32, sky: U8, vertices: F32, triangles: I32, centre: F32, bias: float) -> U8:
    """What is left of the sky when something more stands before it.

    Args:
        points: (P, 3) float32 head space.
        sky: (P, DIRECTION_COUNT) uint8 of `sky_visibility`.
        vertices: (V, 3) float32 of what is added.
        triangles: (T, 3) int32 of what is added.
        centre: (3,) middle of the height maps.
        bias: height that it must stand over a point, interocular units.

    Returns:
        (P, DIRECTION_COUNT) uint8.
    """
    out = np.empty(sky.shape, np.uint8)
    share = np.empty(len(points), np.uint8)
    no_hair = np.full((SKY_RESOLUTION, SKY_RESOLUTION), EMPTY, np.float32)
    for k, view in enumerate(sky_views(tuple(np.asarray(centre).tolist()))):
        mesh = height_map(vertices, triangles, view, SKY_RESOLUTION)
        _visible_share(points, mesh, no_hair, view, bias, 0.0, share)
        out[:, k] = sky[:, k].astype(np.uint16) * share // 255
    return out


@njit(cache=True, fastmath=True, nogil=True)
def irradiance(
    normals: F32, visibility: U8, weight: F32, used: U8, head: F32, torso: F32, head_radiance: F32, torso_radiance: F32
) -> F32:
    """Sky light per vertex, and how open the vertex is.

    Args:
        normals: (V, 3) posed unit normals.
        visibility: (V, K) uint8 from `sky_visibility`.
        weight: (V,) share of the head's pose.
        used: (V,) uint8, 0 = skip.
        head: (K, 3) sky directions turned with the head.
        torso: (K, 3) sky directions turned with the torso.
        head_radiance: (K, 3) linear RGB from `head`.
        torso_radiance: (K, 3) linear RGB from `torso`.

    Returns:
        (V, 4) float32: irradiance / pi in RGB, openness in [0, 1].
    """
    count = head.shape[0]
    norm = np.float32(4.0 / (255.0 * count))
    out = np.zeros((normals.shape[0], 4), np.float32)
    for i in range(normals.shape[0]):
        if used[i] == 0:
            continue
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        open_sum = np.float32(0.0)
        cos_sum = np.float32(1e-4)
        for turn in range(2):
            share = weight[i] if turn == 0 else 1 - weight[i]
            if share <= 0:
                continue
            directions = head if turn == 0 else torso
            radiance = head_radiance if turn == 0 else torso_radiance
            for k in range(count):
                cosine = nx * directions[k, 0] + ny * directions[k, 1] + nz * directions[k, 2]
                if cosine > 0:
                    amount = cosine * visibility[i, k] * share
                    cos_sum += cosine * share * np.float32(255.0)
                    open_sum += amount
                    for channel in range(3):
                        out[i, channel] += amount * radiance[k, channel] * norm
        out[i, 3] = open_sum / cos_sum
    return out
