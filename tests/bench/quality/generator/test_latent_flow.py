from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

import bench.__main__ as command
from bench.quality.generator.amounts import Amounts
from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.pictures import GeneratorSetOptions
from bench.quality.latent_flow import GeneratorQuality, measure_generator
from bench.report import BenchReport, Figure
from facesdk.errors import InputError, MediaError
from facesdk.pack import Pack
from facesdk.provenance.label import SOURCE_TYPES, read_label
from tests.bench.quality.generator.conftest import TINY_SET
from tests.facesdk.tiny_generator import SIDE
from train.data.attributes import SCORED, VOCABULARY

AMOUNTS = Amounts(samples=12, grid=8, asked=4, asked_grid=4, pairs=4, steps=(1, 2), solvers=("euler", "heun"))


def _classify(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.zeros((len(pictures), len(VOCABULARY.attributes)), np.float32)


@pytest.fixture(scope="module")
def quality(generator_pack: Pack, set_folder: Path, train_folder: Path, judge: JudgeFeatures) -> GeneratorQuality:
    return measure_generator(
        generator_pack,
        set_folder,
        [train_folder],
        TINY_SET,
        judge,
        _classify,
        AMOUNTS,
        backend="onnxruntime",
        workers=1,
    )


def test_the_figures_with_their_bounds(quality: GeneratorQuality) -> None:
    found = {figure.name: figure for figure in quality.report.figures}
    bounds = {name: (figure.must, figure.aim) for name, figure in found.items() if figure.must is not None}
    assert bounds == {
        "reconstruction: PSNR, whole crop": (19, 25),
        "reconstruction: SSIM, whole crop": (0.60, 0.80),
        "reconstruction: PSNR, face": (21, 25),
        "reconstruction: PSNR above that of PCA, whole crop": (1.5, None),
        "Frechet distance of samples over reconstructions', 8 steps": (2.0, 1.2),
        "attributes under guidance, mean of 10": (0.90, 0.98),
        "interpolation: largest jump over the mean jump": (1.6, 1.2),
    }
    assert all(figure.value is not None for name, figure in found.items() if "real pictures taken off" not in name)
    gain = found["reconstruction: PSNR above that of PCA, whole crop"].value
    own, linear = (found[f"reconstruction: PSNR, whole crop: {name}"].value for name in ("generator", "PCA"))
    assert gain == pytest.approx(own - linear)
    # As many principal components as numbers of the fake code, which keeps four cells: the linear code is better.
    assert linear > own > found["reconstruction: PSNR, whole crop: mean face"].value - 6
    # The classifier says "none of it" of everything: right for one of the two ends, and for one hair colour of six.
    assert found["attribute smile, samples"].value == 0.5
    assert found["attribute hair, samples"].value == pytest.approx(1 / 6)
    assert sum(name.endswith(", samples") for name in found) == len(SCORED)
    # The fake decoder is linear, so a path is as even as its slerp.
    assert 1 <= found["interpolation: largest jump over the mean jump"].value < 2


def test_the_sweep_has_every_setting(quality: GeneratorQuality) -> None:
    cells = quality.report.details["sweep"]
    assert [(c["solver"], c["steps"], c["evaluations"]) for c in cells] == [
        ("euler", 1, 1), ("euler", 2, 2), ("heun", 1, 2), ("heun", 2, 4),
    ]  # fmt: skip
    # Euler's method is exact for the fake flow, so its steps make the same faces; Heun's are others.
    assert cells[0]["frechet"] == pytest.approx(cells[1]["frechet"], rel=1e-3)
    assert cells[2]["frechet"] != pytest.approx(cells[0]["frechet"], rel=1e-3)
    assert all(c["ratio"] == pytest.approx(c["frechet"] / quality.report.details["sweep_floor"]) for c in cells)
    assert quality.sweep.row_count == 4 and "8 of each" in str(quality.sweep.title)
    Console(file=io.StringIO()).print(quality.sweep)


def test_pictures_and_plot(quality: GeneratorQuality, tmp_path: Path) -> None:
    assert set(quality.sheets) == {"reconstructions", "samples", "steps", "interpolations", "attributes"}
    for sheet in quality.sheets.values():
        assert sheet.dtype == np.uint8 and sheet.shape[1] > SIDE and sheet.std() > 1
    plot = np.asarray(Image.open(io.BytesIO(quality.plots["sweep"])).convert("RGB"))
    assert plot.shape[1] > 800 and plot.std() > 1
    quality.report.write(tmp_path / "out.json")
    settings = json.loads((tmp_path / "out.json").read_text())["settings"]
    assert settings["samples"] == 12 and settings["training_pictures"] == 32 and settings["identities"] == 4


def test_a_judge_that_sees_nothing_new_knows_copies(quality: GeneratorQuality) -> None:
    # Flat cells are nothing like a face: far from training, farther than unseen faces are.
    found = {figure.name: figure.value for figure in quality.report.figures}
    assert found["distance to the nearest training picture over unseen pictures'"] > 1
    assert found["samples nearer to training than 1 % of unseen pictures"] == 0


def test_what_cannot_be_compared_is_said_before_any_work(
    generator_pack: Pack, tmp_path: Path, train_folder: Path, judge: JudgeFeatures
) -> None:
    def measure(options: GeneratorSetOptions, amounts: Amounts) -> Callable[[], object]:
        return lambda: measure_generator(
            generator_pack, tmp_path, [train_folder], options, judge, _classify, amounts, backend="onnxruntime"
        )

    with pytest.raises(InputError, match="too few for two sets of 5000"):
        measure(TINY_SET, Amounts())()
    with pytest.raises(InputError, match="64 px"):
        measure(GeneratorSetOptions(("own",)), AMOUNTS)()
    with pytest.raises(InputError, match="samples=10, grid=20"):
        Amounts(samples=10, grid=20)
    assert list(tmp_path.iterdir()) == []


runner = CliRunner()


def _run(*arguments: object) -> str:
    result = runner.invoke(command.app, ["quality", "latent_flow", *(str(a) for a in arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_command_writes_table_json_labelled_sheets_and_plots(
    quality: GeneratorQuality,
    generator_pack: Pack,
    judge_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    report = BenchReport("Quality", [Figure("gain", 1.0, "dB", 1.5)])

    def measure(*arguments: object) -> GeneratorQuality:
        asked.extend(arguments)
        return GeneratorQuality(report, quality.sweep, {"samples": quality.sheets["samples"]}, quality.plots)

    monkeypatch.setattr("bench.quality.latent_flow.measure_generator", measure)
    monkeypatch.setattr("bench.quality.generator.attribute_scores.load_attribute_judge", lambda run: ("reads", run))
    options = ["--train", tmp_path / "a", "--train", tmp_path / "b", "--heads", "own", "--judge", judge_run]
    options += ["--samples", 40, "--attributes", tmp_path / "run", "--vae", tmp_path / "vae", "--sheets", tmp_path]
    text = _run("--pack", generator_pack.path, *options, "--json", tmp_path / "out.json")
    assert "1 of 1 musts are missed" in text and "Samples by solver" in text
    assert read_label((tmp_path / "samples.png").read_bytes()) == SOURCE_TYPES["generate"]
    assert (tmp_path / "sweep.png").read_bytes() == quality.plots["sweep"] and (tmp_path / "out.json").is_file()
    assert asked[2] == [tmp_path / "a", tmp_path / "b"] and asked[5] == ("reads", tmp_path / "run")
    assert asked[6] == Amounts(samples=40, grid=40) and asked[7] == tmp_path / "vae"


def test_a_folder_that_is_not_there_is_said_before_any_work(
    generator_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.quality.latent_flow.measure_generator", lambda *a: pytest.fail("measured all the same"))
    with pytest.raises(MediaError):
        _run("--pack", generator_pack.path, "--train", tmp_path, "--sheets", tmp_path / "none")
    with pytest.raises(InputError, match="no run found"):
        _run("--pack", generator_pack.path, "--train", tmp_path, "--heads", "own", "--attributes", tmp_path)
