"""The mask of a swap."""

from __future__ import annotations

import numpy as np

from facesdk.faces.parse import Part
from facesdk.pipelines.face_mask import hull_mask, kept_mask, swap_mask
from tests.facesdk.fake_pack import face_landmarks

SIZE = 128
POINTS = face_landmarks() * SIZE


def test_the_hull_covers_every_landmark_and_the_forehead_and_not_the_corners():
    mask = hull_mask(POINTS, SIZE)
    for x, y in POINTS:
        assert mask[int(y), int(x)] == 1
    brows, nose = POINTS[17:27].mean(0), POINTS[33]
    x, y = brows + 0.8 * (brows - nose)
    assert mask[int(y), int(x)] == 1
    assert mask[0, 0] == mask[0, -1] == mask[-1, 0] == mask[-1, -1] == 0


def test_the_margin_widens_the_hull_by_its_width():
    narrow, wide = hull_mask(POINTS, SIZE, margin=0.0), hull_mask(POINTS, SIZE, margin=4 / SIZE)
    row = int(POINTS[0, 1])
    first = [int(np.flatnonzero(mask[row] > 0.5)[0]) for mask in (narrow, wide)]
    assert first[0] - first[1] == 4


def test_what_stands_in_front_is_kept():
    parts = np.zeros((5, 64, 64), np.float32)
    parts[Part.OCCLUDER, :, :32], parts[Part.HAIR, :, 32:] = 1, 1
    kept = kept_mask(parts, (Part.OCCLUDER,), SIZE)
    assert kept.shape == (SIZE, SIZE)
    assert kept[:, :60].min() == 1 and kept[:, 68:].max() == 0
    assert kept_mask(parts, (Part.OCCLUDER, Part.HAIR), SIZE).min() == 1


def test_the_mask_is_full_inside_and_nothing_at_the_border():
    mask = swap_mask(np.ones((SIZE, SIZE), np.float32), None, None)
    assert mask[SIZE // 2, SIZE // 2] > 0.9999
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert not edge.any()


def test_the_three_masks_multiply():
    hull, model, kept = (np.full((SIZE, SIZE), value, np.float32) for value in (0.5, 0.6, 0.25))
    np.testing.assert_allclose(swap_mask(hull, model, kept)[60:70, 60:70], 0.5 * 0.6 * 0.75, rtol=1e-5)
