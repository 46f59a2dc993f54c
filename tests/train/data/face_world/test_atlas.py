"""The atlas of the skin: where its texels lie on the head, and the masks of its regions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.data.face_world.people import ATLAS_HW
from train.data.face_world.atlas import build_atlas
from train.data.face_world.canon import canonical_positions
from train.data.face_world.ears import ear_vertices
from train.data.face_world.types import HeadModel, Material, Part


def test_canonical_levels_hold_for_every_head(head: HeadModel) -> None:
    landmarks = canonical_positions(head, head.mesh.vertices[head.mesh.landmarks])
    assert landmarks[8, 1] == pytest.approx(-1.76, abs=1e-3)
    assert landmarks[33, 1] == pytest.approx(-0.74, abs=1e-3)
    assert landmarks[16, 0] == pytest.approx(1.18, abs=0.02)
    assert landmarks[30, 2] == pytest.approx(0.81, abs=1e-3)
    assert landmarks[17:27, 1].mean() == pytest.approx(0.39, abs=0.02)


def test_atlas_positions_agree_with_their_anchors(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    corners = head.mesh.vertices[head.mesh.triangles[atlas.triangle]]
    np.testing.assert_allclose(np.einsum("hwk,hwkc->hwc", atlas.barycentric, corners), atlas.positions, atol=1e-5)
    assert atlas.covered.mean() > 0.4
    # a texel's centre, located by its uv, is the same anchor
    rows, columns = np.nonzero(atlas.covered)
    uv = np.stack([(columns + 0.5) / ATLAS_HW[1], 1 - (rows + 0.5) / ATLAS_HW[0]], -1).astype(np.float32)
    triangle, barycentric = atlas.locate(uv)
    np.testing.assert_array_equal(triangle, atlas.triangle[atlas.covered])
    assert np.quantile(np.abs(barycentric - atlas.barycentric[atlas.covered]), 0.99) < 0.02


def test_uv_per_length_inverts_the_parametrisation(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    triangle = np.unique(atlas.triangle[atlas.covered])[::37]
    corner, uv = head.mesh.vertices[head.mesh.triangles[triangle]], atlas.uv_corners[triangle]
    step = np.einsum("tij,tj->ti", atlas.uv_per_length[triangle], corner[:, 1] - corner[:, 0])
    usable = np.abs(atlas.uv_per_length[triangle]).sum((1, 2)) > 0
    assert usable.mean() > 0.95
    np.testing.assert_allclose(step[usable], (uv[:, 1] - uv[:, 0])[usable], atol=2e-4)


def test_texel_areas_add_up_to_the_skins_area(head: HeadModel) -> None:
    atlas = build_atlas(head, (256, 512))
    corner = head.mesh.vertices[head.mesh.triangles[head.mesh.material == Material.SKIN]]
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum()
    assert atlas.texel_area.sum() == pytest.approx(float(area), rel=0.05)


def test_masks_are_shares_and_mirror_symmetric(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    for name, mask in atlas.masks.items():
        assert mask.dtype == np.float32 and mask.min() >= 0 and mask.max() <= 1, name
        assert mask.max() > 0.3, f"{name} is empty"
    for name in ("cheek", "beard", "moustache", "goatee", "sideburns", "lid", "under_eye", "ear"):
        x, weight = atlas.canonical[..., 0], atlas.masks[name] * atlas.texel_area
        left, right = weight[x > 0].sum(), weight[x < 0].sum()
        assert left == pytest.approx(right, rel=0.08), name


def test_lips_lie_between_the_landmarks_of_the_mouth(head: HeadModel) -> None:
    atlas = build_atlas(head, (256, 512))
    lips = atlas.positions[(atlas.masks["lips"] > 0.5) & atlas.covered]
    mouth = head.mesh.vertices[head.mesh.landmarks[48:60]]
    assert len(lips) > 150
    assert (lips[:, :2] > mouth[:, :2].min(0) - 0.05).all() and (lips[:, :2] < mouth[:, :2].max(0) + 0.05).all()
    upper = atlas.positions[(atlas.part_map == Part.UPPER_LIP) & atlas.covered]
    lower = atlas.positions[(atlas.part_map == Part.LOWER_LIP) & atlas.covered]
    assert upper[:, 1].mean() > lower[:, 1].mean() + 0.05
    middle = np.abs(upper[:, 0]) < 0.1
    assert upper[middle, 1].min() > lower[np.abs(lower[:, 0]) < 0.1, 1].max() - 0.06


def test_parts_lie_where_they_should(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    skin = atlas.covered & (atlas.masks["inside"] == 0)
    at = {part: atlas.canonical[skin & (atlas.part_map == part)] for part in (Part.EAR, Part.NECK, Part.CLOTH)}
    assert (np.abs(at[Part.EAR][:, 0]) > 0.85).all() and (at[Part.EAR][:, 2] < -0.6).all()
    assert (at[Part.NECK][:, 1] < -1.1).all()
    assert (at[Part.CLOTH][:, 1] < -2.2).all()
    nose = atlas.canonical[skin & (atlas.masks["nose"] > 0.5)]
    assert np.abs(nose[:, 0]).max() < 0.35 and nose[:, 2].min() > 0.3


def test_ears_are_two_and_lie_beside_the_head(head: HeadModel) -> None:
    member = ear_vertices(head) > 0.5
    p = head.mesh.vertices[member]
    assert (p[:, 0] > 0).sum() == pytest.approx((p[:, 0] < 0).sum(), rel=0.05)
    assert np.abs(p[:, 0]).max() == pytest.approx(np.abs(head.mesh.vertices[head.mesh.vertices[:, 1] > -1][:, 0]).max())
