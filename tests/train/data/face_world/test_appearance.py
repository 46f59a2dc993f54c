"""Skin, hair, clothes and backgrounds of the face world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import InputError
from tests.train.data.face_world.people import plain_identity
from train.data.face_world import background, palette
from train.data.face_world.atlas import build_atlas
from train.data.face_world.canon import canonical_positions
from train.data.face_world.ears import ear_vertices
from train.data.face_world.facial_hair import brow_line, grow_beard, grow_brows, grow_lashes
from train.data.face_world.hair import TEST_ONLY_STYLES, TRAIN_STYLES, grow_hair
from train.data.face_world.hair_styles import STYLES
from train.data.face_world.hats import HATS, press_under_hat
from train.data.face_world.head import available_heads, get_head
from train.data.face_world.noise import spot_cells, value_noise
from train.data.face_world.props import GLASSES, glasses, hat, torso
from train.data.face_world.raster import vertex_normals
from train.data.face_world.regions import smoothstep
from train.data.face_world.scalp import above_hairline, skull_map
from train.data.face_world.skin import compose_skin
from train.data.face_world.types import F32, Hair, HeadModel, Identity, Material, Part, Strands

HEADS = available_heads()
SIZE = (128, 256)


def person(head: str = "own", **changes: object) -> Identity:
    one = plain_identity(
        get_head(head),  # type: ignore[arg-type]
        7,
        lip_saturation=0.8,
        age=0.2,
        brow_arch=0.3,
        brow_density=0.9,
        beard_length=0.5,
        masculinity=-0.5,
        hair=Hair("crew", "brown", 0.5, 0.9, 0.3, 0.3, 0.0, 0.0, 0.5, 7),
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def with_hair(one: Identity, **changes: object) -> Identity:
    return replace(one, hair=replace(one.hair, **changes))  # type: ignore[arg-type]


def grown(one: Identity, count: int = 800, vertices: F32 | None = None) -> Strands:
    head = get_head(one.head)
    neutral = head.neutral(one) if vertices is None else vertices
    strands = grow_hair(one, head, neutral, vertex_normals(neutral, head.mesh.triangles), count)
    assert strands is not None
    return strands


def canonical_points(one: Identity, strands: Strands) -> F32:
    """Canonical positions of anchored control points on the mean head, without lift."""
    head = get_head(one.head)
    corners = canonical_positions(head, head.mesh.vertices)[head.mesh.triangles[strands.triangle]]
    return np.einsum("nsk,nskc->nsc", strands.barycentric, corners)


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> HeadModel:
    return get_head(request.param)


# ------------------------------------------------------------------ palette


def test_srgb_to_linear_has_the_standards_values() -> None:
    np.testing.assert_allclose(
        palette.srgb_to_linear([0.0, 0.04045, 0.5, 1.0]), [0, 0.0031308, 0.2140411, 1], rtol=1e-4
    )


def test_darker_tone_is_darker_in_every_channel() -> None:
    tones = np.stack([palette.skin_tone(t) for t in np.linspace(0, 1, 50)])
    assert (np.diff(tones, axis=0) < 0).all()


def test_skin_tone_out_of_range_is_an_input_error() -> None:
    with pytest.raises(InputError, match="tone"):
        palette.skin_tone(1.5)


# ------------------------------------------------------------------ noise and masks


def test_value_noise_is_normalised_and_keeps_its_frequency() -> None:
    x = np.zeros((1, 4000, 3), np.float32)
    x[0, :, 0] = np.linspace(0, 400, 4000)
    field = value_noise(x, 1.0, seed=3)[0]
    assert abs(field.mean()) < 1e-5 and abs(field.std() - 1) < 1e-4
    near, far = np.corrcoef(field[:-1], field[1:])[0, 1], np.corrcoef(field[:-25], field[25:])[0, 1]
    assert near > 0.95 and abs(far) < 0.2  # 0.1 cells apart, and 2.5 cells apart


def test_spot_cells_measure_the_distance_to_one_point_per_cell() -> None:
    axis = np.linspace(0, 2, 41, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(41, -1, 3)
    distance, cell = spot_cells(grid, 1.0, seed=5)
    assert distance.min() < 0.06 and distance.max() < np.sqrt(3)
    # within one owner's texels the distances are those to a single point: solve it from four and check the rest
    owner = np.bincount(np.unique(cell, return_inverse=True)[1].ravel()).argmax()
    mine = np.unique(cell, return_inverse=True)[1].reshape(cell.shape) == owner
    p, d = grid[mine].astype(np.float64), distance[mine].astype(np.float64)
    rows, rhs = 2 * (p[1:] - p[0]), (p[1:] ** 2).sum(1) - (p[0] ** 2).sum() - d[1:] ** 2 + d[0] ** 2
    centre = np.linalg.lstsq(rows, rhs, rcond=None)[0]
    np.testing.assert_allclose(np.linalg.norm(p - centre, axis=1), d, atol=1e-3)


def test_smoothstep_rises_and_falls() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.5, 2.0]), 0, 1), [0, 0.5, 1])
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.25, 2.0]), 1, 0), [1, 0.84375, 0])


def test_canonical_levels_hold_for_every_head(head: HeadModel) -> None:
    landmarks = canonical_positions(head, head.mesh.vertices[head.mesh.landmarks])
    assert landmarks[8, 1] == pytest.approx(-1.76, abs=1e-3)
    assert landmarks[33, 1] == pytest.approx(-0.74, abs=1e-3)
    assert landmarks[16, 0] == pytest.approx(1.18, abs=0.02)
    assert landmarks[30, 2] == pytest.approx(0.81, abs=1e-3)
    assert landmarks[17:27, 1].mean() == pytest.approx(0.39, abs=0.02)


def test_atlas_positions_agree_with_their_anchors(head: HeadModel) -> None:
    atlas = build_atlas(head, SIZE)
    corners = head.mesh.vertices[head.mesh.triangles[atlas.triangle]]
    np.testing.assert_allclose(np.einsum("hwk,hwkc->hwc", atlas.barycentric, corners), atlas.positions, atol=1e-5)
    assert atlas.covered.mean() > 0.4
    # a texel's centre, located by its uv, is the same anchor
    rows, columns = np.nonzero(atlas.covered)
    uv = np.stack([(columns + 0.5) / SIZE[1], 1 - (rows + 0.5) / SIZE[0]], -1).astype(np.float32)
    triangle, barycentric = atlas.locate(uv)
    np.testing.assert_array_equal(triangle, atlas.triangle[atlas.covered])
    assert np.quantile(np.abs(barycentric - atlas.barycentric[atlas.covered]), 0.99) < 0.02


def test_uv_per_length_inverts_the_parametrisation(head: HeadModel) -> None:
    atlas = build_atlas(head, SIZE)
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
    atlas = build_atlas(head, SIZE)
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
    atlas = build_atlas(head, SIZE)
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


# ------------------------------------------------------------------ skin


def test_skin_is_deterministic_and_in_range(head: HeadModel) -> None:
    atlas = build_atlas(head, SIZE)
    one = person(head.name, freckles=1.0, moles=4, age=0.8, beard="full beard", lipstick=0.5, eye_shadow=0.5)
    skin = compose_skin(one, atlas)
    assert skin.shape == (*SIZE, 6) and skin.dtype == np.float32
    np.testing.assert_array_equal(skin, compose_skin(one, atlas))
    assert skin[..., :3].min() >= 0 and skin[..., :3].max() <= 1
    assert skin[..., 3].min() > 0.2 and skin[..., 4].min() > 0.2 and skin[..., 4].max() < 0.6
    assert not np.array_equal(skin, compose_skin(replace(one, seed=8), atlas))


def test_skin_is_darker_for_every_darker_tone(head: HeadModel) -> None:
    atlas = build_atlas(head, SIZE)
    means = [compose_skin(person(head.name, tone=t), atlas)[..., :3].mean() for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(means) < 0).all()


@pytest.mark.parametrize(
    ("change", "region", "elsewhere"),
    [
        ({"freckles": 1.0}, "cheek", "lips"),
        ({"lipstick": 1.0}, "lips", "forehead"),
        ({"eye_shadow": 0.8}, "lid", "nose"),
        ({"beard": "goatee"}, "goatee", "forehead"),
        ({"beard": "full beard"}, "beard", "forehead"),
        ({"beard": "mustache"}, "moustache", "cheek"),
    ],
)
def test_what_is_painted_stays_in_its_region(change: dict[str, object], region: str, elsewhere: str) -> None:
    atlas = build_atlas(get_head("own"), SIZE)
    plain, painted = compose_skin(person(), atlas), compose_skin(person(**change), atlas)
    difference = np.abs(painted - plain)[..., :3].mean(-1)
    core = (atlas.masks[region] > 0.8) & atlas.covered
    other = (atlas.masks[elsewhere] > 0.8) & (atlas.masks["moustache"] + atlas.masks["beard"] < 0.01)
    assert difference[core].mean() > 0.01
    assert difference[core].mean() > 8 * difference[other & atlas.covered].mean()


def test_age_folds_the_skin_and_youth_does_not() -> None:
    atlas = build_atlas(get_head("own"), SIZE)
    fold = (atlas.wrinkles[0] < -0.008) & atlas.covered
    assert fold.sum() > 20
    young, old = (compose_skin(person(age=a), atlas)[..., 5][fold].mean() for a in (0.1, 0.9))
    assert old < young - 0.004


def test_redness_reddens_the_cheeks() -> None:
    atlas = build_atlas(get_head("own"), SIZE)
    cheek = atlas.masks["cheek"] > 0.7
    pale, red = (compose_skin(person(redness=r), atlas)[cheek][:, :3].mean(0) for r in (0.0, 1.0))
    assert red[0] / red[1] > 1.1 * pale[0] / pale[1]


def test_scalp_takes_the_hairs_colour_and_the_face_does_not(head: HeadModel) -> None:
    atlas = build_atlas(head, SIZE)
    one = person(head.name)
    black, blond = (compose_skin(with_hair(one, color=c), atlas) for c in ("black", "blond"))
    above = above_hairline(one.hair, atlas.canonical)
    shown = atlas.covered & (atlas.masks["inside"] == 0) & (atlas.masks["ear"] == 0)
    difference = np.abs(blond - black)[..., :3].mean(-1)
    assert difference[shown & (above > 0.3)].min() > 0.02
    assert difference[shown & (above < -0.25)].max() == 0
    # the forehead and the lips are under the hairline, the crown is above it
    assert above[(atlas.masks["lips"] > 0.5) & atlas.covered].max() < -0.5
    assert above[atlas.canonical[..., 1] > 1.6].min() > 0.2


def test_unknown_beard_is_an_input_error() -> None:
    with pytest.raises(InputError, match="goatee"):
        compose_skin(person(beard="handlebar"), build_atlas(get_head("own"), SIZE))


# ------------------------------------------------------------------ brows, lashes, beard


def test_brows_lie_over_the_eyes(head: HeadModel) -> None:
    one = person(head.name)
    brows = grow_brows(one, head, build_atlas(head, SIZE))
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
    atlas = build_atlas(head, SIZE)
    one = person(head.name, beard=beard)
    strands = grow_beard(one, head, atlas)
    assert strands is not None and strands.part == Part.BEARD
    roots = canonical_points(one, strands)[:, 0]
    beside = np.abs(roots[:, 0]) > 0.85  # sideburns go up to the ears
    assert roots[~beside, 1].max() < -0.6 and roots[:, 1].max() < 0.12
    uv = np.einsum("nk,nkc->nc", strands.barycentric[:, 0], atlas.uv_corners[strands.triangle[:, 0]])
    row = np.clip(((1 - uv[:, 1]) * SIZE[0]).astype(int), 0, SIZE[0] - 1)
    column = np.clip((uv[:, 0] * SIZE[1]).astype(int), 0, SIZE[1] - 1)
    assert (atlas.masks["lips"][row, column] > 0.9).mean() < 0.01
    assert strands.lift.min() > 0 and strands.lift.max() < 0.4


@pytest.mark.parametrize("beard", ["none", "stubble"])
def test_no_strands_without_a_beard(beard: str) -> None:
    assert grow_beard(person(beard=beard), get_head("own"), build_atlas(get_head("own"), SIZE)) is None


# ------------------------------------------------------------------ hair


def test_test_only_styles_are_never_trained_on() -> None:
    assert len(TEST_ONLY_STYLES) >= 2 and not set(TRAIN_STYLES) & set(TEST_ONLY_STYLES)
    assert set(TRAIN_STYLES) | set(TEST_ONLY_STYLES) == set(STYLES)
    assert set(background.TEST_ONLY_KINDS).isdisjoint(background.TRAIN_KINDS) and len(background.TEST_ONLY_KINDS) >= 3


@pytest.mark.parametrize("style", [s for s in (*TRAIN_STYLES, *TEST_ONLY_STYLES) if s != "bald"])
def test_every_style_grows_sound_strands_on_the_scalp(style: str) -> None:
    one = with_hair(person(), style=style)
    strands = grown(one)
    count, steps = strands.points.shape[:2]
    for values, shape in (
        (strands.points, (count, steps, 3)),
        (strands.color, (count, steps, 3)),
        (strands.width, (count, steps)),
        (strands.alive, (count, steps)),
        (strands.occlusion, (count, steps)),
    ):
        assert values.shape == shape and values.dtype == np.float32 and np.isfinite(values).all()
    assert strands.part == Part.HAIR and (np.diff(strands.alive, axis=1) <= 0).all()
    head = get_head("own")
    canonical = canonical_positions(head, strands.points[:, 0])  # the shape is the mean, so its own frame is the head's
    on_scalp = canonical[strands.points[:, 0, 1] < 1.6] if style == "top bun" else canonical
    face = (on_scalp[:, 1] < 0.7) & (on_scalp[:, 2] > -0.3)
    assert not face.any()
    assert np.quantile(above_hairline(one.hair, on_scalp), 0.01) > -0.1


@pytest.mark.parametrize("style", ["fringe", "bob", "long", "curtain"])
def test_no_live_hair_hangs_before_the_eyes(style: str) -> None:
    for seed in range(3):
        strands = grown(with_hair(person(), style=style, seed=seed, length=1.0))
        p = strands.points[strands.alive > 0]
        before = (p[:, 2] > -0.3) & (np.abs(p[:, 0]) < 0.8) & (np.abs(p[:, 1]) < 0.15)
        assert before.mean() < 1e-3


def test_hair_depends_on_hair_and_geometry_only() -> None:
    one = person()
    other = person(seed=99, tone=0.9, age=0.9, masculinity=2.0, brow_color="black", beard="full beard")
    vertices = get_head("own").neutral(one)
    first, second = grown(one, vertices=vertices), grown(other, vertices=vertices)
    for name in ("points", "color", "width", "alive", "occlusion"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert not np.array_equal(first.points, grown(with_hair(one, seed=8)).points)


def test_bald_grows_nothing_and_an_unknown_style_is_an_input_error() -> None:
    head = get_head("own")
    vertices = head.neutral(person())
    assert grow_hair(with_hair(person(), style="bald"), head, vertices, vertices) is None
    with pytest.raises(InputError, match="mullet"):
        grow_hair(with_hair(person(), style="mullet"), head, vertices, vertices)


def test_fewer_strands_are_wider_in_proportion() -> None:
    many, few = grown(person(), 1600), grown(person(), 400)
    assert few.width.mean() == pytest.approx(2 * many.width.mean(), rel=1e-3)


def test_long_hair_hangs_lower_than_short_hair_and_fading_shortens_the_sides() -> None:
    lowest = {
        style: np.quantile(grown(with_hair(person(), style=style)).points[..., 1], 0.02) for style in ("crew", "long")
    }
    assert lowest["long"] < -2.0 < -1.4 < lowest["crew"]
    sides = []
    for fade in (0.0, 1.0):
        p = grown(with_hair(person(), style="crew", fade=fade)).points
        side = p[:, 0, 1] < 0.3
        sides.append(np.linalg.norm(p[side, -1] - p[side, 0], axis=-1).mean())
    assert sides[1] < 0.5 * sides[0]


def test_grey_hair_is_grey() -> None:
    plain, grey = (grown(with_hair(person(), color="red", grey=g)).color.reshape(-1, 3) for g in (0.0, 1.0))
    spread = [np.ptp(c, axis=1).mean() / c.mean() for c in (plain, grey)]
    assert spread[1] < 0.5 * spread[0] and grey.mean() > 1.5 * plain.mean()


def test_strands_stay_outside_the_skull() -> None:
    head = get_head("own")
    vertices = head.neutral(person())
    strands = grown(with_hair(person(), style="swept back"))
    top = vertices[(vertices[:, 1] > 0.5)]
    skull = skull_map(vertices, head.mesh.vertices, np.nonzero(head.mesh.vertices[:, 1] > -1.0)[0])
    direction = strands.points - skull.centre
    over = direction[..., 1] > 0.5
    radius = np.linalg.norm(direction[over], axis=-1)
    assert radius.min() > 0.9 * np.linalg.norm(top - skull.centre, axis=1).min()


# ------------------------------------------------------------------ props


@pytest.mark.parametrize("kind", GLASSES)
def test_lenses_are_centred_on_the_eyes_and_clear_the_skin(head: HeadModel, kind: str) -> None:
    vertices = head.neutral(person(head.name))
    prop = glasses(kind, head, vertices)
    assert (prop.material == Material.FRAME).all() and prop.triangles.max() < len(prop.vertices)
    landmarks = vertices[head.mesh.landmarks]
    for side, eye in ((-1, landmarks[36:42].mean(0)), (1, landmarks[42:48].mean(0))):
        start = 0 if side < 0 else len(prop.vertices[: _rim_vertices()]) + _temple_vertices()
        rim = prop.vertices[start : start + _rim_vertices()]
        np.testing.assert_allclose(0.5 * (rim.min(0) + rim.max(0))[:2], eye[:2], atol=0.02)
        assert rim[:, 2].min() > eye[2]
    assert prop.vertices[:, 2].min() < -1.2  # temples reach the ears


def _rim_vertices() -> int:
    return 41 * 8


def _temple_vertices() -> int:
    return 5 * 8


@pytest.mark.parametrize("kind", HATS)
def test_hats_cover_the_crown_and_leave_the_eyes_free(head: HeadModel, kind: str) -> None:
    vertices = head.neutral(person(head.name))
    prop = hat(kind, head, vertices)
    assert (prop.material == Material.HAT).all()
    assert prop.vertices[:, 1].max() > vertices[:, 1].max() + 0.05
    front = prop.vertices[prop.vertices[:, 2] > 0.0]
    assert front[:, 1].min() > 0.25


def test_a_hat_presses_hair_down_and_leaves_the_rest() -> None:
    head, one = get_head("own"), with_hair(person(), style="afro", volume=1.2)
    vertices = head.neutral(one)
    strands = grown(one)
    pressed = press_under_hat("beanie", head, vertices, strands)
    dome = hat("beanie", head, vertices).vertices
    assert strands.points[..., 1].max() > dome[:, 1].max() + 0.1
    assert pressed.points[..., 1].max() < dome[:, 1].max()
    low = strands.points[..., 1] < -0.6
    np.testing.assert_allclose(pressed.points[low], strands.points[low], atol=1e-5)


def test_the_shirt_encloses_the_neck(head: HeadModel) -> None:
    vertices = head.neutral(person(head.name))
    shirt = torso(head, vertices)
    assert (shirt.material == Material.CLOTH).all()
    skin = np.unique(head.mesh.triangles[head.mesh.material == Material.SKIN])
    canonical = canonical_positions(head, head.mesh.vertices[skin])
    level = (canonical[:, 1] < -2.5) & (canonical[:, 1] > -2.9)
    covered = vertices[skin[level]]
    for sign in (-1, 1):
        near = shirt.vertices[np.abs(shirt.vertices[:, 1] - covered[:, 1].mean()) < 0.3]
        assert (sign * near[:, 0]).max() > (sign * covered[:, 0]).max()
    normals = vertex_normals(shirt.vertices, shirt.triangles)
    outward = shirt.vertices * np.array([1, 0, 1]) - np.array([0, 0, -1.37])
    body = shirt.vertices[:, 1] < -3.2
    assert ((normals * outward).sum(1)[body] > 0).mean() > 0.95


# ------------------------------------------------------------------ background


@pytest.mark.parametrize("kind", (*background.TRAIN_KINDS, *background.TEST_ONLY_KINDS))
def test_backgrounds_are_deterministic_linear_and_varied(kind: str) -> None:
    picture = background.render_background(kind, 3, 64)
    assert picture.shape == (64, 64, 3) and picture.dtype == np.float32
    assert np.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 1.5
    np.testing.assert_array_equal(picture, background.render_background(kind, 3, 64))
    assert np.abs(picture - background.render_background(kind, 4, 64)).mean() > 0.005


def test_fractal_noise_has_a_natural_spectrum() -> None:
    slopes = []
    for seed in range(6):
        grey = background.render_background("fractal", seed, 128).mean(-1)
        power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
        radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None]) * 128
        rings = [power[(radius >= r) & (radius < 1.4 * r)].mean() for r in (3, 6, 12, 24)]
        slopes.append(np.polyfit(np.log([3, 6, 12, 24]), np.log(rings), 1)[0])
    assert -3.6 < np.mean(slopes) < -1.4  # power falls as 1 / f^2 or so


def test_unknown_background_is_an_input_error() -> None:
    with pytest.raises(InputError, match="moon"):
        background.render_background("moon", 0, 64)
