"""Skin texture and grain, and where hair ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tests.train.data.face_world.people import plain_identity
from train.data.face_world.atlas import build_atlas
from train.data.face_world.hair import grow_hair
from train.data.face_world.head import get_head
from train.data.face_world.raster import vertex_normals
from train.data.face_world.rich_types import HairEdge, SkinTexture
from train.data.face_world.skin import compose_skin
from train.data.face_world.skin_grain import TILE, TILE_UNITS, grain_at, grain_tile, tile_repeats
from train.data.face_world.skin_texture import texture_skin
from train.data.face_world.types import F32, Hair, Identity, Strands

HEAD = get_head("own")
ATLAS = build_atlas(HEAD, (128, 256))
SMOOTH = SkinTexture(seed=5, mottling=0.0, pores=0.0, shine=0.0, lines=0.0, marks=0.0, blemishes=0.0)


def painted(texture: SkinTexture | None, **changes: object) -> F32:
    person = replace(plain_identity(HEAD, 7, **changes), texture=texture)
    skin = compose_skin(person, ATLAS)
    texture_skin(skin, person, ATLAS)
    return skin


# ------------------------------------------------------------------ texture


def test_the_plain_world_has_no_texture() -> None:
    np.testing.assert_array_equal(painted(None), compose_skin(plain_identity(HEAD, 7), ATLAS))


def test_texture_stays_in_range_and_near_the_skins_colour() -> None:
    full = SkinTexture(seed=5, mottling=1.0, pores=1.0, shine=1.0, lines=1.0, marks=1.0, blemishes=1.0)
    outer = ATLAS.covered & (ATLAS.masks["inside"] == 0)
    for tone in (0.0, 0.5, 1.0):
        plain, rich = painted(None, tone=tone), painted(full, tone=tone)
        assert rich.dtype == np.float32 and np.isfinite(rich).all()
        assert rich[..., :3].min() > 0 and rich[..., :3].max() <= 1 and rich[..., 4].min() >= 0.2
        ratio = rich[outer][:, :3].mean(0) / plain[outer][:, :3].mean(0)
        assert (np.abs(ratio - 1) < 0.08).all()
        assert np.abs(rich - plain)[ATLAS.masks["inside"] > 0.5].max() == 0
    np.testing.assert_array_equal(painted(full), painted(full))
    assert not np.array_equal(painted(full), painted(replace(full, seed=6)))


def test_mottling_is_of_colour_more_than_of_brightness() -> None:
    outer = ATLAS.covered & (ATLAS.masks["inside"] == 0)
    plain, mottled = painted(SMOOTH), painted(replace(SMOOTH, mottling=1.0))
    ratio = mottled[outer][:, :3] / plain[outer][:, :3]
    assert 0.01 < ratio[:, 1].std() < 0.08 and ratio[:, 0].std() < 0.6 * ratio[:, 1].std()


def test_marks_are_few_and_dark() -> None:
    plain, marked = painted(SMOOTH), painted(replace(SMOOTH, marks=1.0))
    ratio = (marked[..., :3] / plain[..., :3]).mean(-1)[ATLAS.covered]
    assert 0.0005 < (ratio < 0.85).mean() < 0.03 and ratio.max() <= 1 + 1e-5


def test_age_draws_lines_on_the_forehead_and_not_in_youth() -> None:
    forehead = (ATLAS.masks["forehead"] > 0.5) & ATLAS.covered
    young, old = painted(SMOOTH), painted(replace(SMOOTH, lines=1.0))
    depth = (young - old)[..., 5][forehead]
    assert depth.min() >= -1e-7 and depth.max() > 0.002 and 0.1 < (depth > 0.0005).mean() < 0.7


def test_highlights_break_up_without_getting_stronger() -> None:
    outer = ATLAS.covered & (ATLAS.masks["inside"] == 0)
    even, broken = painted(SMOOTH)[outer][:, 3], painted(replace(SMOOTH, shine=1.0))[outer][:, 3]
    assert (broken / even).std() > 0.1 and broken.mean() == pytest.approx(even.mean(), rel=0.05)


# ------------------------------------------------------------------ grain


def test_the_grain_tile_wraps_and_has_no_mean() -> None:
    tile = grain_tile(0.001)
    assert tile.shape == (TILE, TILE, 4)
    np.testing.assert_allclose(tile.mean((0, 1)), [0, 0, 1, 1], atol=1e-4)
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean() / np.abs(tile[:, 100] - tile[:, 99]).mean()
    assert 0.6 < seam < 1.6
    assert grain_at(tile, 0.3, 0.7) == pytest.approx(grain_at(tile, 5.3, -2.3), abs=1e-4)


def test_grain_fades_where_samples_are_wider_than_it() -> None:
    spread = [grain_tile(footprint)[..., 3].std() for footprint in (0.001, 0.011, 0.03, 0.06)]
    assert spread[0] > 1.5 * spread[1] > spread[2] * 1.5 and spread[3] == 0


def test_the_tile_is_laid_out_in_true_size() -> None:
    steps = np.linalg.norm(ATLAS.uv_per_length[ATLAS.triangle[ATLAS.masks["forehead"] > 0.5]], axis=-1)
    per_unit = np.median(steps, axis=0)
    covered = tile_repeats(ATLAS) * per_unit * TILE_UNITS
    assert (covered > 0.4).all() and (covered < 2.0).all()


# ------------------------------------------------------------------ hair


def wearing(edge: HairEdge | None, style: str = "side part") -> tuple[Identity, Strands]:
    hair = Hair(style, "brown", 0.5, 0.9, 0.3, 0.3, 0.0, 0.0, 0.5, 7, edge)
    person = replace(plain_identity(HEAD, 7), hair=hair)
    vertices = HEAD.neutral(person)
    strands = grow_hair(person, HEAD, vertices, vertex_normals(vertices, HEAD.mesh.triangles), 1500)
    assert strands is not None and strands.points is not None
    return person, strands


def test_edges_leave_the_hair_itself_where_it_was() -> None:
    _, plain = wearing(None)
    _, soft = wearing(HairEdge(1.0, 1.0, 1.0))
    count = len(plain.points)
    assert plain.body is None and soft.body == count and 2 * count < len(soft.points) < 2.2 * count
    np.testing.assert_array_equal(soft.points[:count], plain.points)
    np.testing.assert_array_equal(soft.color[:count], plain.color)
    assert (soft.width[:count] <= plain.width + 1e-7).all() and (soft.alive[:count] <= plain.alive).all()
    for name in ("points", "color", "width", "alive", "occlusion"):
        values = getattr(soft, name)
        assert len(values) == len(soft.points) and values.dtype == np.float32 and np.isfinite(values).all()


def test_tips_and_hairline_are_thinner() -> None:
    _, plain = wearing(None)
    _, soft = wearing(HairEdge(1.0, 0.0, 0.0))
    ratio = soft.width[: len(plain.points)] / plain.width
    assert ratio[:, -1].mean() < 0.4 * ratio[:, 0].mean()
    front = plain.points[:, 0, 2] > np.quantile(plain.points[:, 0, 2], 0.97)
    assert ratio[front, 0].mean() < 0.85 * ratio[~front, 0].mean()


def test_every_strand_has_a_finer_twin_beside_it() -> None:
    _, plain = wearing(None)
    _, fine = wearing(HairEdge(0.0, 0.0, 0.0))
    count = len(plain.points)
    assert len(fine.points) == 2 * count
    gap = np.linalg.norm(fine.points[count:] - plain.points, axis=-1)
    assert 0.005 < gap.mean() < 0.04 and gap.max() < 0.15
    both = (fine.width[:count] + fine.width[count:])[:, 0] / plain.width[:, 0]
    np.testing.assert_allclose(both, 1.24, rtol=1e-4)


def test_flyaways_leave_their_neighbours_at_the_tip_and_are_fine() -> None:
    _, plain = wearing(None)
    _, wild = wearing(HairEdge(0.0, 1.0, 0.0))
    extra = slice(2 * len(plain.points), None)
    assert 50 < len(wild.points[extra]) < 0.08 * len(plain.points)
    tree = cKDTree(plain.points.reshape(-1, 3))
    gap = [tree.query(wild.points[extra][:, at])[0].mean() for at in (0, -1)]
    assert gap[0] < 1e-6 and gap[1] > 0.04
    assert wild.width[extra].mean() < 0.6 * plain.width.mean()


def test_baby_hair_is_short_and_lies_along_the_hairline() -> None:
    _, plain = wearing(None)
    _, fine = wearing(HairEdge(0.0, 0.0, 1.0))
    extra = fine.points[2 * len(plain.points) :]
    length = np.linalg.norm(np.diff(extra, axis=1), axis=-1).sum(1)
    assert len(extra) > 50 and length.max() < 0.45
    assert cKDTree(plain.points[:, 0]).query(extra[:, 0])[0].max() < 0.3
    assert (fine.width[2 * len(plain.points) :] < 0.5 * plain.width.max()).all()


def test_no_strand_stands_off_a_buzz_cut_and_bald_stays_bald() -> None:
    _, plain = wearing(None, "buzz")
    _, soft = wearing(HairEdge(0.5, 1.0, 0.0), "buzz")
    assert len(soft.points) == 2 * len(plain.points)
    hair = Hair("bald", "brown", 0.5, 0.9, 0.3, 0.3, 0.0, 0.0, 0.5, 7, HairEdge(1.0, 1.0, 1.0))
    person = replace(plain_identity(HEAD, 7), hair=hair)
    assert grow_hair(person, HEAD, HEAD.mesh.vertices, HEAD.mesh.vertices) is None
