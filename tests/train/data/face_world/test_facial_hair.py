"""Brows, lashes and beards: where they grow, and where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.data.face_world.people import ATLAS_HW, person
from train.data.face_world.atlas import build_atlas
from train.data.face_world.canon import canonical_positions
from train.data.face_world.facial_hair import brow_line, grow_beard, grow_brows, grow_lashes
from train.data.face_world.head import get_head
from train.data.face_world.types import F32, HeadModel, Identity, Part, Strands


def canonical_points(one: Identity, strands: Strands) -> F32:
    """Canonical positions of anchored control points on the mean head, without lift."""
    head = get_head(one.head)
    corners = canonical_positions(head, head.mesh.vertices)[head.mesh.triangles[strands.triangle]]
    return np.einsum("nsk,nskc->nsc", strands.barycentric, corners)


def test_brows_lie_over_the_eyes(head: HeadModel) -> None:
    one = person(head.name)
    brows = grow_brows(one, head, build_atlas(head, ATLAS_HW))
    assert brows.part == Part.BROW and brows.points is None
    roots = canonical_points(one, brows)[:, 0]
    line_x, line_y, half = brow_line(one)
    expected = np.interp(np.abs(roots[:, 0]), line_x, line_y)
    assert np.abs(roots[:, 1] - expected).max() < 1.15 * half.max() + 0.03
    assert (roots[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.02)
    lash_line = head.mesh.vertices[np.concatenate(head.mesh.lid_rows)][:, 1].max()
    assert roots[:, 1].min() > lash_line


def test_higher_brows_are_higher_and_thicker_brows_are_thicker() -> None:
    low, high = (brow_line(person(brow_height=h))[1] for h in (-1.0, 1.0))
    assert (high > low + 0.05).all()
    assert (brow_line(person(brow_thickness=1.4))[2] > 1.3 * brow_line(person(brow_thickness=1.0))[2]).all()


def test_lashes_grow_from_the_lids_and_away_from_the_eye(head: HeadModel) -> None:
    lashes = grow_lashes(person(head.name), head)
    corners = head.mesh.vertices[head.mesh.triangles[lashes.triangle]]
    points = np.einsum("nsk,nskc->nsc", lashes.barycentric, corners)
    lid = head.mesh.vertices[np.concatenate(head.mesh.lid_rows)]
    gap = np.linalg.norm(points[:, 0, None] - lid[None], axis=-1).min(1)
    assert np.quantile(gap, 0.95) < 0.06
    assert (np.diff(lashes.lift, axis=1) > 0).all()
    upper = lashes.width[:, 0] > 0.006  # upper lashes are the thicker ones
    rise = points[:, -1, 1] - points[:, 0, 1]
    assert rise[upper].mean() > 0 > rise[~upper].mean()


@pytest.mark.parametrize("beard", ["mustache", "goatee", "full beard"])
def test_beards_grow_below_the_nose_and_outside_the_lips(head: HeadModel, beard: str) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    one = person(head.name, beard=beard)
    strands = grow_beard(one, head, atlas)
    assert strands is not None and strands.part == Part.BEARD
    roots = canonical_points(one, strands)[:, 0]
    beside = np.abs(roots[:, 0]) > 0.85  # sideburns go up to the ears
    assert roots[~beside, 1].max() < -0.6 and roots[:, 1].max() < 0.12
    uv = np.einsum("nk,nkc->nc", strands.barycentric[:, 0], atlas.uv_corners[strands.triangle[:, 0]])
    row = np.clip(((1 - uv[:, 1]) * ATLAS_HW[0]).astype(int), 0, ATLAS_HW[0] - 1)
    column = np.clip((uv[:, 0] * ATLAS_HW[1]).astype(int), 0, ATLAS_HW[1] - 1)
    assert (atlas.masks["lips"][row, column] > 0.9).mean() < 0.01
    assert strands.lift.min() > 0 and strands.lift.max() < 0.4


@pytest.mark.parametrize("beard", ["none", "stubble"])
def test_no_strands_without_a_beard(beard: str) -> None:
    assert grow_beard(person(beard=beard), get_head("own"), build_atlas(get_head("own"), ATLAS_HW)) is None
