"""Triangle rasteriser: z-buffer, triangle ids and vertex normals, compiled with numba."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from train.data.face_world.types import F32, I32, U8


@njit(cache=True, fastmath=True, nogil=True)
def vertex_normals(vertices: F32, triangles: I32) -> F32:
    """Area-weighted vertex normals.

    Args:
        vertices: (V, 3) float32.
        triangles: (T, 3) int32, counter-clockwise seen from outside.

    Returns:
        (V, 3) float32 unit vectors; (0, 0, 0) for vertices without triangles.
    """
    normals = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
        vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for i in range(vertices.shape[0]):
        length = math.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2)
        scale = np.float32(1.0 / length) if length > 1e-20 else np.float32(0.0)
        for k in range(3):
            normals[i, k] *= scale
    return normals


@njit(cache=True, nogil=True)
def rasterize(screen: F32, triangles: I32, height: int, width: int, inverse_depth: F32, triangle_id: I32) -> None:
    """Draws triangles into a z-buffer; the nearest wins, the first one drawn wins a tie.

    Pixel centres lie at +0.5. Points on an edge belong to both triangles, so that no seam opens.

    Args:
        screen: (V, 3) float32: pixel x, pixel y, 1 / depth.
        triangles: (T, 3) int32, either winding.
        height: of the buffers.
        width: of the buffers.
        inverse_depth: (height, width) float32, in and out; 0 = empty.
        triangle_id: (height, width) int32, in and out; -1 = empty.
    """
    edge = np.float32(-1e-5)
    half = np.float32(0.5)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, z0 = screen[a, 0], screen[a, 1], screen[a, 2]
        x1, y1, z1 = screen[b, 0], screen[b, 1], screen[b, 2]
        x2, y2, z2 = screen[c, 0], screen[c, 1], screen[c, 2]
        low_x, high_x = min(x0, x1, x2), max(x0, x1, x2)
        low_y, high_y = min(y0, y1, y2), max(y0, y1, y2)
        if high_x < half or high_y < half or low_x > width or low_y > height:
            continue
        first_x, last_x = max(0, int(math.ceil(low_x - half))), min(width - 1, int(math.floor(high_x - half)))
        first_y, last_y = max(0, int(math.ceil(low_y - half))), min(height - 1, int(math.floor(high_y - half)))
        if last_x < first_x or last_y < first_y:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < np.float32(1e-9):
            continue
        inverse_area = np.float32(1.0) / area
        w1_dx, w1_dy = (y2 - y0) * inverse_area, -(x2 - x0) * inverse_area
        w2_dx, w2_dy = -(y1 - y0) * inverse_area, (x1 - x0) * inverse_area
        z_1, z_2 = z1 - z0, z2 - z0
        for y in range(first_y, last_y + 1):
            py = np.float32(y) + half - y0
            for x in range(first_x, last_x + 1):
                px = np.float32(x) + half - x0
                w1 = px * w1_dx + py * w1_dy
                w2 = px * w2_dx + py * w2_dy
                if w1 >= edge and w2 >= edge and np.float32(1.0) - w1 - w2 >= edge:
                    z = z0 + w1 * z_1 + w2 * z_2
                    if z > inverse_depth[y, x]:
                        inverse_depth[y, x] = z
                        triangle_id[y, x] = t


@njit(cache=True, nogil=True)
def shown_vertices(triangle_id: I32, triangles: I32, count: int) -> U8:
    """Marks the vertices of the triangles that a picture shows.

    Args:
        triangle_id: (H, W) int32, -1 = empty.
        triangles: (T, 3) int32.
        count: of vertices.

    Returns:
        (count,) uint8, 1 = shown.
    """
    shown = np.zeros(count, np.uint8)
    for row in range(triangle_id.shape[0]):
        for column in range(triangle_id.shape[1]):
            t = triangle_id[row, column]
            if t >= 0:
                for k in range(3):
                    shown[triangles[t, k]] = 1
    return shown


@njit(cache=True, nogil=True)
def barycentric(screen: F32, a: int, b: int, c: int, px: float, py: float) -> tuple[float, float]:
    """Perspective-correct weights of the second and third corner at a pixel position.

    Args:
        screen: (V, 3) float32: pixel x, pixel y, 1 / depth.
        a: first vertex.
        b: second vertex.
        c: third vertex.
        px: pixel x.
        py: pixel y.

    Returns:
        Weights w1, w2; the first corner's is 1 - w1 - w2.
    """
    x0, y0, z0 = screen[a, 0], screen[a, 1], screen[a, 2]
    x1, y1 = screen[b, 0] - x0, screen[b, 1] - y0
    x2, y2 = screen[c, 0] - x0, screen[c, 1] - y0
    inverse_area = np.float32(1.0) / (x1 * y2 - x2 * y1)
    dx, dy = np.float32(px) - x0, np.float32(py) - y0
    w1 = (dx * y2 - dy * x2) * inverse_area * screen[b, 2]
    w2 = (dy * x1 - dx * y1) * inverse_area * screen[c, 2]
    w0 = (np.float32(1.0) - (dx * y2 - dy * x2 + dy * x1 - dx * y1) * inverse_area) * z0
    scale = np.float32(1.0) / (w0 + w1 + w2)
    return w1 * scale, w2 * scale
