"""Clothes, fabrics, earrings and hats of the rich world, and what a hat leaves of the sky."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import InputError
from tests.train.data.face_world.people import plain_identity
from train.data.face_world.atlas import build_atlas
from train.data.face_world.clothes import build_shirt
from train.data.face_world.earrings import build_earrings, lobes
from train.data.face_world.fabrics import FABRIC_COLUMNS, fabric_at, fabric_row
from train.data.face_world.garments import bared_vertices, build_garment, covered_parts, shirt_vertices
from train.data.face_world.hair import grow_hair
from train.data.face_world.hats import press_under_hat
from train.data.face_world.head import available_heads, get_head
from train.data.face_world.palette import srgb_to_linear
from train.data.face_world.prepare import prepare
from train.data.face_world.raster import vertex_normals
from train.data.face_world.render import render
from train.data.face_world.rich_sample import enrich_attributes
from train.data.face_world.rich_types import EARRINGS, GARMENTS, PATTERNS, Fabric
from train.data.face_world.types import Attributes, Extras, Hair, HeadModel, Material, Part, Picture
from train.data.face_world.worn import open_sky, worn_clothes, worn_props

PLAIN = Fabric("plain", (0.2, 0.3, 0.5), (0.9, 0.9, 0.8), 1.0, 0.0, 0.0, 0.2)


def setting(hat: str = "none", **changes: object) -> Attributes:
    made = enrich_attributes(Attributes(hat="cap"), np.random.default_rng(4))
    assert made.extras is not None
    lens = replace(made.extras.lens, distortion=0.0, grain=0.0, aberration=0.0)
    return replace(made, hat=hat, extras=replace(made.extras, **{"earring": "none", "lens": lens, **changes}))  # type: ignore[arg-type]


def shoot(attributes: Attributes, size: int = 80) -> Picture:
    return render(plain_identity(get_head("own"), 7), attributes, size=size, hair_strands=300, truth="basic")


@pytest.fixture(params=available_heads())
def head(request: pytest.FixtureRequest) -> HeadModel:
    return get_head(request.param)


# ------------------------------------------------------------------ garments


@pytest.mark.parametrize("kind", GARMENTS)
def test_garments_are_sound_and_enclose_the_shoulders(head: HeadModel, kind: str) -> None:
    vertices = head.neutral(plain_identity(head, 7))
    prop = build_garment(kind, head, vertices)
    assert prop.triangles.min() == 0 and prop.triangles.max() == len(prop.vertices) - 1
    assert len(prop.material) == len(prop.triangles) and np.isfinite(prop.vertices).all()
    assert set(np.unique(prop.material)) <= {Material.CLOTH, Material.CLOTH_OUTER}
    assert (Material.CLOTH_OUTER in prop.material) == (kind in ("hoodie", "collared", "jacket"))
    shirt = build_shirt(head, vertices)
    assert prop.vertices[:, 1].min() == pytest.approx(shirt.vertices[:, 1].min(), abs=0.05)
    assert np.abs(prop.vertices[:, 0]).max() >= np.abs(shirt.vertices[:, 0]).max() - 0.05
    nearest = shirt_vertices(kind, head)
    assert len(nearest) == len(prop.vertices) and nearest.max() < len(shirt.vertices)


def test_the_crew_neck_is_the_plain_worlds_shirt_in_shape(head: HeadModel) -> None:
    vertices = head.neutral(plain_identity(head, 7))
    crew, shirt = build_garment("crew", head, vertices), build_shirt(head, vertices)
    nearest = shirt.vertices[shirt_vertices("crew", head)]
    assert np.quantile(np.linalg.norm(crew.vertices - nearest, axis=1), 0.95) < 0.2


def test_lower_necklines_bare_more_of_the_neck(head: HeadModel) -> None:
    atlas = build_atlas(head, (128, 256))
    cloth = {kind: int((covered_parts(kind, atlas) == Part.CLOTH).sum()) for kind in GARMENTS}
    assert cloth["turtleneck"] > cloth["crew"] > cloth["tee"] and cloth["crew"] > cloth["v-neck"]
    for kind in GARMENTS:
        parts = covered_parts(kind, atlas)
        face = (atlas.canonical[..., 1] > -1.5) & atlas.covered
        np.testing.assert_array_equal(parts[face], atlas.part_map[face])
    necks = {
        kind: int((shoot(setting(garment=kind)).parts == Part.NECK).sum()) for kind in ("turtleneck", "crew", "v-neck")
    }
    assert necks["turtleneck"] < necks["crew"] < necks["v-neck"]


def test_skin_under_the_plain_collar_sees_the_sky_where_it_is_bared() -> None:
    prepared = prepare(plain_identity(get_head("own"), 7), "train", 300)
    count = len(prepared.neutral) + len(worn_clothes(prepared, setting(garment="v-neck")).vertices)
    sky = open_sky(prepared, setting(garment="v-neck"), count)
    chest, _ = bared_vertices(prepared.head)
    front = chest[prepared.neutral[chest, 2] > -0.9]
    assert len(front) > 20 and sky[front].mean() > 1.5 * prepared.sky[front].mean() and sky[front].mean() > 50


def test_unknown_things_to_wear_are_input_errors() -> None:
    head = get_head("own")
    with pytest.raises(InputError, match="hoodie"):
        build_garment("toga", head, head.mesh.vertices)
    with pytest.raises(InputError, match="hoop"):
        build_earrings("none", 0.5, head, head.mesh.vertices)


# ------------------------------------------------------------------ fabrics


def at(fabric: Fabric, x: float, y: float, z: float, footprint: float = 0.005) -> tuple[float, ...]:
    return fabric_at(fabric_row(fabric), x, y, z, footprint)


def test_stripes_go_round_the_body_and_plain_cloth_has_its_colour() -> None:
    assert fabric_row(PLAIN).shape == (FABRIC_COLUMNS,)
    np.testing.assert_allclose(at(PLAIN, 0.3, -3.0, 0.5)[:3], srgb_to_linear(PLAIN.color), rtol=0.06)
    striped = replace(PLAIN, pattern="stripes")
    angles = np.linspace(-1, 1, 9)
    around = [at(striped, np.sin(a), -3.0, -1.3 + np.cos(a))[0] for a in angles]
    down = [at(striped, 0.0, y, 0.0)[0] for y in np.linspace(-3.5, -3.0, 60)]
    assert np.std(down) > 5 * np.std(around)
    low, high = srgb_to_linear(PLAIN.color)[0], srgb_to_linear(PLAIN.second)[0]
    assert min(down) < 1.1 * low and max(down) > 0.9 * high


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_finite_and_between_its_colours(pattern: str) -> None:
    cloth = replace(PLAIN, pattern=pattern, folds=1.0)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    values = np.array([at(cloth, *rng.uniform(-2, 2, 2), rng.uniform(-1, 1), 0.01) for _ in range(400)])
    assert np.isfinite(values).all() and np.abs(values[:, 3:5]).max() < 2
    low, high = srgb_to_linear(PLAIN.color), srgb_to_linear(PLAIN.second)
    assert (values[:, :3] > 0.5 * low).all() and (values[:, :3] < 1.4 * high).all()
    if pattern != "plain":
        smooth = np.array([at(replace(cloth, pattern="plain"), 0.2, y, 0.3)[0] for y in np.linspace(-3, -2, 80)])
        rough = np.array([at(cloth, *rng.uniform(-1, 1, 2), 0.3)[0] for _ in range(80)])
        assert rough.std() > smooth.std()


def test_yarn_finer_than_the_samples_fades() -> None:
    knit = replace(PLAIN, pattern="knit")
    angles = np.linspace(0, 0.3, 200)
    near, far = (np.std([at(knit, np.sin(a), -3.0, -1.3 + np.cos(a), f)[0] for a in angles]) for f in (0.004, 0.05))
    assert near > 0.002 and far < 0.1 * near


# ------------------------------------------------------------------ earrings


@pytest.mark.parametrize("kind", EARRINGS[1:])
def test_earrings_hang_from_both_lobes(head: HeadModel, kind: str) -> None:
    vertices = head.neutral(plain_identity(head, 7))
    right, left = vertices[list(lobes(head))]
    assert right[0] < -0.9 and left[0] > 0.9
    small, large = (build_earrings(kind, size, head, vertices) for size in (0.0, 1.0))
    assert (large.material == Material.METAL).all()
    for prop in (small, large):
        for lobe, side in ((right, -1), (left, 1)):
            own = prop.vertices[side * prop.vertices[:, 0] > 0]
            assert np.linalg.norm(own - lobe, axis=1).min() < 0.06 and own[:, 1].max() < lobe[1] + 0.08
    assert np.ptp(large.vertices[:, 1]) > 1.2 * np.ptp(small.vertices[:, 1])


def test_earrings_are_no_part_of_the_person() -> None:
    shown = shoot(replace(setting(earring="hoop", earring_size=1.0), yaw_degrees=40), 128)
    bare = shoot(replace(setting(), yaw_degrees=40), 128)
    assert (shown.parts == Part.OCCLUDER).sum() >= 4 and not (bare.parts == Part.OCCLUDER).any()
    elsewhere = shown.parts != Part.OCCLUDER
    assert (shown.parts[elsewhere] == bare.parts[elsewhere]).mean() > 0.99


# ------------------------------------------------------------------ hats


def test_a_hat_is_a_hat_in_every_fabric() -> None:
    for kind in ("cap", "bucket hat"):
        picture = shoot(setting(hat=kind))
        assert (picture.parts == Part.HAT).sum() > 100


def test_hair_is_pinched_under_the_edge_of_a_hat_and_free_below() -> None:
    hair = Hair("long", "brown", 0.5, 1.3, 0.3, 0.3, 0.0, 0.0, 0.0, 7)
    head = get_head("own")
    vertices = head.neutral(plain_identity(head, 7))
    normals = vertex_normals(vertices, head.mesh.triangles)
    plain = grow_hair(plain_identity(head, 7, hair=hair), head, vertices, normals, 400)
    assert plain is not None and plain.points is not None
    rich = replace(plain, body=len(plain.points))
    pressed, pinched = (press_under_hat("brim", head, vertices, strands).points for strands in (plain, rich))
    centre = np.array([0.0, 0.168, -1.118])
    before, after = (np.linalg.norm(points - centre, axis=-1) for points in (pressed, pinched))
    assert (after <= before + 1e-5).all() and (after < before - 0.01).mean() > 0.05
    low = plain.points[..., 1] < -1.2
    np.testing.assert_allclose(pinched[low], plain.points[low], atol=1e-5)


def test_a_brim_takes_sky_from_the_forehead_and_gives_none() -> None:
    person = plain_identity(get_head("own"), 7)
    prepared = prepare(person, "train", 300)
    head, bare = prepared.head, setting()
    hatted = replace(bare, hat="brim")
    props = worn_props(prepared, hatted)
    count = len(prepared.neutral) + len(worn_clothes(prepared, bare).vertices)
    free = open_sky(prepared, bare, count)
    under = open_sky(prepared, hatted, count + sum(len(prop.vertices) for prop in props))[:count]
    own = len(prepared.neutral)
    still = np.setdiff1d(np.arange(own), bared_vertices(head)[0])
    assert (under[still] <= free[still]).all()
    np.testing.assert_array_equal(under[own:], free[own:])
    p = prepared.neutral
    skin = np.unique(head.mesh.triangles[head.mesh.material == Material.SKIN])
    forehead = skin[(p[skin, 1] > 0.5) & (p[skin, 1] < 0.7) & (p[skin, 2] > 0.0)]
    chin = skin[(p[skin, 1] < -1.3) & (p[skin, 1] > -1.7) & (p[skin, 2] > 0.2)]
    lost = [1 - under[rows].mean() / free[rows].mean() for rows in (forehead, chin)]
    assert lost[0] > 0.2 and lost[1] < 0.5 * lost[0]


def test_the_plain_world_sees_the_sky_it_saw() -> None:
    prepared = prepare(plain_identity(get_head("own"), 7), "train", 300)
    sky = open_sky(prepared, Attributes(), len(prepared.sky) + 5)
    np.testing.assert_array_equal(sky[:-5], prepared.sky)
    assert (sky[-5:] == 215).all() and isinstance(setting().extras, Extras)
