"""Puts changed pixels into a frame's own planes, so that all others keep their very values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.media.av_module import require_av
from facesdk.types import F32, U8


@dataclass(frozen=True)
class PlanarFormat:
    """How a planar YUV format keeps its samples.

    Attributes:
        dtype: of a sample.
        shift_x, shift_y: a chroma sample covers 2**shift_x columns and 2**shift_y rows.
    """

    dtype: type[np.generic]
    shift_x: int
    shift_y: int


FORMATS = {
    "yuv420p": PlanarFormat(np.uint8, 1, 1),
    "yuv422p": PlanarFormat(np.uint8, 1, 0),
    "yuv444p": PlanarFormat(np.uint8, 0, 0),
    "yuv420p10le": PlanarFormat(np.uint16, 1, 1),
    "yuv422p10le": PlanarFormat(np.uint16, 1, 0),
    "yuv444p10le": PlanarFormat(np.uint16, 0, 0),
}
"""The formats in which frames are worked on."""

NEAREST = {
    "yuvj420p": "yuv420p",
    "yuvj422p": "yuv422p",
    "yuvj444p": "yuv444p",
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "p010le": "yuv420p10le",
    "yuv420p12le": "yuv420p10le",
    "yuv422p12le": "yuv422p10le",
    "yuv444p12le": "yuv444p10le",
    "yuva420p": "yuv420p",
    "yuva444p": "yuv444p",
    "gbrp": "yuv444p",
    "rgb24": "yuv444p",
    "bgr24": "yuv444p",
    "rgba": "yuv444p",
    "bgra": "yuv444p",
    "bgr0": "yuv444p",
}
"""What other formats are taken as; all that are not named are taken as yuv420p."""

BT709, BT601 = 1, 6
FULL_RANGE, LIMITED_RANGE = 2, 1
_KNOWN_MATRICES = (1, 4, 5, 6, 7, 9, 10)


def working_format(pixel_format: str, encodable: Sequence[str]) -> str:
    """The format of FORMATS that loses least of a film's own one, among those that the encoder takes."""
    best = pixel_format if pixel_format in FORMATS else NEAREST.get(pixel_format, "yuv420p")
    if best in encodable:
        return best
    plain = best.removesuffix("10le")
    return plain if plain in encodable else "yuv420p"


def color_matrix(colorspace: int, height: int) -> int:
    """FFmpeg's number of the YUV matrix; where the film does not say, what players assume for its height."""
    return colorspace if colorspace in _KNOWN_MATRICES else (BT709 if height >= 720 else BT601)


def color_range(range_number: int, pixel_format: str) -> int:
    """FULL_RANGE or LIMITED_RANGE; where the film does not say, what its pixel format means."""
    if range_number in (FULL_RANGE, LIMITED_RANGE):
        return range_number
    full = pixel_format.startswith(("yuvj", "gbr", "rgb", "bgr"))
    return FULL_RANGE if full else LIMITED_RANGE


def plane_arrays(frame: Any) -> list[NDArray[Any]]:
    """The planes of a frame in a format of FORMATS: (rows, columns) each, views of the frame's own memory."""
    dtype = np.dtype(FORMATS[frame.format.name].dtype)
    out = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
        out.append(rows[:, : plane.width * dtype.itemsize].view(dtype))
    return out


def plain_frame(frame: Any, pixel_format: str, size_hw: tuple[int, int], matrix: int, range_number: int) -> Any:
    """A new frame with the same pixels and nothing else of the old one: no side data, no picture type.

    Args:
        frame: PyAV's VideoFrame.
        pixel_format: of FORMATS.
        size_hw: height and width, at most the frame's own; what is over is cut off at the right and below.
        matrix: from `color_matrix`.
        range_number: from `color_range`.
    """
    av = require_av()
    if NEAREST.get(frame.format.name) != pixel_format or not frame.format.name.startswith("yuvj"):
        if frame.format.name != pixel_format:
            frame = frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=range_number, threads=1)
        source = plane_arrays(frame)
    else:
        source = _planes_of_yuvj(frame)
    height, width = size_hw
    out = av.VideoFrame(width, height, pixel_format)
    for target, plane in zip(plane_arrays(out), source):
        target[:] = plane[: target.shape[0], : target.shape[1]]
    out.colorspace, out.color_range = matrix, range_number
    return out


def put_region(frame: Any, rgb: U8, mask: F32, origin_xy: tuple[int, int], rotation_degrees: int) -> None:
    """Writes the changed pixels of a region into a frame; where the mask is 0, its samples stay as they are.

    Args:
        frame: from `plain_frame`; changed.
        rgb: (H, W, 3) uint8, the whole picture, upright.
        mask: (h, w) float32 of the region; what is not 0 is written.
        origin_xy: column and row of the region's first pixel in the upright picture.
        rotation_degrees: from VideoInfo.
    """
    av = require_av()
    turns = rotation_degrees // 90
    kind = FORMATS[frame.format.name]
    x, y = origin_xy
    h, w = mask.shape
    if turns:
        # Back to the stored orientation: the region's corner is found by turning the numbers of all rows and columns.
        height, width = rgb.shape[:2]
        for _ in range(turns):
            # np.rot90 by -1: (x, y) of a picture of `height` rows goes to (height - 1 - y, x).
            x, y, w, h, height, width = height - y - h, x, h, w, width, height
        rgb, mask = np.rot90(rgb, -turns), np.rot90(mask, -turns)
    # Chroma samples are shared by blocks of pixels: the region grows to whole blocks.
    step_x, step_y = 1 << kind.shift_x, 1 << kind.shift_y
    x0, y0 = x - x % step_x, y - y % step_y
    x1, y1 = min(-(-(x + w) // step_x) * step_x, frame.width), min(-(-(y + h) // step_y) * step_y, frame.height)
    if x1 <= x0 or y1 <= y0:
        return
    changed = np.zeros((y1 - y0, x1 - x0), bool)
    part = changed[y - y0 : y - y0 + h, x - x0 : x - x0 + w]
    part |= mask[: part.shape[0], : part.shape[1]] > 0
    piece = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[y0:y1, x0:x1]), format="rgb24").reformat(
        format=frame.format.name, dst_colorspace=frame.colorspace, dst_color_range=frame.color_range, threads=1
    )
    shifts = [(0, 0), (kind.shift_x, kind.shift_y), (kind.shift_x, kind.shift_y)]
    for target, new, (sx, sy) in zip(plane_arrays(frame), plane_arrays(piece), shifts):
        where = _shrink(changed, sx, sy)
        place = target[y0 >> sy : (y0 >> sy) + where.shape[0], x0 >> sx : (x0 >> sx) + where.shape[1]]
        np.copyto(place, new, where=where)


def _shrink(changed: NDArray[np.bool_], shift_x: int, shift_y: int) -> NDArray[np.bool_]:
    """Which chroma samples have a changed pixel."""
    if not shift_x and not shift_y:
        return changed
    rows, columns = -(-changed.shape[0] >> shift_y), -(-changed.shape[1] >> shift_x)
    full = np.zeros((rows << shift_y, columns << shift_x), bool)
    full[: changed.shape[0], : changed.shape[1]] = changed
    return np.asarray(full.reshape(rows, 1 << shift_y, columns, 1 << shift_x).any((1, 3)))


def _planes_of_yuvj(frame: Any) -> list[NDArray[Any]]:
    """As `plane_arrays`; yuvj differs from yuv in name only."""
    return [
        np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)[
            :, : plane.width
        ]
        for plane in frame.planes
    ]
