"""How far a pack's mask may reach is the manifest's word."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facesdk.faces.analyze import FaceAnalyzer
from facesdk.pack import open_pack
from facesdk.pipelines.style_swap import StyleSwapPipeline
from tests.facesdk.fake_pack import face_landmarks, write_fake_pack
from tests.facesdk.signing import sign_again


@pytest.mark.parametrize(("reach", "whole"), [("head", True), ("face", False), (None, False)])
def test_reach(tmp_path: Path, reach: str | None, whole: bool) -> None:
    folder = tmp_path / "pack"
    write_fake_pack(folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    if reach is not None:
        manifest["families"]["style_swap"]["preprocessing"]["mask"] = {"reach": reach}
    path.write_text(json.dumps(manifest))
    sign_again(folder)
    pipeline = StyleSwapPipeline(open_pack(folder), FaceAnalyzer(folder).parser)
    outline = pipeline._outline(np.eye(2, 3, dtype=np.float32), face_landmarks() * pipeline.size)
    assert bool((outline == 1).all()) is whole
