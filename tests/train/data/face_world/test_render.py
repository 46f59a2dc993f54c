"""The renderer: kernels against brute force, signs, truth, and that the same arguments give the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES, five_points
from tests.train.data.face_world.people import plain_identity
from train.data.face_world import camera
from train.data.face_world.eyes import fit_sphere
from train.data.face_world.head import get_head
from train.data.face_world.posed import resting_expression
from train.data.face_world.prepare import clear_cache, prepare
from train.data.face_world.raster import barycentric, rasterize, vertex_normals
from train.data.face_world.render import aligned_crop, render
from train.data.face_world.resolve import resolve_parts
from train.data.face_world.types import Attributes, Hair, HeadName, Identity, Light, Part, Picture
from train.data.face_world.visibility import fibonacci_directions, height_map, light_view

HEAD: HeadName = "own"
SIZE = 64
STRANDS = 600
BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
LEFT_EAR, RIGHT_EAR, NOSE, CHIN = 0, 16, 30, 8


def person(seed: int, style: str = "crew", **changes: object) -> Identity:
    rng = np.random.default_rng(seed)
    head = get_head(HEAD)
    marked = plain_identity(
        head,
        seed,
        shape=rng.standard_normal(head.n_shape).astype(np.float32),
        tone=float(rng.random()),
        lip_saturation=0.6,
        freckles=0.1,
        moles=1,
        brow_arch=0.3,
        brow_density=0.8,
        beard_length=0.3,
        eye_color="blue",
        lid=0.08,
        asymmetry=0.1,
        hair=Hair(style, "brown", 0.5, 1.0, 0.3, 0.2, 0.0, 0.0, 0.5, seed),
    )
    return replace(marked, **changes)


def shoot(identity: Identity, attributes: Attributes, **options: object) -> Picture:
    settings: dict[str, object] = {"size": SIZE, "hair_strands": STRANDS, **options}
    return render(identity, attributes, **settings)


@pytest.fixture(scope="module")
def front() -> Picture:
    return shoot(person(1), Attributes())


@pytest.fixture(scope="module")
def bald_close() -> Picture:
    who = person(1, "bald")
    return shoot(who, Attributes(), size=96, crop=aligned_crop(who, Attributes(), 96))


# --- kernels


def brute_force(screen: np.ndarray, triangles: np.ndarray, side: int) -> np.ndarray:
    """Nearest triangle of every pixel centre by solving for the weights, -1 where there is none."""
    out = np.full((side, side), -1)
    for row in range(side):
        for column in range(side):
            best = 0.0
            for t, corners in enumerate(triangles):
                system = np.vstack([screen[corners, :2].T.astype(np.float64), np.ones(3)])
                weights = np.linalg.solve(system, [column + 0.5, row + 0.5, 1.0])
                z = float(weights @ screen[corners, 2])
                if weights.min() >= 0 and z > best:
                    best, out[row, column] = z, t
    return out


def test_rasterize_equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    screen = np.c_[rng.uniform(-4, 24, (15, 2)), rng.uniform(0.1, 1.0, 15)].astype(np.float32)
    triangles = np.arange(15, dtype=np.int32).reshape(5, 3)
    inverse_depth, triangle_id = np.zeros((20, 20), np.float32), np.full((20, 20), -1, np.int32)
    rasterize(screen, triangles, 20, 20, inverse_depth, triangle_id)
    assert (triangle_id >= 0).mean() > 0.2
    assert np.array_equal(triangle_id, brute_force(screen, triangles, 20))


def test_rasterize_leaves_no_seam_between_neighbours() -> None:
    screen = np.array([[1, 1, 1], [14, 2, 1], [3, 13, 1], [15, 15, 1]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    inverse_depth, triangle_id = np.zeros((16, 16), np.float32), np.full((16, 16), -1, np.int32)
    rasterize(screen, triangles, 16, 16, inverse_depth, triangle_id)
    for row in range(16):
        columns = np.nonzero(triangle_id[row] >= 0)[0]
        assert len(columns) == 0 or np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))


def test_barycentric_is_perspective_correct() -> None:
    attributes = Attributes(yaw_degrees=10)
    matrix = camera.camera_matrix(attributes, 100, None, 1)
    corners = np.array([[-1, -1, -3], [1.2, -0.5, 1], [0.1, 1, 0]], np.float32)
    screen = camera.project(matrix, corners)
    point = np.array([0.2, 0.3, 0.5], np.float32) @ corners
    x, y, _ = camera.project(matrix, point)
    w1, w2 = barycentric(screen, 0, 1, 2, x, y)
    assert (w1, w2) == pytest.approx((0.3, 0.5), abs=1e-4)


def test_vertex_normals_of_a_tetrahedron_point_outwards() -> None:
    vertices = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    expected = vertices / np.sqrt(3)
    assert vertex_normals(vertices, triangles) == pytest.approx(expected, abs=1e-5)


def test_height_map_sees_a_tilted_plane() -> None:
    vertices = np.array([[-2, -2, 0], [2, -2, 0], [2, 2, 0.8], [-2, 2, 0.8]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    view = light_view(np.array([0, 0, 1], np.float32), np.zeros(3, np.float32), 1.0, 16)
    heights = height_map(vertices, triangles, view, 16)
    rows = (np.arange(16) + 0.5) / 8 - 1  # y of the texel centres
    assert heights == pytest.approx(np.repeat(0.4 + 0.2 * rows[:, None], 16, 1), abs=1e-5)


def test_fibonacci_directions_integrate_a_cosine() -> None:
    directions = fibonacci_directions(24)
    assert np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(24), abs=1e-6)
    for axis in np.eye(3):
        assert np.maximum(directions @ axis, 0).mean() == pytest.approx(0.25, abs=0.02)


def test_resolve_parts_takes_the_majority() -> None:
    parts = np.array([[1, 2], [2, 2]], np.uint8)
    out = np.zeros((1, 1), np.uint8)
    resolve_parts(parts, 2, out)
    assert out[0, 0] == 2


def test_fit_sphere_ignores_a_bulge() -> None:
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((600, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radius = np.where(directions[:, 2] > 0.93, 0.3, 0.26)
    centre, found = fit_sphere((directions * radius[:, None] + [0.5, 0.1, -0.2]).astype(np.float32))
    assert centre == pytest.approx([0.5, 0.1, -0.2], abs=2e-3)
    assert found == pytest.approx(0.26, abs=2e-3)


# --- the same arguments give the same bits


def test_bits_do_not_depend_on_the_cache() -> None:
    who = person(3, beard="full beard")
    attributes = Attributes(yaw_degrees=20, expression={"jawOpen": 0.5}, glasses="round", hat="beanie")
    first = shoot(who, attributes, size=48)
    clear_cache()
    again = shoot(replace(who, shape=who.shape.copy()), attributes, size=48)
    for name in Picture.__dataclass_fields__:
        assert np.array_equal(getattr(first, name), getattr(again, name)), name


def test_cache_is_keyed_by_content() -> None:
    who = person(4)
    assert prepare(who, hair_strands=STRANDS) is prepare(replace(who), hair_strands=STRANDS)
    other = replace(who, hair=replace(who.hair, color="red"))
    assert prepare(who, hair_strands=STRANDS) is not prepare(other, hair_strands=STRANDS)


def test_background_is_the_same_behind_everybody() -> None:
    attributes = Attributes(yaw_degrees=-15, background="studio", background_seed=5)
    one, two = shoot(person(1), attributes), shoot(person(7, "bald"), attributes)
    outside = (one.alpha == 0) & (two.alpha == 0)
    assert 0.1 < outside.mean() < 0.9
    assert np.array_equal(one.rgb[outside], two.rgb[outside])
    assert not np.array_equal(one.rgb[~outside], two.rgb[~outside])


# --- signs


@pytest.mark.parametrize(
    ("change", "axis", "sign"),
    [
        ({"yaw_degrees": 25.0}, 0, 1),
        ({"pitch_degrees": 20.0}, 1, 1),
        ({"shift": (-0.1, 0.0)}, 0, -1),
        ({"shift": (0.0, 0.1)}, 1, 1),
    ],
)
def test_the_nose_moves_as_the_contract_says(front: Picture, change: dict[str, object], axis: int, sign: int) -> None:
    moved = shoot(person(1), Attributes(**change))
    assert sign * (moved.landmarks[NOSE, axis] - front.landmarks[NOSE, axis]) > 1.5


def test_roll_turns_counter_clockwise(front: Picture) -> None:
    rolled = shoot(person(1), Attributes(roll_degrees=20)).landmarks
    axis = rolled[45] - rolled[36]  # from the eye at the picture's left to the one at its right
    assert np.degrees(np.arctan2(-axis[1], axis[0])) == pytest.approx(20, abs=6)


def test_zoom_enlarges(front: Picture) -> None:
    near = shoot(person(1), Attributes(zoom=1.4)).landmarks
    ratio = np.ptp(near[:, 0]) / np.ptp(front.landmarks[:, 0])
    assert ratio == pytest.approx(1.4, abs=0.02)


def test_gaze_moves_the_iris() -> None:
    who = person(1, "bald")
    crop = aligned_crop(who, Attributes(), 96)
    centres = []
    for gaze in ((-0.8, 0.0), (0.8, 0.0)):
        picture = shoot(who, Attributes(gaze=gaze), size=96, crop=crop)
        eye = picture.landmarks[36:42].mean(0)
        rows, columns = np.nonzero(picture.parts == Part.IRIS)
        near = np.hypot(columns - eye[0], rows - eye[1]) < 12
        centres.append(columns[near].mean())
    assert centres[1] - centres[0] > 2.0


def test_key_light_from_the_left_brightens_the_left() -> None:
    who = person(1, "bald")
    for side in (-1, 1):
        light = Light(key_direction=(side * 0.95, 0.2, 0.3))
        picture = shoot(who, Attributes(light=light), crop=aligned_crop(who, Attributes(), SIZE))
        skin, middle = picture.parts == Part.SKIN, picture.landmarks[NOSE, 0]
        columns = np.arange(SIZE)[None] + 0 * skin
        grey = picture.rgb.mean(-1)
        right, left = grey[skin & (columns > middle)].mean(), grey[skin & (columns < middle)].mean()
        assert side * (right - left) > 15


# --- truth


def near_parts(picture: Picture, index: range, parts: tuple[Part, ...], reach: int) -> list[bool]:
    hits = []
    for x, y in picture.landmarks[list(index)]:
        rows = slice(max(int(y) - reach, 0), int(y) + reach + 1)
        columns = slice(max(int(x) - reach, 0), int(x) + reach + 1)
        hits.append(bool(np.isin(picture.parts[rows, columns], parts).any()))
    return hits


def test_landmarks_lie_on_their_parts(bald_close: Picture) -> None:
    eyes = near_parts(bald_close, range(36, 48), (Part.EYE, Part.LASH, Part.IRIS), 3)
    lips = near_parts(bald_close, range(48, 60), (Part.UPPER_LIP, Part.LOWER_LIP), 2)
    brows = near_parts(bald_close, range(18, 26), (Part.BROW,), 5)
    assert all(eyes) and all(lips) and np.mean(brows) > 0.7


def test_landmarks_match_the_depth(front: Picture) -> None:
    for k in (27, 28, 29, NOSE, 51, 57, CHIN):
        column, row = front.landmarks[k].astype(int)
        distance = camera.camera_position()[2] - front.landmarks_3d[k, 2]
        assert front.depth[row, column] == pytest.approx(distance, abs=0.12), k


def test_turning_the_head_hides_the_far_jaw() -> None:
    turned = shoot(person(1, "bald"), Attributes(yaw_degrees=55))
    assert not turned.visible[RIGHT_EAR] and not turned.visible[15]
    assert turned.visible[NOSE] and turned.visible[36]
    straight = shoot(person(1, "bald"), Attributes())
    assert straight.visible[17:].mean() > 0.95 and straight.visible[CHIN]


def test_blink_removes_the_iris(bald_close: Picture) -> None:
    who = person(1, "bald")
    shut = shoot(who, Attributes(expression=BLINK), size=96, crop=bald_close.crop)
    assert (bald_close.parts == Part.IRIS).sum() > 20
    assert (shut.parts == Part.IRIS).sum() <= 2


def test_the_nose_is_nearer_than_the_ears() -> None:
    picture = shoot(person(1, "bald"), Attributes())
    ears = picture.depth[picture.parts == Part.EAR]
    column, row = picture.landmarks[NOSE].astype(int)
    # An outline pixel is an ear by the majority of its samples and has the depth of one, which may be the cheek's.
    assert picture.depth[row, column] + 1.5 < np.median(ears[ears > 0])
    assert (picture.depth[picture.alpha == 0] == 0).all()


def test_normals_are_unit_and_face_the_camera(front: Picture) -> None:
    length = np.linalg.norm(front.normals, axis=-1)
    assert (np.abs(length[length > 0] - 1) < 1e-4).all()
    column, row = front.landmarks[29].astype(int)
    assert front.normals[row, column, 2] > 0.5
    assert front.normals[length > 0][:, 2].min() > -0.45


def test_alpha_is_one_inside_and_parts_agree(front: Picture) -> None:
    inside = np.isin(front.parts, (Part.SKIN, Part.UPPER_LIP, Part.LOWER_LIP, Part.IRIS))
    assert front.alpha[inside].min() >= 0.5
    assert (front.parts[front.alpha == 0] == Part.BACKGROUND).all()


def test_aligned_crop_puts_five_points_on_the_template() -> None:
    who, attributes = person(2), Attributes(yaw_degrees=8, roll_degrees=-25, zoom=0.9, shift=(0.05, -0.04))
    matrix = aligned_crop(who, attributes, SIZE)
    picture = shoot(who, attributes, crop=matrix)
    error = np.linalg.norm(five_points(picture.landmarks) / SIZE - TEMPLATES["canon"], axis=1)
    assert error.mean() < 0.05 and error.max() < 0.09
    portrait = shoot(who, attributes)
    assert portrait.landmarks @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(picture.landmarks, abs=0.02)
    shifted = aligned_crop(who, attributes, SIZE, jitter=np.array([[1, 0, 3], [0, 1, -2]], np.float32))
    assert shifted - matrix == pytest.approx(np.array([[0, 0, 3], [0, 0, -2]]), abs=1e-4)


def test_basic_truth_changes_nothing_but_depth_and_normals(front: Picture) -> None:
    basic = shoot(person(1), Attributes(), truth="basic")
    assert np.array_equal(basic.rgb, front.rgb) and np.array_equal(basic.parts, front.parts)
    assert not basic.depth.any() and not basic.normals.any()


@pytest.mark.parametrize("kind", ["round", "rectangular", "aviator"])
def test_glasses_show(kind: str) -> None:
    who = person(1, "bald")
    picture = shoot(who, Attributes(glasses=kind), crop=aligned_crop(who, Attributes(), SIZE))
    assert (picture.parts == Part.GLASSES).sum() > 30


@pytest.mark.parametrize("kind", ["cap", "beanie", "brim"])
def test_hats_cover_the_hair(kind: str, front: Picture) -> None:
    picture = shoot(person(1), Attributes(hat=kind))
    assert (picture.parts == Part.HAT).sum() > 80
    assert (picture.parts == Part.HAIR).sum() < 0.7 * (front.parts == Part.HAIR).sum()


def test_hair_and_beard_have_their_parts() -> None:
    picture = shoot(person(3, "afro", beard="full beard"), Attributes())
    assert (picture.parts == Part.HAIR).sum() > 200
    assert (picture.parts == Part.BEARD).sum() > 40
    assert (shoot(person(3, "bald"), Attributes()).parts != Part.HAIR).all()


def test_resting_expression_adds_lids_and_gaze() -> None:
    who = person(1, lid=0.2)
    attributes = Attributes(gaze=(0.5, -0.25), expression={"eyeWideLeft": 1.0, "eyeBlinkRight": 0.9})
    weights = resting_expression(who, attributes)
    assert weights["eyeBlinkRight"] == 1.0 and "eyeBlinkLeft" not in weights
    assert weights["eyeLookOutLeft"] == weights["eyeLookInRight"] == 0.5
    assert weights["eyeLookDownLeft"] == 0.25 and "eyeLookUpLeft" not in weights


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="size 4"):
        shoot(person(1), Attributes(), size=4)
    with pytest.raises(InputError, match="quality"):
        shoot(person(1), Attributes(), quality="best")
