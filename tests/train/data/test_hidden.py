"""Hidden faces: who stands in front is drawn where the mask says, and never hides more than half of a face."""

from __future__ import annotations

import numpy as np

from facesdk.faces.boxes import face_box
from train.data import hidden
from train.data.scenes import covered_share


def _marks(size: int) -> np.ndarray:
    """Sixty-eight points on an ellipse whose brows and chin are where `face_box` looks for them."""
    angles = np.linspace(0, np.pi, 17)
    jaw = np.stack([0.5 - 0.2 * np.cos(angles), 0.45 + 0.25 * np.sin(angles)], 1)
    rest = np.stack([np.linspace(0.35, 0.65, 51), np.full(51, 0.4)], 1)
    return (np.concatenate([jaw, rest]) * size).astype(np.float32)


def _people() -> dict[str, np.ndarray]:
    """Two green people who are as wide as their boxes."""
    rgb = np.zeros((2, 96, 96, 3), np.uint8)
    rgb[..., 1] = 200
    alpha = np.zeros((2, 96, 96), np.uint8)
    alpha[:, 20:80, 25:71] = 255
    return {"rgb": rgb, "alpha": alpha, "landmarks": np.stack([_marks(96)] * 2)}


def test_a_person_in_front_covers_what_the_mask_says() -> None:
    image, marks = np.full((128, 128, 3), 90, np.uint8), _marks(128)
    box, shares = face_box(marks).astype(int), []
    for seed in range(40):
        out, mask = hidden.stand_in_front(image, marks, _people(), np.random.default_rng(seed))
        assert (out[mask == 0] == 90).all() and (out[mask == 1] == (0, 200, 0)).all()
        shares.append((mask[box[1] : box[3], box[0] : box[2]] > 0.5).mean())
    assert max(shares) <= hidden.MOST and np.mean(np.array(shares) > 0.1) > 0.4


def test_a_border_ends_the_picture_inside_the_face() -> None:
    rng = np.random.default_rng(0)
    image, marks = rng.integers(0, 255, (128, 128, 3)).astype(np.uint8), _marks(128)
    box, sides = face_box(marks), set()
    for seed in range(40):
        out, gone = hidden.cut_by_border(image, marks, np.random.default_rng(seed))
        assert np.array_equal(out[gone == 0], image[gone == 0])
        rows, columns = np.flatnonzero(gone.all(1)), np.flatnonzero(gone.all(0))
        axis, lost = (1, columns) if len(columns) < 128 and len(columns) else (0, rows)
        start = lost[0] == 0
        sides.add((axis, bool(start)))
        edge = lost[-1] + 1 if start else lost[0] - 1
        beyond, border = (out[:, lost], image[:, edge][:, None]) if axis else (out[lost], image[edge][None])
        assert (beyond == border).all() and gone.sum() == 128 * len(lost)
        low, high = (box[0], box[2]) if axis else (box[1], box[3])
        share = (lost[-1] + 1 - low if start else high - lost[0]) / (high - low)
        assert -0.02 <= share <= hidden.MOST + 0.02
    assert sides == {(0, True), (0, False), (1, True), (1, False)}


def test_a_face_outside_the_crop_counts_as_hidden() -> None:
    nothing = np.zeros((32, 32), np.float32)
    assert covered_share(np.array([-20, -20, -5, -5], np.float32), nothing) == 1
    assert covered_share(np.array([8, 8, 24, 24], np.float32), nothing) == 0
