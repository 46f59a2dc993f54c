"""Glasses, hats and shirts: they fit the head that wears them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.data.face_world.people import grown, person, with_hair
from train.data.face_world.canon import canonical_positions
from train.data.face_world.hats import HATS, press_under_hat
from train.data.face_world.head import get_head
from train.data.face_world.props import GLASSES, glasses, hat, torso
from train.data.face_world.raster import vertex_normals
from train.data.face_world.types import HeadModel, Material


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
