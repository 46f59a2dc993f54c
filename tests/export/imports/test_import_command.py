from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from export.__main__ import app
from facesdk.errors import InputError, PackError
from facesdk.pack import open_pack
from facesdk.settings import Settings
from tests.export.imports import stylegan_reference as reference
from tests.export.imports.test_recogniser_import import SMALL as SMALL_RECOGNISER
from tests.export.imports.test_recogniser_import import backbone
from train.models.faces.recogniser import PRESETS as RECOGNISERS
from train.models.style_swap import PRESETS

runner = CliRunner()
LICENCE = ("--licence", "CC-BY-NC-4.0", "--licence-url", "https://example.org/licence")


@pytest.fixture(autouse=True)
def small_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setitem(PRESETS, "small", reference.SMALL)
    monkeypatch.setitem(RECOGNISERS, "small", SMALL_RECOGNISER)


def _run(*arguments: object) -> str:
    result = runner.invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_an_imported_recogniser_is_exported_with_its_licence(tmp_path: Path) -> None:
    torch.save(backbone((1, 1, 1, 1)), tmp_path / "backbone.pth")
    run, out = tmp_path / "faces" / "recogniser", tmp_path / "pack"
    text = _run("import", tmp_path / "backbone.pth", "-o", run, "--preset", "small", "--name", "Glint", *LICENCE)
    assert "layer1.0.bn1.running_mean" in text and "body.layer1.0.bn1.running_mean" in text
    assert "CC-BY-NC-4.0, commercial use: no" in text
    _run("faces", "--weights", run.parent, "--preset", "small", "-o", out, "--backend", "onnxruntime")
    manifest = json.loads((out / "manifest.json").read_text())
    (origin,) = manifest["license"]["derived_from"]
    assert origin == {
        "name": "Glint", "spdx": "CC-BY-NC-4.0", "commercial_use": "no", "url": "https://example.org/licence",
    }  # fmt: skip
    assert manifest["license"]["commercial_use"] == "no"
    assert manifest["training"]["nets"]["recogniser"]["derived_from"][0]["file"] == "backbone.pth"
    card = (out / "MODEL_CARD.md").read_text()
    assert "Derived from Glint, under its own licence (CC-BY-NC-4.0, https://example.org/licence" in card
    assert "no pretrained network was used" not in card and "rendered people only" not in card
    assert open_pack(out).manifest.terms.commercial == "no"
    with pytest.raises(PackError, match="FACESDK_COMMERCIAL"):
        settings = Settings.from_environment()
        open_pack(out, type(settings)(**{**settings.__dict__, "commercial": True}))


def test_a_stylegan_is_accounted_for_in_a_table(tmp_path: Path) -> None:
    variables = {**reference.official_variables(), "mapping/[/red]": torch.ones(1).numpy()}
    file = reference.write_pickle(tmp_path / "gs.pkl", variables)
    text = _run("import", file, "-o", tmp_path / "run", "--preset", "small", *LICENCE)
    for name in (
        "mapping/[/red]",
        "synthesis/8x8/Conv0_up/weight",
        "mapping/Dense7/bias",
        "encoder.body.0.res_layer.1.weight",
    ):
        assert name in text
    account = json.loads((tmp_path / "run" / "coverage.json").read_text())
    counts = account["counts"]
    assert f"{counts['placed']} tensors placed, {counts['left']} left, {counts['unfilled']} of the network" in text
    assert str(tmp_path) not in (tmp_path / "run" / "preset.json").read_text() + json.dumps(account)


def test_without_a_licence_the_file_is_not_even_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--licence"):
        _run("import", tmp_path / "none.pt", "-o", tmp_path / "run")
    with pytest.raises(InputError, match="--licence-url is missing"):
        _run("import", tmp_path / "none.pt", "-o", tmp_path / "run", "--licence", "MIT")
    assert not list(tmp_path.iterdir())
