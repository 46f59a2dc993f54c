"""Pastes a crop into a picture under a soft mask, touching nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.ops.impl import Impl, choose_impl
from facesdk.ops.native import native
from facesdk.ops.warp import Roi, antialias, antialias_sigma, crop_roi, is_enlarged, place_roi, unwarp
from facesdk.types import F32, RgbImage

# Less than half a step of 8 bits even from black to white, so the pixel would not change anyway.
MIN_MASK = 0.4 / 255.0


def paste(
    image: RgbImage,
    crop: NDArray[np.generic],
    mask: NDArray[np.floating],
    matrix: NDArray[np.floating],
    threads: int = 1,
    impl: Impl = "auto",
) -> tuple[RgbImage, F32, Roi]:
    """Blends a crop into its place: out = round(m crop' + (1 - m) image), m and crop' taken back through the matrix.

    Args:
        image: (H, W, 3) uint8; not changed.
        crop: (h, w, 3), 0 to 255, uint8 or float.
        mask: (h, w), 0 to 1: how much of the crop shows.
        matrix: (2, 3), picture pixels to crop pixels, as `faces.align.crop_matrix`.
        threads: most that work on it.
        impl: "auto", "native" or "numpy"; they differ by one level of 256 at most.

    Returns:
        The picture, (H, W, 3) uint8; the mask in the picture, (H, W) float32; the region that was computed. Where the
        mask in the picture is 0, the pixels are the input's, bit for bit.

    Raises:
        InputError: shapes do not fit, values are not finite, or the matrix cannot be inverted.
        BackendError: no such implementation.
    """
    out = image.copy()
    soft, roi = paste_into(out, crop, mask, matrix, threads, impl)
    full = np.zeros(image.shape[:2], np.float32)
    full[roi.slices] = soft
    return out, full, roi


def paste_into(
    image: RgbImage,
    crop: NDArray[np.generic],
    mask: NDArray[np.floating],
    matrix: NDArray[np.floating],
    threads: int = 1,
    impl: Impl = "auto",
) -> tuple[F32, Roi]:
    """As `paste`, but changes the picture itself, so that the cost is that of the face and not of the picture.

    Args:
        image: (H, W, 3) uint8; changed where the mask is not 0. Nothing is changed if an error is raised.
        crop, mask, matrix, threads, impl: as `paste`.

    Returns:
        The mask in the region, (region height, region width) float32, and the region.
    """
    return paste_all(image, [(crop, mask, matrix)], threads, impl)[0]


def paste_all(
    image: RgbImage,
    crops: Sequence[tuple[NDArray[np.generic], NDArray[np.floating], NDArray[np.floating]]],
    threads: int = 1,
    impl: Impl = "auto",
) -> list[tuple[F32, Roi]]:
    """As `paste_into` for one crop after the other; those that do not meet are pasted at once, each by one thread.

    Args:
        image: (H, W, 3) uint8; changed where a mask is not 0. Nothing is changed if an error is raised.
        crops: crop, mask and matrix of each, as `paste`; where two meet, the later one lies on top.
        threads: most that work on it. A crop that is alone is shared by all of them.
        impl: as `paste`.

    Returns:
        For each what `paste_into` returns.
    """
    chosen = choose_impl("paste", impl)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"paste: an (H, W, 3) uint8 picture expected, got {image.shape} {image.dtype}.")
    patches = [_Patch.of(*each, (image.shape[0], image.shape[1])) for each in crops]
    if not image.flags.writeable:
        raise InputError("paste: the picture is read-only.", "Pass a copy.")
    out: list[tuple[F32, Roi]] = []
    for group in _apart(patches):
        if chosen == "numpy":
            out += [(_reference(image[patch.roi.slices], patch), patch.roi) for patch in group]
        else:
            out += _native_group(image, group, threads)
    return out


@dataclass(frozen=True, eq=False)
class _Patch:
    """A crop that was checked: colours, 0 to 255, and mask, both float32, the matrix, and the region it may change."""

    colors: F32
    mask: F32
    matrix: NDArray[np.floating]
    roi: Roi

    @classmethod
    def of(
        cls,
        crop: NDArray[np.generic],
        mask: NDArray[np.floating],
        matrix: NDArray[np.floating],
        size_hw: tuple[int, int],
    ) -> _Patch:
        if crop.ndim != 3 or crop.shape[2] != 3 or mask.shape != crop.shape[:2] or matrix.shape != (2, 3):
            raise InputError(
                "paste: crop (h, w, 3), mask (h, w), matrix (2, 3) expected, "
                f"got {crop.shape}, {mask.shape}, {matrix.shape}."
            )
        colors, shown = np.ascontiguousarray(crop, np.float32), np.ascontiguousarray(mask, np.float32)
        if not (np.isfinite(colors).all() and np.isfinite(shown).all()):
            raise InputError("paste: the crop or its mask has values that are not finite.")
        return cls(colors, shown, matrix, crop_roi(matrix, _reach(shown, antialias_sigma(matrix)), size_hw))


def _apart(patches: Sequence[_Patch]) -> Iterator[list[_Patch]]:
    """The patches in their order, cut where one meets another of its group."""
    group: list[_Patch] = []
    for patch in patches:
        if any(patch.roi.meets(other.roi) for other in group):
            yield group
            group = []
        group.append(patch)
    if group:
        yield group


def _native_group(image: RgbImage, group: Sequence[_Patch], threads: int) -> list[tuple[F32, Roi]]:
    """Pastes what does not meet."""
    out = [(np.zeros(patch.roi.size_hw, np.float32), patch.roi) for patch in group]
    tasks, copies = [], []
    for patch, (soft, roi) in zip(group, out):
        if roi.is_empty:
            continue
        region = image[roi.slices]
        # The kernel writes pixels that lie side by side; a view with its channels turned, for example, takes a copy.
        packed = region if image.strides[1:] == (3, 1) else np.ascontiguousarray(region)
        if packed is not region:
            copies.append((region, packed))
        colors = antialias(patch.colors, patch.matrix, fill=True)
        shown = antialias(patch.mask, patch.matrix, fill=False)
        placing = place_roi(patch.matrix, roi).reshape(-1).tolist()
        tasks.append((packed, colors, shown, placing, is_enlarged(patch.matrix), soft))
    native().paste(tasks, MIN_MASK, threads)
    for region, packed in copies:
        region[...] = packed
    return out


def _reference(region: RgbImage, patch: _Patch) -> F32:
    if patch.roi.is_empty:
        return np.zeros(patch.roi.size_hw, np.float32)
    soft = np.clip(unwarp(patch.mask, patch.matrix, patch.roi, fill=False), 0.0, 1.0)
    soft[soft < MIN_MASK] = 0.0
    before = region.astype(np.float32)
    after = np.clip(unwarp(patch.colors, patch.matrix, patch.roi, fill=True), 0.0, 255.0)
    # before + m (after - before) is before, exactly, where m is 0.
    after -= before
    after *= soft[..., None]
    after += before
    region[...] = np.rint(after).astype(np.uint8)
    return np.asarray(soft, np.float32)


def _reach(mask: NDArray[np.floating], sigma: float) -> tuple[float, float, float, float]:
    """Box in crop pixels that the mask's support and its interpolation reach; of no size if the mask is 0."""
    shown = mask > 0
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if not rows.size:
        return 0.0, 0.0, 0.0, 0.0
    # Bilinear interpolation spreads a pixel to the centres of its neighbours, the Gaussian before it farther.
    more = 0.5 + 4.0 * sigma
    return columns[0] - more, rows[0] - more, columns[-1] + 1.0 + more, rows[-1] + 1.0 + more
