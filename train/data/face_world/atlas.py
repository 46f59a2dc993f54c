"""The skin atlas of a head: where each texel lies in space, which region it belongs to, and a bank of noise.

Region masks are functions of the *canonical* position (canon.py): the mean head's, after a piecewise linear stretch of
each axis that puts the landmarks at fixed levels. So every head shares one description of where cheeks and beard are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numba import njit
from scipy.interpolate import splev, splprep
from scipy.ndimage import distance_transform_edt

from train.data.face_world.canon import canonical_positions
from train.data.face_world.ears import ear_vertices
from train.data.face_world.noise import fine_noise, spot_cells, value_noise
from train.data.face_world.regions import region_masks, wrinkle_heights
from train.data.face_world.types import F32, I32, U8, HeadModel, Material, Part

NOISE_FREQUENCIES = (0.75, 0.75, 1.5, 1.5, 3.0, 3.0, 6.0, 6.0, 12.0, 12.0, 24.0, 24.0)  # per interocular distance
FINE_NOISE_TEXELS = (0.6, 0.6, 1.2, 1.2)  # at 256 rows; grows with the atlas
SPOT_FREQUENCIES = (22.0, 13.0)

FRONT_BOX = (-1.4, 1.4, -2.1, 1.5)  # x and y range of the front view, canonical
FRONT_SIZE_HW = (288, 224)


@dataclass(frozen=True, eq=False)
class Atlas:
    """Everything about the skin that depends on the head model and not on the person.

    Attributes:
        size_hw: rows and columns; row 0 is v = 1, texel centres at +0.5.
        positions: (H, W, 3) float32 mean-head positions, holes filled by nearest.
        canonical: (H, W, 3) float32 the same, stretched to the canonical levels.
        triangle: (H, W) int32 into mesh.triangles, holes filled by nearest.
        barycentric: (H, W, 3) float32.
        covered: (H, W) bool, False in holes.
        texel_area: (H, W) float32 surface area of a texel, 0 in holes.
        uv_per_length: (T, 2, 3) float32, multiplies a tangent vector (interocular units) to a step in uv; 0 where a
            triangle has no area.
        masks: name -> (H, W) float32 in [0, 1].
        part_map: (H, W) uint8 of Part.
        noise: (K, H, W) float32, zero mean, unit variance, coarse to fine.
        spots: (S, H, W) float32, distance from the nearest spot centre in cells, for freckles and moles.
        spot_id: (S, H, W) int32, a hash of the cell that holds it.
        wrinkles: (2, H, W) float32 height in interocular units: face and neck lines, forehead lines.
        landmark_uv: (68, 2) float32.
        front_uv: (Hf, Wf, 2) float32, uv of the surface seen from the front, over FRONT_BOX; NaN beside the head.
        uv_corners: (T, 3, 2) float32 uv of every triangle's corners.
    """

    size_hw: tuple[int, int]
    positions: F32
    canonical: F32
    triangle: I32
    barycentric: F32
    covered: np.ndarray
    texel_area: F32
    uv_per_length: F32
    masks: dict[str, F32]
    part_map: U8
    noise: F32
    spots: F32
    spot_id: I32
    wrinkles: F32
    landmark_uv: F32
    front_uv: F32
    uv_corners: F32

    def locate(self, uv: F32) -> tuple[I32, F32]:
        """Surface points under atlas coordinates.

        Args:
            uv: (..., 2) float32.

        Returns:
            triangle (...) int32 and barycentric (..., 3) float32.
        """
        flat = np.ascontiguousarray(uv.reshape(-1, 2), np.float32)
        triangle, barycentric = _locate(flat, self.triangle, self.uv_corners)
        return triangle.reshape(uv.shape[:-1]), barycentric.reshape((*uv.shape[:-1], 3))

    def front(self, xy: F32) -> F32:
        """Atlas coordinates of the surface seen from the front at canonical x, y.

        Args:
            xy: (..., 2) float32 canonical.

        Returns:
            (..., 2) float32 uv, NaN where there is no head.
        """
        rows, columns = FRONT_SIZE_HW
        x0, x1, y0, y1 = FRONT_BOX
        column = ((xy[..., 0] - x0) / (x1 - x0) * columns - 0.5).astype(np.float32).reshape(-1, 1)
        row = ((y1 - xy[..., 1]) / (y1 - y0) * rows - 0.5).astype(np.float32).reshape(-1, 1)
        return cv2.remap(self.front_uv, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(
            xy.shape
        )


def build_atlas(head: HeadModel, size_hw: tuple[int, int] = (256, 512)) -> Atlas:
    """The atlas of a head, built once per head object and size.

    Args:
        head: the head model.
        size_hw: rows and columns of the atlas.
    """
    return _build(head, size_hw)


@cache
def _build(head: HeadModel, size_hw: tuple[int, int]) -> Atlas:
    mesh = head.mesh
    corners = mesh.uv[mesh.uv_triangles].astype(np.float32)
    skin = mesh.material == Material.SKIN
    order = np.concatenate([np.nonzero(skin)[0], np.nonzero(mesh.material == Material.MOUTH)[0]]).astype(np.int32)
    triangle, barycentric = rasterize_flat(corners[:, :, 0], 1.0 - corners[:, :, 1], order, None, size_hw)
    covered = triangle >= 0
    rows, columns = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    triangle, barycentric = triangle[rows, columns], barycentric[rows, columns]
    positions = _interpolate(mesh.vertices, mesh.triangles, triangle, barycentric)
    canonical_vertices = canonical_positions(head, mesh.vertices)
    canonical = _interpolate(canonical_vertices, mesh.triangles, triangle, barycentric)
    uv_per_length, area_per_uv = _triangle_frames(mesh.vertices[mesh.triangles], corners)
    texel_area = area_per_uv[triangle] * (covered & skin[triangle]) / np.float32(covered.size)

    uv_of_vertex = np.zeros((len(mesh.vertices), 2), np.float32)
    uv_of_vertex[mesh.triangles[skin].ravel()] = mesh.uv[mesh.uv_triangles[skin].ravel()]
    landmark_uv = uv_of_vertex[mesh.landmarks]
    inside = mesh.material[triangle] == Material.MOUTH
    lips = _lips(landmark_uv, size_hw) * ~inside
    ear = np.einsum("hwk,hwk->hw", barycentric, ear_vertices(head)[mesh.triangles[triangle]]) * skin[triangle]
    masks = region_masks(canonical, canonical_vertices[mesh.landmarks], lips, ear.astype(np.float32), inside)

    grain = size_hw[0] / 256.0
    noise = [value_noise(positions, f, seed=7 + i) for i, f in enumerate(NOISE_FREQUENCIES)]
    noise += [fine_noise(size_hw, s * grain, seed=101 + i) for i, s in enumerate(FINE_NOISE_TEXELS)]
    cells = [spot_cells(positions, f, seed=51 + i) for i, f in enumerate(SPOT_FREQUENCIES)]
    return Atlas(
        size_hw=size_hw,
        positions=positions,
        canonical=canonical,
        triangle=triangle,
        barycentric=barycentric,
        covered=covered,
        texel_area=texel_area,
        uv_per_length=uv_per_length,
        masks=masks,
        part_map=_part_map(masks),
        noise=np.stack(noise),
        spots=np.stack([distance for distance, _ in cells]),
        spot_id=np.stack([cell for _, cell in cells]),
        wrinkles=wrinkle_heights(canonical) * ~inside,
        landmark_uv=landmark_uv,
        front_uv=_front_view(canonical_vertices, mesh.triangles, corners, np.nonzero(skin)[0].astype(np.int32)),
        uv_corners=corners,
    )


def _interpolate(vertices: F32, triangles: I32, triangle: I32, barycentric: F32) -> F32:
    return np.einsum("...k,...kc->...c", barycentric, vertices[triangles[triangle]]).astype(np.float32)


def _triangle_frames(points: F32, uv: F32) -> tuple[F32, F32]:
    """Per triangle: the map from tangent vectors to uv steps, and the surface area per area of uv.

    Args:
        points: (T, 3, 3) float32 corners.
        uv: (T, 3, 2) float32 corners.
    """
    edges = (points[:, 1:] - points[:, :1]).astype(np.float64)  # (T, 2, 3)
    steps = (uv[:, 1:] - uv[:, :1]).astype(np.float64)  # (T, 2, 2)
    gram = np.einsum("tic,tjc->tij", edges, edges)
    determinant = gram[:, 0, 0] * gram[:, 1, 1] - gram[:, 0, 1] ** 2
    uv_area = np.abs(steps[:, 0, 0] * steps[:, 1, 1] - steps[:, 0, 1] * steps[:, 1, 0])
    usable = (determinant > 1e-14) & (uv_area > 1e-12)
    gram[~usable] = np.eye(2)
    frames = np.einsum("tia,tij,tjc->tac", steps, np.linalg.inv(gram), edges) * usable[:, None, None]
    area = np.sqrt(np.maximum(determinant, 0.0)) / np.where(usable, uv_area, 1.0) * usable
    return frames.astype(np.float32), area.astype(np.float32)


def _lips(landmark_uv: F32, size_hw: tuple[int, int], oversample: int = 4) -> F32:
    """Coverage of a closed spline through landmarks 48-59, in uv."""
    height, width = size_hw[0] * oversample, size_hw[1] * oversample
    outline = landmark_uv[48:60]
    spline, _ = splprep(np.vstack([outline, outline[:1]]).T, s=0, per=True, k=3)
    u, v = splev(np.linspace(0, 1, 160, endpoint=False), spline)
    polygon = np.stack([np.asarray(u) * width, (1 - np.asarray(v)) * height], 1)
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [np.round(polygon).astype(np.int32)], 255)
    return cv2.resize(canvas, size_hw[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def _part_map(masks: dict[str, F32]) -> U8:
    parts = np.full(masks["lips"].shape, Part.SKIN, np.uint8)
    parts[masks["neck"] > 0.5] = Part.NECK
    parts[masks["ear"] > 0.5] = Part.EAR
    parts[masks["upper_lip"] > 0.5] = Part.UPPER_LIP
    parts[masks["lower_lip"] > 0.5] = Part.LOWER_LIP
    parts[masks["cloth"] > 0.5] = Part.CLOTH
    parts[masks["inside"] > 0.5] = Part.MOUTH
    return parts


def _front_view(vertices: F32, triangles: I32, corners: F32, order: I32) -> F32:
    """uv of the nearest skin along +z, over FRONT_BOX."""
    x0, x1, y0, y1 = FRONT_BOX
    corner = vertices[triangles]
    x, y = (corner[..., 0] - x0) / (x1 - x0), (y1 - corner[..., 1]) / (y1 - y0)
    triangle, barycentric = rasterize_flat(x, y, order, corner[..., 2], FRONT_SIZE_HW)
    uv = np.einsum("hwk,hwkc->hwc", barycentric, corners[triangle]).astype(np.float32)
    uv[triangle < 0] = np.nan
    return uv


def rasterize_flat(x: F32, y: F32, order: I32, z: F32 | None, size_hw: tuple[int, int]) -> tuple[I32, F32]:
    """Rasterise triangles in a plane.

    Args:
        x: (T, 3) corners in [0, 1] from the left.
        y: (T, 3) corners in [0, 1] from the top.
        order: indices of the triangles to draw; without z the first one keeps a texel.
        z: (T, 3) heights, the greatest wins; or None.
        size_hw: rows and columns.

    Returns:
        triangle (H, W) int32, -1 where none; barycentric (H, W, 3) float32.
    """
    heights = np.zeros(x.shape, np.float32) if z is None else np.ascontiguousarray(z, np.float32)
    scaled_x = np.ascontiguousarray(x, np.float32) * np.float32(size_hw[1])
    scaled_y = np.ascontiguousarray(y, np.float32) * np.float32(size_hw[0])
    return _rasterize(scaled_x, scaled_y, heights, order, size_hw[0], size_hw[1])


@njit(cache=True, nogil=True)
def _rasterize(x, y, z, order, height, width):  # type: ignore[no-untyped-def]
    triangle = np.full((height, width), -1, np.int32)
    barycentric = np.zeros((height, width, 3), np.float32)
    nearest = np.full((height, width), -1e30, np.float32)
    for t in order:
        area = (x[t, 1] - x[t, 0]) * (y[t, 2] - y[t, 0]) - (x[t, 2] - x[t, 0]) * (y[t, 1] - y[t, 0])
        if abs(area) < 1e-12:
            continue
        first_row = max(0, int(np.ceil(min(y[t, 0], y[t, 1], y[t, 2]) - 0.5)))
        last_row = min(height - 1, int(np.floor(max(y[t, 0], y[t, 1], y[t, 2]) - 0.5)))
        first_column = max(0, int(np.ceil(min(x[t, 0], x[t, 1], x[t, 2]) - 0.5)))
        last_column = min(width - 1, int(np.floor(max(x[t, 0], x[t, 1], x[t, 2]) - 0.5)))
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                dx, dy = column + 0.5 - x[t, 0], row + 0.5 - y[t, 0]
                b1 = (dx * (y[t, 2] - y[t, 0]) - (x[t, 2] - x[t, 0]) * dy) / area
                b2 = ((x[t, 1] - x[t, 0]) * dy - dx * (y[t, 1] - y[t, 0])) / area
                b0 = 1.0 - b1 - b2
                if b0 < -1e-6 or b1 < -1e-6 or b2 < -1e-6:
                    continue
                depth = b0 * z[t, 0] + b1 * z[t, 1] + b2 * z[t, 2]
                if depth > nearest[row, column]:
                    nearest[row, column] = depth
                    triangle[row, column] = t
                    barycentric[row, column, 0] = b0
                    barycentric[row, column, 1] = b1
                    barycentric[row, column, 2] = b2
    return triangle, barycentric


@njit(cache=True, nogil=True)
def _locate(uv, triangle_map, corners):  # type: ignore[no-untyped-def]
    """Exact barycentric coordinates in the triangle of the nearest texel, kept near the triangle."""
    height, width = triangle_map.shape
    triangle = np.empty(len(uv), np.int32)
    barycentric = np.empty((len(uv), 3), np.float32)
    for i in range(len(uv)):
        column = min(max(int(uv[i, 0] * width), 0), width - 1)
        row = min(max(int((1.0 - uv[i, 1]) * height), 0), height - 1)
        t = triangle_map[row, column]
        c = corners[t]
        area = (c[1, 0] - c[0, 0]) * (c[2, 1] - c[0, 1]) - (c[2, 0] - c[0, 0]) * (c[1, 1] - c[0, 1])
        dx, dy = uv[i, 0] - c[0, 0], uv[i, 1] - c[0, 1]
        b1 = (dx * (c[2, 1] - c[0, 1]) - (c[2, 0] - c[0, 0]) * dy) / area
        b2 = ((c[1, 0] - c[0, 0]) * dy - dx * (c[1, 1] - c[0, 1])) / area
        b0 = 1.0 - b1 - b2
        b0, b1, b2 = max(b0, -1.0), max(b1, -1.0), max(b2, -1.0)
        total = b0 + b1 + b2
        triangle[i] = t
        barycentric[i, 0], barycentric[i, 1], barycentric[i, 2] = b0 / total, b1 / total, b2 / total
    return triangle, barycentric
