"""The exact swap: the source's head under the target's hair, in the target's picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from facesdk.errors import InputError
from train.data.face_world.camera import camera_matrix, pose_vertices, project
from train.data.face_world.head import get_head
from train.data.face_world.lens import distort
from train.data.face_world.posed import resting_expression
from train.data.face_world.prepare import Quality
from train.data.face_world.raster import barycentric, rasterize
from train.data.face_world.render import aligned_crop, render
from train.data.face_world.types import F32, I32, U8, Attributes, HeadMesh, Identity, Material, Picture

Truth = Literal["whole", "inner"]
TRUTHS: tuple[Truth, ...] = ("whole", "inner")

# The inner face in canonical space, interocular units: an oval from above the brows to the chin, front of the head.
_OVAL_CENTRE = (0.0, -0.42)
_OVAL_RADII = (0.98, 1.16)
_INSIDE = (Material.MOUTH, Material.TEETH, Material.EYE_RIGHT, Material.EYE_LEFT)  # deep in the head, yet of the face
_SOFT_FROM, _SOFT_TO = 0.78, 1.0  # share of the radii over which the mask falls from 1 to 0
_FRONT_FROM, _FRONT_TO = -0.9, -0.4  # z over which it rises from 0 to 1


@dataclass(frozen=True)
class SwapSample:
    """A swap with its truth; all pictures but the source share one crop.

    Attributes:
        source: the person whose face is given, in a picture of its own.
        target: the picture that receives it.
        whole: truth for the whole head: shape and skin of face, ears and neck are the source's; None if not asked for.
        inner: truth for the inner face only: the source inside `inner_mask`, the target outside; None if not asked for.
        whole_differs: (H, W) bool, pixels where `whole` is not `target`; None without `whole`.
        inner_differs: (H, W) bool, pixels where `inner` is not `target`; None without `inner`.
        inner_mask: (H, W) float32 in [0, 1]; None without `inner`.
        crop: (2, 3) float32 from frame pixels to pixels of the target.
    """

    source: Picture
    target: Picture
    whole: Picture | None
    inner: U8 | None
    whole_differs: NDArray[np.bool_] | None
    inner_differs: NDArray[np.bool_] | None
    inner_mask: F32 | None
    crop: F32


def exact_swap(source: Identity, target: Identity) -> Identity:
    """The person that a perfect swap shows: all of the source but the hair on the scalp, which stays the target's."""
    return replace(source, hair=target.hair)


def render_swap(
    source: Identity,
    target: Identity,
    attributes: Attributes,
    size: int = 128,
    truth: Collection[Truth] = TRUTHS,
    *,
    source_attributes: Attributes | None = None,
    supersample: int = 2,
    quality: Quality = "train",
    hair_strands: int = 5000,
) -> SwapSample:
    """Renders source, target and the exact swap in aligned crops.

    The inner truth is a composite in the picture: the whole-head swap inside the soft mask of the inner face, as far as
    both heads have it there, the target outside.

    Args:
        source: person whose face goes into the picture.
        target: person of the picture.
        attributes: of the target's picture; the swap keeps them.
        size: side of the crops in pixels.
        truth: which exact swaps: "whole", "inner" or both.
        source_attributes: of the source's picture; None = the plain setting.
        supersample: sub-samples per pixel and axis.
        quality: of the renderer.
        hair_strands: strands on the scalp.

    Raises:
        InputError: an unknown truth, or the inner truth of two different head models.
    """
    unknown = set(truth) - set(TRUTHS)
    if unknown or not truth:
        raise InputError(f"truth {sorted(truth)}: expected one or more of {TRUTHS}.")
    if "inner" in truth and source.head != target.head:
        raise InputError(
            f"The inner-face truth needs one head model, got source {source.head!r} and target {target.head!r}.",
            "Take both people of one head model, or ask for the whole-head truth.",
        )

    def shoot(person: Identity, setting: Attributes, crop: F32) -> Picture:
        return render(
            person,
            setting,
            size=size,
            supersample=supersample,
            quality=quality,
            crop=crop,
            hair_strands=hair_strands,
        )

    own = source_attributes or Attributes()
    crop = aligned_crop(target, attributes, size, "canon")
    target_picture = shoot(target, attributes, crop)
    swapped = exact_swap(source, target)
    whole = shoot(swapped, attributes, crop)
    inner = inner_mask = None
    if "inner" in truth:
        inner_mask = np.minimum(
            face_mask(swapped, attributes, size, crop), face_mask(target, attributes, size, crop)
        ).astype(np.float32)
        inner = blend(target_picture.rgb, whole.rgb, inner_mask)
    keep = "whole" in truth
    return SwapSample(
        source=shoot(source, own, aligned_crop(source, own, size, "canon")),
        target=target_picture,
        whole=whole if keep else None,
        inner=inner,
        whole_differs=differs(whole.rgb, target_picture.rgb) if keep else None,
        inner_differs=None if inner is None else differs(inner, target_picture.rgb),
        inner_mask=inner_mask,
        crop=crop,
    )


def face_weight(mesh: HeadMesh) -> F32:
    """The soft inner-face mask on a head's vertices.

    Args:
        mesh: the mean head, where the canon's proportions hold.

    Returns:
        (V,) float32, 1 in the middle of the face, 0 on ears, neck, crown and torso.
    """
    x, y, z = mesh.vertices.T
    radius = np.hypot((x - _OVAL_CENTRE[0]) / _OVAL_RADII[0], (y - _OVAL_CENTRE[1]) / _OVAL_RADII[1])
    weight = (1.0 - _smooth(radius, _SOFT_FROM, _SOFT_TO)) * _smooth(z, _FRONT_FROM, _FRONT_TO)
    weight[np.unique(mesh.triangles[np.isin(mesh.material, _INSIDE)])] = 1.0
    return weight


def face_mask(identity: Identity, attributes: Attributes, size: int, crop: F32 | None, supersample: int = 2) -> F32:
    """The soft inner-face mask of one person in a picture.

    Args:
        identity: the person.
        attributes: pose, expression, zoom and shift are used.
        size: side of the picture in pixels.
        crop: (2, 3) from frame pixels to picture pixels, or None.
        supersample: sub-samples per pixel and axis.

    Returns:
        (size, size) float32 in [0, 1]; hair and glasses in front of the face are not taken out.
    """
    model = get_head(identity.head)
    mesh = model.mesh
    posed = pose_vertices(
        model.deform(identity, resting_expression(identity, attributes)), mesh.head_weight, attributes
    )
    screen = project(camera_matrix(attributes, size, crop, supersample), posed)
    side = size * supersample
    inverse_depth = np.zeros((side, side), np.float32)
    triangle_id = np.full((side, side), -1, np.int32)
    rasterize(screen, mesh.triangles, side, side, inverse_depth, triangle_id)
    fine = _interpolate(triangle_id, screen, mesh.triangles, face_weight(mesh))
    if attributes.extras is not None:
        fine = distort(fine, attributes.extras.lens.distortion)
    return fine.reshape(size, supersample, size, supersample).mean((1, 3))


def blend(target: U8, swapped: U8, mask: F32) -> U8:
    """Puts one picture into another through a soft mask; where the mask is 0 the target keeps its bytes.

    Args:
        target: (H, W, 3) uint8.
        swapped: (H, W, 3) uint8.
        mask: (H, W) float32 in [0, 1].
    """
    mixed = target + (swapped.astype(np.float32) - target) * mask[..., None]
    return np.rint(mixed).astype(np.uint8)


def differs(one: U8, other: U8) -> NDArray[np.bool_]:
    """(H, W) bool, where any channel of two pictures differs."""
    return np.asarray((one != other).any(-1))


@njit(cache=True, nogil=True)
def _interpolate(triangle_id: I32, screen: F32, triangles: I32, weight: F32) -> F32:
    """A vertex quantity over the pixels of a triangle buffer, 0 where there is none."""
    out = np.zeros(triangle_id.shape, np.float32)
    for row in range(triangle_id.shape[0]):
        for column in range(triangle_id.shape[1]):
            t = triangle_id[row, column]
            if t >= 0:
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                w1, w2 = barycentric(screen, a, b, c, column + 0.5, row + 0.5)
                value = (1.0 - w1 - w2) * weight[a] + w1 * weight[b] + w2 * weight[c]
                out[row, column] = min(max(value, 0.0), 1.0)
    return out


def _smooth(value: NDArray[np.floating], low: float, high: float) -> F32:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)
