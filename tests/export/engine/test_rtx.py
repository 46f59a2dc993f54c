"""Engines that are really built, of the smallest graph there is, for one GPU, on this CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.assemble import PackOptions, assemble
from export.engine import pack as engine_pack
from export.engine.graph import engine_graph
from export.engine.pack import EngineOptions, add_engines
from export.engine.rtx import RtxTarget, read_plan
from export.engine.to_engine import EngineLimits, EngineRequest, find_target
from facesdk.errors import BackendError, InputError, PackError
from facesdk.pack import Pack, open_pack
from facesdk.runtime.engine_library import rtx_version
from tests.export.conftest import GeneratorTraces

needs_rtx = pytest.mark.skipif(rtx_version() is None, reason="TensorRT for RTX is not installed: facesdk[rtx]")
KEY = "latent_flow.velocity"


@pytest.fixture(scope="module")
def pack_folder(generator: GeneratorTraces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The untrained tiny generator as a pack."""
    folder = tmp_path_factory.mktemp("packs") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.assemble.to_onnx", lambda graph: generator.model(graph.name))
        assemble([generator.family], folder, PackOptions("tiny", preset="tiny", backends=()))
    return folder


def _silent(name: str) -> Callable[[str, int, int], None]:
    return lambda phase, step, steps: None


@needs_rtx
def test_an_engine_is_built_without_a_gpu_and_goes_into_the_pack(pack_folder: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    before = open_pack(pack_folder)
    options = EngineOptions(find_target("rtx"), ("sm89",), graphs=(KEY,), limits=EngineLimits(4 << 30, 120.0))
    out = tmp_path / "out"
    (row,) = add_engines(before, out, options, lambda name: lambda phase, step, steps: seen.append(phase))
    after = open_pack(out)
    (engine,) = after.graphs[KEY].engines
    version = rtx_version()
    assert engine.file == f"engines/sm89-{version}/{KEY}.engine" and engine.version == version
    assert engine.gpus == ("sm89",) and engine.profile == {"batch": (1, 1, 4)}
    assert engine.graph_sha256 == after.graphs[KEY].sha256
    assert after.read(engine.file) == row.built.data and len(row.built.data) > 1000
    assert engine.weights_bytes > 0 and engine.activation_bytes > 0
    assert row.built.half_share == 1.0 and row.built.peak_bytes > 50_000_000 and "Building engine" in seen
    assert row.error is not None and 0 < row.error < 0.02
    # Whatever else the pack says is as it was.
    assert after.manifest.training == before.manifest.training and after.manifest.license_spdx == "Apache-2.0"
    assert set(after.manifest.listed()) - set(before.manifest.listed()) == {engine.file}

    # Engines of kept graphs survive another export; those of a graph that is exported anew would not fit it.
    assemble([], out, PackOptions(version="0.2.0", max_bytes=100_000_000))
    assert open_pack(out).graphs[KEY].engines == (engine,) and open_pack(out).verify() > 0


@needs_rtx
def test_a_graph_in_float32_is_refused(generator: GeneratorTraces) -> None:
    graph = generator.graphs["velocity"]
    request = EngineRequest(KEY, ("sm89",), {t.name: t.shape for t in graph.inputs}, {"batch": (1, 1, 2)})
    with pytest.raises(BackendError, match=r"0% of its products compute in float16, at least 80%"):
        RtxTarget().build(generator.model("velocity").SerializeToString(), request, lambda *step: None)
    with pytest.raises(BackendError, match="does not read the graph"):
        RtxTarget().build(b"no graph", request, lambda *step: None)


@needs_rtx
def test_a_build_over_its_limit_leaves_the_pack_as_it_was(pack_folder: Path, tmp_path: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in pack_folder.rglob("*")}
    options = EngineOptions(find_target("rtx"), ("sm89",), graphs=(KEY,), limits=EngineLimits(4 << 30, 0.2))
    with pytest.raises(BackendError, match="took longer than 0.2 s"):
        add_engines(open_pack(pack_folder), pack_folder, options, _silent)
    with pytest.raises(BackendError, match=r"at most 0\.03 GB"):
        small = EngineOptions(find_target("rtx"), ("sm89",), graphs=(KEY,), limits=EngineLimits(30_000_000, 60.0))
        add_engines(open_pack(pack_folder), tmp_path / "out", small, _silent)
    assert {path: path.stat().st_mtime_ns for path in pack_folder.rglob("*")} == files and not list(tmp_path.iterdir())


def test_wrong_wishes_are_refused_before_anything_is_built(
    pack_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_pack, "to_engine", lambda *a: pytest.fail("it was built"))
    monkeypatch.setattr(RtxTarget, "version", lambda self: "1")
    pack, rtx = open_pack(pack_folder), find_target("rtx")
    with pytest.raises(InputError, match="no graph latent_flow.other"):
        add_engines(pack, tmp_path / "o", EngineOptions(rtx, ("sm89",), graphs=("latent_flow.other",)), _silent)
    with pytest.raises(InputError, match="sm90 is none"):
        add_engines(pack, tmp_path / "o", EngineOptions(rtx, ("sm90",)), _silent)
    (tmp_path / "other").mkdir()
    with pytest.raises(PackError, match="exists already"):
        add_engines(pack, tmp_path / "other", EngineOptions(rtx, ("sm89",)), _silent)
    arguments = ["engine", "latent_flow", "--preset", "tiny", "-o", str(tmp_path / "o")]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError) and "either --weights or --random-weights" in str(result.exception)


def test_a_graph_that_float16_breaks_gets_no_engine(
    pack_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: bytes, precision: str) -> onnx.ModelProto:
        model = engine_graph(data, precision)
        for weight in model.graph.initializer:
            if len(weight.raw_data) > 512:
                weight.raw_data = bytes(len(weight.raw_data))
        return model

    monkeypatch.setattr(engine_pack, "engine_graph", broken)
    monkeypatch.setattr(RtxTarget, "version", lambda self: "1")
    with pytest.raises(PackError, match=r"velocity is off by .* at most 0.02(.|\n)*FP32_OPS"):
        add_engines(
            open_pack(pack_folder), tmp_path / "o", EngineOptions(find_target("rtx"), ("sm89",), graphs=(KEY,)), _silent
        )


def test_the_plan_is_read_from_the_log_or_missed() -> None:
    log = ["Max Scratch Memory: 5 bytes", "Total Activation Memory: 700 bytes", "Total Weights Memory: 42 bytes"]
    assert read_plan([*log, "Total Activation Memory: 900 bytes"], "g") == {
        "activation_bytes": 900,
        "weights_bytes": 42,
    }
    with pytest.raises(BackendError, match="does not say weights_bytes"):
        read_plan(log[:2], "g")


@needs_rtx
def test_the_commands(pack_folder: Path, tmp_path: Path) -> None:
    out, figures, plot = tmp_path / "out", tmp_path / "b.json", tmp_path / "b.png"
    runner = CliRunner()
    result = runner.invoke(app, ["engine", str(pack_folder), "-o", str(out), "--gpus", "sm86", "--graph", KEY])
    assert result.exit_code == 0, result.output
    assert "1 engines" in result.output and Pack(out).graphs[KEY].engines
    command = ["budget", str(out), "--batch", "1,4", "--json", str(figures)]
    result = runner.invoke(app, [*command, "--plot", str(plot)])
    assert result.exit_code == 0, result.output
    document = json.loads(figures.read_text())
    sources = {graph["graph"]: graph["source"] for graph in document["sets"][0]["graphs"]}
    assert sources[KEY] == "plan" and sources["latent_flow.decoder"] == "estimate" and document["ok"]
    assert plot.read_bytes()[:4] == b"\x89PNG" and not list(tmp_path.glob(".b.png*"))
    # The context alone is more than this GPU has.
    result = runner.invoke(app, [*command, "--vram", "0.3"])
    assert result.exit_code == 1 and "OVER" in result.output
    assert json.loads(figures.read_text())["ok"] is False
    assert isinstance(runner.invoke(app, ["budget", str(out), "--batch", "0"]).exception, InputError)


@needs_rtx
def test_more_graphs_join_the_pack_and_random_weights_join_no_trained_one(
    pack_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: GeneratorTraces
) -> None:
    out, runner = tmp_path / "out", CliRunner()
    halves = [replace(generator.family, graphs=tuple(g for g in generator.family.graphs if g.name == name))
              for name in ("encoder", "velocity")]  # fmt: skip
    monkeypatch.setattr("export.assemble.to_onnx", lambda graph: generator.model(graph.name))
    monkeypatch.setattr("export.engine.command.untrained_family", lambda name, preset: halves.pop(0))
    command = ["engine", "latent_flow", "--preset", "tiny", "--random-weights", "--gpus", "sm89", "-o", str(out)]
    for _ in range(2):
        result = runner.invoke(app, command)
        assert result.exit_code == 0, result.output
    pack = open_pack(out)
    assert {key for key, spec in pack.graphs.items() if spec.engines} == {"latent_flow.encoder", KEY}
    assert pack.name == "untrained-tiny" and pack.verify() > 0
    result = runner.invoke(app, [*command[:-1], str(pack_folder)])
    assert isinstance(result.exception, InputError) and "never go into one pack" in str(result.exception)
