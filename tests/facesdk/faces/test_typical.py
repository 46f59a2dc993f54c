from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.errors import PackError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.typical import KEY, SIGNALS, TypicalTable, face_signals, read_table
from facesdk.pack.writer import write_whole
from facesdk.types import Face
from tests.facesdk.fake_pack import face_landmarks, picture, write_fake_pack

COUNT = len(SIGNALS)


def _table(**changes: Any) -> TypicalTable:
    values = {
        "mean": np.zeros(COUNT), "precision": np.eye(COUNT), "distances": np.linspace(0.0, 20.0, 11), "faces": 99,
        "graphs": {"landmarks": "a"},
    }  # fmt: skip
    return TypicalTable(**{**values, **changes})


def _face(**changes: Any) -> Face:
    marks = 32 + 192 * face_landmarks()
    known = {"landmarks": marks, "visible": np.ones(68, np.float32), "presence": 0.9}
    return Face(np.array([32, 32, 224, 224], np.float32), 0.8, marks[:5], **{**known, **changes})


def test_share_falls_with_the_distance_and_is_never_nothing() -> None:
    table, away = _table(), np.zeros(COUNT)
    shares = []
    for step in (0.0, 1.0, 2.0, 4.0, 100.0):
        away[0] = step
        shares.append(table.share(away))
    # Squared distances 0, 1, 4, 16 of at most 20.
    assert shares == pytest.approx([1.0, 0.95, 0.8, 0.2, 0.01])


def test_table_survives_the_manifest() -> None:
    again = read_table({KEY: _table().document()}, {"landmarks": "a", "parser": "b"}, "p")
    assert again is not None and again.faces == 99
    np.testing.assert_array_equal(again.precision, np.eye(COUNT))
    assert read_table({}, {}, "older") is None


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"mean": [0.0]}, "holds"),
        ({"signals": ["sharpness"]}, "holds"),
        ({"distances": [0.0, float("nan")]}, "finite"),
        ({"distances": [2.0, 1.0]}, "does not belong"),
        ({"graphs": {"landmarks": "other"}}, "landmarks differ"),
        ({"graphs": None}, "damaged"),
        ({"faces": "many"}, "damaged"),
    ],
)
def test_faulty_tables_are_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(PackError, match=match):
        read_table({KEY: {**_table().document(), **change}}, {"landmarks": "a"}, "p")
    with pytest.raises(PackError, match="damaged"):
        read_table({KEY: 3}, {}, "p")


def test_signals_say_what_they_are_called() -> None:
    y, x = np.mgrid[0:256, 0:256]
    smooth = np.stack([60 + x // 4, 70 + y // 4, 90 + 0 * x], -1).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 12, smooth.shape)
    noisy = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    plain, loud, red = (
        dict(zip(SIGNALS, face_signals(image, _face())))  # type: ignore[arg-type]
        for image in (smooth, noisy, smooth + np.array([60, 0, 0], np.uint8))
    )
    assert all(loud[name] > plain[name] for name in ("sharpness", "edges", "grain", "noise"))
    assert red["red_green"] == pytest.approx(plain["red_green"] + 60 / 16) and red["blue_green"] == plain["blue_green"]
    assert (plain["score"], plain["visible"]) == (pytest.approx(0.8), 1.0)
    sure = face_signals(smooth, _face(presence=1.0))
    assert sure is not None and np.isfinite(sure).all() and sure[0] > plain["presence"]


def test_without_presence_there_is_no_statement() -> None:
    assert face_signals(np.zeros((256, 256, 3), np.uint8), _face(presence=None)) is None


def test_analyzer_states_it_where_the_pack_has_a_table(tmp_path: Path) -> None:
    pack = write_fake_pack(tmp_path / "fake", presence=True)
    image = picture((256, 256), [(3, 3)])
    with FaceAnalyzer(pack, "onnxruntime") as analyzer:
        (face,) = analyzer.analyze(image)
        assert face.typical is None and face.presence is not None
        signals = face_signals(image, face)
    assert signals is not None
    manifest, family = pack.manifest, pack.manifest.family("faces")
    digests = {"landmarks": family.graphs["landmarks"].sha256}
    files = {file: pack.read(file) for file in manifest.listed()}
    for far, expected in ((0.0, 1.0), (50.0, 0.01)):
        table = _table(mean=signals + far, graphs=digests).document()
        families = {**manifest.families, "faces": replace(family, extra={**family.extra, KEY: table})}
        written = write_whole(tmp_path / f"with{far}", replace(manifest, families=families), files)
        with FaceAnalyzer(written, "onnxruntime") as analyzer:
            (face,) = analyzer.analyze(image)
        assert face.typical == pytest.approx(expected, abs=1e-3)
