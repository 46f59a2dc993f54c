"""Mining: what lies apart from the scene's faces is kept, the faces themselves are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesdk.types import Face
from train.data.false_faces import CROP_PX, false_faces, load_false_faces

POINTS = np.array([[0, 0], [9, 0], [4, 4], [1, 8], [8, 8]], np.float32)


def _portraits() -> dict[str, np.ndarray]:
    """A red square of a person."""
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    marks = np.stack([32 + 20 * np.cos(angle), 32 + 20 * np.sin(angle)], 1).astype(np.float32)[None]
    rgb = np.zeros((1, 64, 64, 3), np.uint8)
    rgb[..., 0] = 255
    return {"rgb": rgb, "alpha": np.full((1, 64, 64), 255, np.uint8), "landmarks": marks}


def test_only_what_is_no_face_is_kept() -> None:
    boxes = [np.array([x, y, x + 60, y + 60], np.float32) for x in range(0, 260, 20) for y in range(0, 260, 20)]
    faces = [Face(box, 0.5, POINTS) for box in boxes]
    kept = set()
    for seed in range(30):
        found = false_faces(lambda image: faces, _portraits(), np.random.default_rng(seed), 320, 0.0)
        assert all(crop.shape == (CROP_PX, CROP_PX, 3) for crop in found)
        kept.add(len(found))
    # Scenes without anybody give all, those with a hidden person none, the others some.
    assert len(boxes) in kept and any(0 < count < len(boxes) for count in kept)


def test_an_empty_answer_gives_plain_places_only_from_empty_scenes() -> None:
    counts = [len(false_faces(lambda _: [], _portraits(), np.random.default_rng(s), 96, 1.0)) for s in range(20)]
    assert set(counts) == {0, 1}


def test_files_of_several_folders_are_joined(tmp_path: Path) -> None:
    assert load_false_faces([tmp_path], "train") is None
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "false-faces-train.npz", rgb=np.zeros((3, 4, 4, 3), np.uint8))
    found = load_false_faces([tmp_path / "a", tmp_path, tmp_path / "b"], "train")
    assert found is not None and found.shape == (6, 4, 4, 3)


def test_photographs_of_nobody_are_asked_about_too() -> None:
    magenta = np.full((1, 160, 160, 3), (250, 0, 250), np.uint8)
    seen = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        seen += false_faces(lambda _: [], _portraits(), rng, 96, 1.0, magenta)
    pink = [
        crop for crop in seen if (np.median(crop.reshape(-1, 3), 0)[[0, 2]] > 90).all() and crop[..., 1].mean() < 60
    ]
    assert 0.25 * len(seen) < len(pink) < 0.8 * len(seen)
