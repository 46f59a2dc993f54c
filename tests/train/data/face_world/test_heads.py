"""Head models: valid meshes, the canon's proportions, expressions that do what their names say, determinism."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from tests.train.data.face_world.people import plain_identity
from train.data.face_world.expression import (
    EXPRESSION_NAMES,
    EXPRESSIONS,
    GAZE_NAMES,
    check_expression,
    gaze_expression,
    to_vector,
)
from train.data.face_world.eyes import fit_sphere
from train.data.face_world.facekit_files import MATERIALS, read_facekit
from train.data.face_world.head import FACEKIT_VARIABLE, available_heads, get_head
from train.data.face_world.own_head_canon import LID_RADIUS
from train.data.face_world.raster import rasterize
from train.data.face_world.types import HeadModel, Identity, Material

FACEKIT = pytest.param(
    "facekit", marks=pytest.mark.skipif(not os.environ.get(FACEKIT_VARIABLE), reason=f"{FACEKIT_VARIABLE} is not set")
)
BOTH_HEADS = pytest.mark.parametrize("name", ["own", FACEKIT])
# iBUG points and their mirror images
MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)


def person(head: HeadModel, seed: int | None = None, asymmetry: float = 0.0) -> Identity:
    """The mean person (seed None) or one drawn from N(0, 1)."""
    drawn = np.zeros(head.n_shape) if seed is None else np.random.default_rng(seed).normal(size=head.n_shape)
    return plain_identity(head, seed or 0, shape=drawn.clip(-2.3, 2.3).astype(np.float32), asymmetry=asymmetry)


def points(head: HeadModel, expression: dict[str, float], seed: int | None = None) -> np.ndarray:
    """(68, 3) landmarks of a person with an expression."""
    return head.deform(person(head, seed), expression)[head.mesh.landmarks]


@BOTH_HEADS
def test_topology_is_valid(name: str) -> None:
    mesh = get_head(name).mesh
    vertices, triangles = mesh.vertices, mesh.triangles
    assert vertices.dtype == np.float32 and triangles.dtype == np.int32 and mesh.uv.dtype == np.float32
    assert triangles.min() >= 0 and triangles.max() < len(vertices)
    assert mesh.uv_triangles.min() >= 0 and mesh.uv_triangles.max() < len(mesh.uv)
    assert mesh.uv_triangles.shape == triangles.shape and mesh.material.shape == (len(triangles),)
    assert mesh.uv.min() >= 0.0 and mesh.uv.max() <= 1.0
    assert len(np.unique(triangles)) == len(vertices)
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert (area < 1e-9).mean() < 0.01
    assert mesh.head_weight.min() == 0.0 and mesh.head_weight.max() == 1.0
    assert mesh.head_weight[mesh.landmarks].min() > 0.99


@BOTH_HEADS
def test_skin_faces_outwards(name: str) -> None:
    mesh = get_head(name).mesh
    corners = mesh.vertices[mesh.triangles[mesh.material == Material.SKIN]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    centre = corners.mean(1)
    face = (centre[:, 2] > 0.0) & (np.abs(centre[:, 1] + 0.4) < 1.2)
    assert (normal[face, 2] > 0).mean() > 0.8


@BOTH_HEADS
def test_skin_texels_belong_to_one_triangle(name: str) -> None:
    mesh = get_head(name).mesh
    corners = mesh.uv[mesh.uv_triangles[mesh.material == Material.SKIN]]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2
    screen = (
        np.concatenate([corners * [1024, 512], np.ones((len(corners), 3, 1))], -1).reshape(-1, 3).astype(np.float32)
    )
    triangle_id = np.full((512, 1024), -1, np.int32)
    each = np.arange(len(screen), dtype=np.int32).reshape(-1, 3)
    rasterize(screen, each, 512, 1024, np.zeros((512, 1024), np.float32), triangle_id)
    covered = (triangle_id >= 0).mean()
    assert covered > 0.5
    assert area == pytest.approx(covered, rel=0.03)  # triangles on top of each other would cover less than their areas


@BOTH_HEADS
def test_eyes_stand_where_the_frame_says(name: str) -> None:
    mesh = get_head(name).mesh
    for (start, stop), side in zip(mesh.eyes, (-1.0, 1.0)):
        centre, radius = fit_sphere(mesh.vertices[start:stop])
        assert np.abs(centre - [0.5 * side, 0.0, 0.0]).max() < 0.02
        assert 0.2 < radius < 0.3
    assert len(np.unique(mesh.material[np.isin(mesh.triangles, np.arange(*mesh.eyes[0])).any(1)])) == 1


@BOTH_HEADS
def test_landmarks_run_from_right_to_left(name: str) -> None:
    head = get_head(name)
    lm = head.mesh.vertices[head.mesh.landmarks]
    assert len(np.unique(head.mesh.landmarks)) == 68
    for run in (range(17), range(17, 27), (31, 32, 33, 34, 35), range(48, 55), range(60, 65), (36, 37, 38, 39)):
        assert (np.diff(lm[list(run), 0]) > 0).all()
    assert (np.diff(lm[27:31, 1]) < 0).all()
    assert lm[36:42, 0].max() < 0 < lm[42:48, 0].min()
    assert np.abs(lm - lm[MIRROR] * [-1, 1, 1]).max() < 0.03
    assert (lm[[37, 38, 43, 44], 1] > lm[[41, 40, 47, 46], 1] + 0.05).all()


@BOTH_HEADS
def test_lid_rows_run_from_inner_to_outer_corner(name: str) -> None:
    mesh = get_head(name).mesh
    for index, row in enumerate(mesh.lid_rows):
        across = np.abs(mesh.vertices[row, 0])
        assert (np.diff(across) > 0).all()
        assert across[0] < 0.33 and across[-1] > 0.68
        upper = index % 2 == 0
        height = mesh.vertices[row[len(row) // 2], 1]
        assert (height > 0.03) if upper else (height < -0.03)


def test_own_head_keeps_the_canon() -> None:
    head = get_head("own")
    v, lm = head.mesh.vertices, head.mesh.vertices[head.mesh.landmarks]
    crown, chin = v[:, 1].max(), lm[8, 1]
    assert crown == pytest.approx(-chin, abs=0.15)  # the eyes halve the head
    assert chin == pytest.approx(-1.65, abs=0.1)
    brow, nose_base = lm[17:27, 1].mean(), lm[33, 1]
    assert brow - nose_base == pytest.approx(1.0, abs=0.12)  # thirds
    assert nose_base - chin == pytest.approx(1.05, abs=0.12)
    mouth = lm[[62, 66], 1].mean()
    assert (nose_base - mouth) / (nose_base - chin) == pytest.approx(1 / 3, abs=0.06)
    above_ears = v[(v[:, 1] > 0.45) & (v[:, 1] < 1.2)]
    assert np.ptp(above_ears[:, 0]) == pytest.approx(2.5, abs=0.15)  # five eyes wide
    eye_width, gap = lm[45, 0] - lm[42, 0], lm[42, 0] - lm[39, 0]
    assert eye_width == pytest.approx(0.47, abs=0.05) and gap == pytest.approx(0.5, abs=0.07)
    assert lm[54, 0] == pytest.approx(0.5 - 0.095, abs=0.03)  # corners under the inner edge of the irises
    nose = v[(np.abs(v[:, 1] + 0.5) < 0.06) & (v[:, 2] > 0.47)]
    assert np.ptp(nose[:, 0]) == pytest.approx(eye_width, abs=0.1)
    neck = v[(np.abs(v[:, 1] + 2.1) < 0.06)]
    assert np.ptp(neck[:, 0]) == pytest.approx(0.75 * 2.5, abs=0.25)


def test_own_head_is_mirror_symmetric() -> None:
    v = get_head("own").mesh.vertices
    left, right = v[v[:, 0] > 0.01], v[v[:, 0] < -0.01] * [-1, 1, 1]
    assert len(left) == len(right)
    nearest = [np.abs(right - point).max(1).min() for point in left[::37]]
    assert max(nearest) < 1e-4


@BOTH_HEADS
@pytest.mark.parametrize("seed", [None, 4])
def test_expressions_do_what_they_say(name: str, seed: int | None) -> None:
    head = get_head(name)
    rest = points(head, {}, seed)
    smile = points(head, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}, seed)
    assert (smile[[48, 54], 1] > rest[[48, 54], 1] + 0.04).all()
    assert smile[54, 0] - smile[48, 0] > rest[54, 0] - rest[48, 0] + 0.05
    frown = points(head, {"mouthFrownLeft": 1.0, "mouthFrownRight": 1.0}, seed)
    assert (frown[[48, 54], 1] < rest[[48, 54], 1] - 0.02).all()
    jaw = points(head, {"jawOpen": 1.0}, seed)
    assert jaw[8, 1] < rest[8, 1] - 0.2
    assert jaw[62, 1] - jaw[66, 1] > 0.2 and rest[62, 1] - rest[66, 1] < 0.06
    pucker = points(head, {"mouthPucker": 1.0}, seed)
    assert pucker[54, 0] - pucker[48, 0] < rest[54, 0] - rest[48, 0] - 0.1
    brows = points(head, {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0}, seed)
    assert (brows[19:25, 1] > rest[19:25, 1] + 0.04).all()
    angry = points(head, {"browDownLeft": 1.0, "browDownRight": 1.0}, seed)
    assert (angry[[20, 21, 22, 23], 1] < rest[[20, 21, 22, 23], 1] - 0.03).all()


@BOTH_HEADS
@pytest.mark.parametrize("seed", [None, 7])
def test_blink_closes_one_eye_and_not_the_other(name: str, seed: int | None) -> None:
    head = get_head(name)

    def gaps(expression: dict[str, float]) -> tuple[float, float]:
        lm = points(head, expression, seed)
        return tuple(float((lm[up, 1] - lm[low, 1]).mean()) for up, low in (([37, 38], [41, 40]), ([43, 44], [47, 46])))

    right, left = gaps({})
    assert min(right, left) > 0.07
    closed_right, open_left = gaps({"eyeBlinkRight": 1.0})
    assert abs(closed_right) < 0.3 * right and open_left == pytest.approx(left, abs=1e-3)
    wide_right, _ = gaps({"eyeWideRight": 1.0})
    squint_right, _ = gaps({"eyeSquintRight": 1.0})
    assert wide_right > right + 0.015 and squint_right < right - 0.01


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("blink", [0.0, 0.5, 1.0])
def test_own_lids_stay_on_the_eyeball(seed: int | None, blink: float) -> None:
    head = get_head("own")
    v = head.deform(person(head, seed), {"eyeBlinkLeft": blink, "eyeBlinkRight": blink})
    for (start, stop), rows in zip(head.mesh.eyes, (head.mesh.lid_rows[:2], head.mesh.lid_rows[2:])):
        ball = v[start:stop]
        centre = ball.mean(0)
        radius = np.linalg.norm(ball - centre, axis=1).mean()
        for row in rows:
            inner = row[len(row) // 4 : -len(row) // 4]
            distance = np.linalg.norm(v[inner] - centre, axis=1) / radius
            assert distance.min() > 0.99
            assert distance.max() < LID_RADIUS / 0.25 + 0.12


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("yaw_degrees", [0, 50])
def test_closed_mouth_hides_what_is_inside(seed: int, yaw_degrees: float) -> None:
    head = get_head("own")
    mesh, size = head.mesh, 400
    v = head.neutral(person(head, seed))
    turn = np.radians(yaw_degrees)
    x, z = v[:, 0] * np.cos(turn) + v[:, 2] * np.sin(turn), v[:, 2] * np.cos(turn) - v[:, 0] * np.sin(turn)
    screen = np.stack([200 + 90 * x, 200 - 90 * v[:, 1], 1 / (9 - z)], 1).astype(np.float32)
    triangle_id = np.full((size, size), -1, np.int32)
    rasterize(screen, mesh.triangles, size, size, np.zeros((size, size), np.float32), triangle_id)
    seen = mesh.material[triangle_id[triangle_id >= 0]]
    assert np.isin(seen, (Material.MOUTH, Material.TEETH)).sum() <= 2  # of some 60,000 pixels
    assert np.isin(seen, (Material.EYE_LEFT, Material.EYE_RIGHT)).sum() > 150


@BOTH_HEADS
def test_same_person_same_head(name: str) -> None:
    head = get_head(name)
    identity = person(head, 3, asymmetry=0.2)
    first = head.deform(identity, EXPRESSIONS["laugh"])
    head.neutral(person(head, 5))
    assert np.array_equal(first, head.deform(identity, EXPRESSIONS["laugh"]))
    assert np.array_equal(head.neutral(identity), head.deform(identity, {}))
    before = head.neutral(identity).copy()
    head.neutral(identity)[:] = 0.0  # callers own what they get
    assert np.array_equal(before, head.neutral(identity))
    assert first.dtype == np.float32 and first.shape == head.mesh.vertices.shape and np.isfinite(first).all()


@BOTH_HEADS
def test_every_shape_parameter_is_seen(name: str) -> None:
    head = get_head(name)
    rest = head.neutral(person(head))
    assert head.n_shape >= 40
    for k in range(0, head.n_shape, 1 if name == "own" else 7):
        one = person(head)
        one.shape[k] = 2.0
        moved = np.linalg.norm(head.neutral(one) - rest, axis=1)
        assert moved.max() > 0.008, k


@BOTH_HEADS
def test_asymmetry_bends_the_head_and_keeps_eyeballs_round(name: str) -> None:
    head = get_head(name)
    straight, bent = head.neutral(person(head, 9)), head.neutral(person(head, 9, asymmetry=1.0))
    offset = np.linalg.norm(bent - straight, axis=1)
    assert 0.01 < offset.max() < 0.04
    for start, stop in head.mesh.eyes:
        assert np.ptp(bent[start:stop] - straight[start:stop], axis=0).max() < 1e-5


def test_expression_vector() -> None:
    vector = to_vector({"jawOpen": 0.5, "eyeLookUpLeft": 0.7})
    assert vector.dtype == np.float32 and vector.shape == (len(EXPRESSION_NAMES),)
    assert vector[EXPRESSION_NAMES.index("jawOpen")] == 0.5 and vector.sum() == 0.5
    assert len({to_vector(weights).tobytes() for weights in EXPRESSIONS.values()}) == len(EXPRESSIONS)
    for weights in EXPRESSIONS.values():
        check_expression(weights)
    with pytest.raises(InputError, match="jawopen"):
        to_vector({"jawopen": 0.5})
    with pytest.raises(InputError, match=r"1\.5"):
        get_head("own").deform(person(get_head("own")), {"jawOpen": 1.5})


def test_gaze_moves_both_eyes_the_same_way() -> None:
    right_and_up = gaze_expression((0.5, 0.25))
    assert right_and_up == {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "eyeLookUpLeft": 0.25, "eyeLookUpRight": 0.25}
    assert set(gaze_expression((-1.0, -1.0))) <= set(GAZE_NAMES) and gaze_expression((0.0, 0.0)) == {}


def test_facekit_is_refused_where_it_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(FACEKIT_VARIABLE, raising=False)
    assert available_heads() == ("own",)
    with pytest.raises(InputError, match=FACEKIT_VARIABLE):
        get_head("facekit")
    monkeypatch.setenv(FACEKIT_VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="FaceXModel"):
        get_head("facekit")
    with pytest.raises(InputError, match="unknown head"):
        get_head("flame")  # type: ignore[arg-type]


def test_facekit_clone_is_read(tmp_path: Path) -> None:
    """OBJ files in the clone's layout: quads are cut, shapes become offsets; a wrong vertex count is refused."""
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    corners = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)]

    def write(name: str, shift: float) -> None:
        lines = [f"v {x + shift} {y} {z}" for x, y, z in corners] + [f"vt {x} {y}" for x, y, _ in corners]
        (folder / f"{name}.obj").write_text("\n".join([*lines, "usemtl M_Teeth", "f 1/1 2/2 3/3 4/4", ""]))

    write("generic_neutral_mesh", 0.0)
    write("jawOpen", 0.25)
    for k in range(100):
        write(f"identity{k:03d}", 0.01 * k)
    with pytest.raises(InputError, match="4 vertices"):
        read_facekit(tmp_path)
    from train.data.face_world.facekit_files import _read_clone

    geometry = _read_clone(folder)
    assert geometry.names == ("jawOpen",)
    assert geometry.triangles.tolist() == [[0, 1, 2], [0, 2, 3]] == geometry.uv_triangles.tolist()
    assert (geometry.material == MATERIALS.index("M_Teeth")).all()
    assert np.allclose(geometry.expressions[0], [0.25, 0, 0]) and np.allclose(geometry.identity[50], [0.5, 0, 0])
