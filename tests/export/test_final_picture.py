from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export import final_picture
from export.assemble import PackOptions, assemble
from export.families.by_name import untrained_family
from export.families.family import Family
from export.final_picture import FLOORS, HALF, SwapFeeds, final_parity, require_final, swap_pictures
from export.parity import ParityError
from export.rendered_faces import rendered_faces, rendered_points
from export.torch_graph import Floor
from facesdk.faces.align import TEMPLATES
from facesdk.pack import open_pack

F32 = np.ndarray


def echo(offset: float = 0.0, mask: bool = False):  # type: ignore[no-untyped-def]
    """Graphs whose swap is the target's picture, brightened by what the decoder adds."""

    def run(name: str, feeds: Mapping[str, F32]) -> dict[str, F32]:
        if name == "encoder":
            return {"codes": feeds["image"].mean((2, 3))[:, None], "feature_8": feeds["image"]}
        if name == "blending":
            return {"codes": feeds["codes_source"]}
        image = feeds["feature_8"] + np.float32(offset)
        # The mask lets the left half through.
        share = np.broadcast_to(np.arange(image.shape[-1]) < image.shape[-1] // 2, image[:, :1].shape)
        return {"image": image, **({"mask": share.astype(np.float32)} if mask else {})}

    return run


def test_faces_are_aligned_differ_and_are_the_same_every_time() -> None:
    faces = rendered_faces(2, 48)
    assert faces.shape == (2, 3, 48, 48) and faces.dtype == np.float32 and np.abs(faces).max() <= 1
    assert np.array_equal(faces, rendered_faces(2, 48)) and np.abs(faces[0] - faces[1]).mean() > 0.05


def test_points_are_those_of_the_rendered_faces() -> None:
    marks = rendered_points(2)
    assert marks.shape == (2, 68, 2) and marks.dtype == np.float32 and not np.array_equal(marks[0], marks[1])
    # Aligned: the eyes stand where the template has them.
    eyes = np.stack([marks[:, 36:42].mean(1), marks[:, 42:48].mean(1)], 1)
    np.testing.assert_allclose(eyes, np.broadcast_to(TEMPLATES["canon"][:2], (2, 2, 2)), atol=0.05)


def test_the_picture_is_put_into_the_target_where_the_mask_says() -> None:
    target = np.zeros((1, 3, 8, 8), np.float32)
    codes = np.zeros((1, 1, 3), np.float32)
    feeds = SwapFeeds(target, codes)
    picture = swap_pictures(echo(0.5, mask=True), ["feature_8"], feeds)
    assert np.all(picture[..., :4] == 0.5) and np.all(picture[..., 4:] == 0.0)
    assert np.all(swap_pictures(echo(0.5), ["feature_8"], feeds) == 0.5)


def test_the_psnr_is_that_of_the_final_picture() -> None:
    rows = final_parity(echo(), {"onnxruntime": echo(), HALF: echo(0.01)}, ["feature_8"], 32, faces=2)
    same, half = rows
    assert same.ok and math.isinf(same.psnr_db)
    faces = rendered_faces(2, 32)
    # An offset of 0.01 over the range of the reference.
    assert half.psnr_db == pytest.approx(20 * math.log10(np.ptp(faces) / 0.01), abs=0.1)
    assert half.ok and half.floor.psnr_db == 40.0
    require_final(rows)
    with pytest.raises(ParityError, match=r"fp16: 2\d\.\d dB, at least 40"):
        require_final(final_parity(echo(), {HALF: echo(0.1)}, ["feature_8"], 32, faces=2))


@pytest.fixture(scope="module")
def swap() -> Family:
    torch.set_num_threads(1)
    return untrained_family("style_swap", "tiny")


def test_an_export_measures_it_and_stops_below_the_floor(
    swap: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "pack"
    options = PackOptions(backends=("onnxruntime",))
    exported = assemble([swap], out, options)
    (decoder,) = [item for item in exported if item.final]
    assert decoder.graph.name == "decoder" and {row.backend for row in decoder.final} == {"onnxruntime", HALF}
    written = open_pack(out).manifest.training["final_picture"]
    assert written[HALF]["psnr_db"] >= 40.0
    monkeypatch.setattr(final_picture, "FLOORS", {**FLOORS, HALF: Floor(psnr_db=500.0)})
    before = (out / "manifest.json").read_bytes()
    # Tracing takes most of the time, and is not what is asked here.
    done = {item.graph.name: replace(item, final=()) for item in exported}
    monkeypatch.setattr("export.assemble.export_graph", lambda graph, options: done[graph.name])
    with pytest.raises(ParityError, match="final picture of a swap is below the floor"):
        assemble([swap], out, options)
    assert (out / "manifest.json").read_bytes() == before
