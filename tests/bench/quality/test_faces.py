from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.quality.face_set import FaceSetOptions, load_face_set
from bench.quality.faces import measure_faces
from bench.quality.photograph import EYES_PX, MARKED_POINTS, point_error
from facesdk.errors import InputError
from facesdk.pack import Pack
from facesdk.types import Face
from tests.facesdk.fake_pack import POSE
from train.data.face_world.sample import SPLITS

TINY = FaceSetOptions(
    ("own",), 4, 8, portrait_px=64, swap_px=48, members=2, settings=2, supersample=1, hair_strands=200
)


def test_the_fake_pack_end_to_end(pack: Pack, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    quality = measure_faces(pack, tmp_path, TINY, "onnxruntime", workers=1, scenes=6, crops=6, scene_px=160)
    portraits, groups = load_face_set(tmp_path, TINY, workers=1)
    assert len(portraits["rgb"]) == len(groups["rgb"]) == 8
    assert set(portraits["identity"]) | set(groups["identity"]) <= set(SPLITS["test"][:4])
    figures = {figure.name: figure for figure in quality.report.figures}
    assert all(figure.value is not None for name, figure in figures.items() if "photograph" not in name)
    # The fake detector knows markers only: neither rendered faces nor the photograph has one.
    assert figures["detector: recall at IoU 0.5, faces from 32 px"].value == 0
    assert figures["detector: false faces in a scene without one"].value == 0
    assert figures["portrait photograph: faces found"].ok is False
    # It always answers with the same pose.
    near = portraits["pose"][np.abs(portraits["pose"][:, 0]) <= 45]
    for axis, name in enumerate(("yaw", "pitch", "roll")):
        error = figures[f"head pose: error of {name}, yaw within 45"].value
        assert error == pytest.approx(np.abs(near[:, axis] - POSE[axis]).mean(), rel=1e-4)
    assert figures["landmarks: RMS / interocular, yaw within 45"].ok is False
    musts = {name: (figure.must, figure.aim) for name, figure in figures.items() if figure.must is not None}
    assert musts == {
        "detector: recall at IoU 0.5, faces from 32 px": (0.97, 0.995),
        "landmarks: RMS / interocular, yaw within 45": (0.03, 0.018),
        "recogniser: verification AUC, hair exchanged": (0.985, 0.997),
        "portrait photograph: faces found": (1, None),
    }
    assert quality.sheet.shape[1:] == (6 * 240, 3) and quality.sheet.std() > 10
    quality.report.write(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["settings"]["portraits"] == 8


def test_a_set_of_other_options_is_not_taken(tmp_path: Path) -> None:
    small = replace(TINY, identities=4, pictures=4, settings=1)
    load_face_set(tmp_path, small, workers=1)
    with pytest.raises(InputError, match="hair_strands"):
        load_face_set(tmp_path, replace(small, hair_strands=100), workers=1)
    with pytest.raises(InputError, match="identities"):
        replace(small, identities=3)


def test_the_photographs_points() -> None:
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42], landmarks[42:48] = MARKED_POINTS[0], MARKED_POINTS[1]
    landmarks[[30, 48, 54]] = MARKED_POINTS[2:]
    face = Face(np.zeros(4, np.float32), 1.0, np.zeros((5, 2), np.float32), landmarks)
    far = replace(face, landmarks=landmarks + np.float32([0, EYES_PX]))
    assert point_error([far, face]) == pytest.approx(0, abs=1e-6) and point_error([far]) == pytest.approx(1, abs=1e-6)
    assert point_error([]) is None
