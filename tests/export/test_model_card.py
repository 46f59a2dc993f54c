from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.model_card import model_card, read_quality
from facesdk.errors import InputError
from facesdk.pack import FamilySpec, TensorSpec
from facesdk.pack.writer import GraphContent, PackContent


def _content(**training: object) -> PackContent:
    tensor = TensorSpec("crop", "float32", ("batch", 3, 64, 64))
    parity = {"onnxruntime": {"mean_abs": 1.25e-5, "max_abs": 2e-4}}
    graph = GraphContent(b"x" * 1_500_000, (tensor,), (tensor,), "fp16-weights", parity)
    family = FamilySpec(("parse",), {}, {})
    return PackContent(
        "small", "1.2.3", "tiny", "Apache-2.0", {"faces": family}, {("faces", "parser"): graph}, {}, training
    )


def test_card_holds_what_the_pack_says() -> None:
    nets = {
        "parser": {
            "preset": "tiny", "step": 700, "seed": 9, "train": {"batch_size": 32, "learning_rate": 0.001},
            "metrics": {"iou": 0.91234}, "data": {"identities": 5000},
            "curve": [{"step": 0, "iou": 0.1}, {"step": 700, "iou": 0.91234}],
        }
    }  # fmt: skip
    figures = [
        {"name": "recall", "value": 0.5, "unit": "%", "must": 92, "aim": 99, "better": "higher", "ok": False},
        {"name": "speed", "value": 3, "unit": "ms", "must": None, "aim": None, "ok": None},
    ]
    text = model_card(_content(nets=nets, quality=[{"title": "faces", "figures": figures}]))
    assert text.startswith("# small 1.2.3\n")
    assert "| faces.parser | fp16-weights | 1.50 | `crop` (batch, 3, 64, 64) | `crop` (batch, 3, 64, 64) |" in text
    assert "| parser | tiny | 700 | 32 | 0.001 | 9 | iou 0.9123 |" in text
    assert "iou: 0.1 @ 0, 0.9123 @ 700" in text and '"identities": 5000' in text
    assert "| recall | 0.5 % | >= 92 | >= 99 | **no** |" in text
    assert "| speed | 3 ms |  |  |  |" in text
    assert "| faces.parser | onnxruntime | 1.25e-05 | 0.0002 |" in text
    assert "Apache-2.0" in text and "rendered people only" in text
    # The swap's limits belong to packs that swap.
    assert "Hair, ears" not in text


def test_card_says_what_was_not_measured() -> None:
    text = model_card(_content())
    assert "No record came with the weights." in text
    assert "Not measured for this pack." in text


def test_quality_files_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "style_swap.json"
    path.write_text(json.dumps({"figures": [{"name": "psnr", "value": 1.0}]}))
    assert read_quality([path])[0]["title"] == "style swap"
    for text, match in (("{", "cannot be read"), ("[]", "no list"), ('{"figures": [{"name": "x"}]}', "no list")):
        path.write_text(text)
        with pytest.raises(InputError, match=match):
            read_quality([path])
    with pytest.raises(InputError, match="cannot be read"):
        read_quality([tmp_path / "none.json"])


def test_figures_are_kept_with_six_digits_and_without_bounds_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    figures = [{"name": "ms", "value": 1 / 3, "must": None, "aim": 40.0}, {"name": "n", "value": 1234567, "ok": True}]
    path.write_text(json.dumps({"figures": figures}))
    assert read_quality([path])[0]["figures"] == [
        {"name": "ms", "value": 0.333333, "aim": 40.0},
        {"name": "n", "value": 1234567, "ok": True},
    ]


def test_card_says_which_networks_saw_photographs_of_nobody() -> None:
    nets = {"detector": {"data": {"photographs": [1200, 120]}}, "parser": {"data": {"photographs": [0, 0]}}, "vae": {}}
    text = model_card(_content(nets=nets))
    assert "Photographs that show nobody were in the training of: detector." in text
    assert "Photographs that show nobody" not in model_card(_content(nets={"parser": nets["parser"]}))
