"""Faces that are too small, or cut by the border."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.faces.usable import eyes_px, inside_share, why_not_usable
from facesdk.types import Face
from tests.facesdk.fake_pack import face_landmarks


def _face(x: float, y: float, side: float) -> Face:
    landmarks = (face_landmarks() * side + [x, y]).astype(np.float32)
    box = np.array([x, y, x + side, y + side], np.float32)
    return Face(box, 0.9, np.zeros((5, 2), np.float32), landmarks=landmarks)


def test_the_distance_of_the_eyes_is_the_templates():
    assert eyes_px(_face(10, 10, 100)) == pytest.approx(26, rel=1e-4)


def test_a_whole_face_will_do():
    assert why_not_usable(_face(10, 10, 100), (200, 200), 8) is None


def test_a_small_face_is_named_with_its_size():
    assert why_not_usable(_face(10, 10, 20), (200, 200), 8) == "too small (5.2 px between the eyes, 8 needed)"


def test_a_cut_face_is_named_with_its_share():
    face = _face(-55, 10, 100)
    landmarks = face.landmarks
    assert landmarks is not None
    share = float((landmarks[:, 0] >= 0).mean())
    assert inside_share(face, (200, 200)) == pytest.approx(share) and share < 0.6
    assert "cut by the border" in str(why_not_usable(face, (200, 200), 8))
