"""TensorRT's builder against a stand-in for it: what it is told, what is read of its engine, and where that goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.engine import command as engine_command
from export.engine import pack as engine_pack
from export.engine import store as engine_store
from export.engine import tensorrt as engine_tensorrt
from export.engine.inspector import half_layers, read_layer_types
from export.engine.pack import EngineOptions
from export.engine.store import store_engines
from export.engine.tensorrt import TensorrtTarget, TimingCache
from export.engine.to_engine import BuiltEngine, EngineRequest, find_target
from facesdk.errors import BackendError, InputError
from facesdk.pack import Pack
from facesdk.runtime.engine_cache import EngineCache
from facesdk.runtime.engine_device import Gpu
from facesdk.runtime.seal import Seal
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_content, tiny_pack

__all__ = ["tiny_content", "tiny_pack"]
# Put together in the form that public logs of TensorRT 10's inspector have; no TensorRT ran where this was written.
INSPECTED = (Path(__file__).parent / "inspector.json").read_text()
ADA = Gpu("RTX 4060 Ti", "sm89", 16 << 30, "13.0")
VERSION = "11.4.0.106"
REQUEST = EngineRequest("faces.edges", ("sm89",), {"image": ("batch", 3, 8, 8)}, {"batch": (1, 2, 4)})


def test_the_share_of_half_layers_is_read() -> None:
    types = read_layer_types(INSPECTED, "g")
    # Two convolutions by their weights, a fused layer, a product in older words; one in float; moves not at all.
    assert types == {"half": 4, "float": 1, "int32": 1} and half_layers(types) == 0.8
    assert half_layers({}) == 1.0 and half_layers({"float": 3}) == 0.0


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"Layers": ["conv", "relu"]}', '{"Layers": []}', "null"])
def test_an_inspector_that_says_nothing_is_an_error(text: str) -> None:
    with pytest.raises(BackendError, match="g: the engine inspector"):
        read_layer_types(text, "g")


class TensorRt:
    """The module, as far as the builder calls it; keeps what it was told."""

    __version__ = VERSION
    ILogger = type("ILogger", (), {"__init__": lambda self: None})
    IProgressMonitor = type("IProgressMonitor", (), {"__init__": lambda self: None})
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
    ProfilingVerbosity = SimpleNamespace(DETAILED="detailed")
    LayerInformationFormat = SimpleNamespace(JSON="json")

    def __init__(self, inspected: str = INSPECTED, reads: bool = True) -> None:
        self.inspected, self.reads = inspected, reads
        self.flags, self.timings, self.shapes = 0, list[bytes](), dict[str, tuple[int, ...]]()
        self.config: Any = None
        self.profile: tuple[Any, ...] = ()

    def Builder(self, logger: Any) -> Any:
        def create_network(flags: int) -> Any:
            self.flags = flags
            return SimpleNamespace(num_inputs=1, get_input=lambda index: SimpleNamespace(name="image"))

        def set_shape(name: str, *shapes: tuple[int, ...]) -> None:
            self.profile = (name, *shapes)

        def create_timing_cache(data: bytes) -> Any:
            self.timings.append(data)
            return SimpleNamespace(serialize=lambda: data + b"+1")

        def set_timing_cache(cache: Any, ignore_mismatch: bool) -> None:
            assert ignore_mismatch is False
            self.cache = cache

        self.config = SimpleNamespace(
            set_memory_pool_limit=lambda pool, size: None,
            add_optimization_profile=lambda profile: None,
            create_timing_cache=create_timing_cache,
            set_timing_cache=set_timing_cache,
            get_timing_cache=lambda: self.cache,
        )
        return SimpleNamespace(
            create_network=create_network,
            create_builder_config=lambda: self.config,
            create_optimization_profile=lambda: SimpleNamespace(set_shape=set_shape),
            build_serialized_network=lambda network, config: b"plan",
        )

    def OnnxParser(self, network: Any, logger: Any) -> Any:
        error = SimpleNamespace(desc=lambda: "no such operator")
        return SimpleNamespace(parse=lambda model: self.reads, num_errors=1, get_error=lambda index: error)

    def Runtime(self, logger: Any) -> Any:
        inspector = SimpleNamespace(get_engine_information=lambda form: self.inspected)
        context = SimpleNamespace(set_input_shape=self.shapes.__setitem__)
        engine = SimpleNamespace(
            create_execution_context=lambda: context,
            create_engine_inspector=lambda: inspector,
            device_memory_size_v2=777,
        )
        return SimpleNamespace(deserialize_cuda_engine=lambda data: engine)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(engine_tensorrt, "read_gpu", lambda: ADA)
    return Settings.from_environment()


def use(monkeypatch: pytest.MonkeyPatch, trt: TensorRt) -> TensorRt:
    monkeypatch.setattr(engine_tensorrt, "import_tensorrt", lambda: trt)
    return trt


def build(seen: list[str] | None = None) -> BuiltEngine:
    return TensorrtTarget().build(b"onnx", REQUEST, lambda phase, step, steps: (seen or []).append(phase))


def test_a_build_is_strongly_typed_and_inspected(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = use(monkeypatch, TensorRt())
    built = build()
    assert trt.flags == 1 << 1 and trt.config.profiling_verbosity == "detailed"
    # No flag for float16 is set anywhere: the graph's own types say it.
    assert not hasattr(trt.config, "set_flag") and not hasattr(trt.config, "flags")
    assert trt.profile == ("image", (1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8)) and trt.shapes == {"image": (2, 3, 8, 8)}
    assert (built.data, built.version, built.half_share) == (b"plan", VERSION, 0.8)
    assert (built.weights_bytes, built.activation_bytes) == (len(b"plan"), 777)


def test_timings_are_kept_for_the_next_build_under_seal(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = use(monkeypatch, TensorRt())
    build()
    build()
    (file,) = (home.state_folder / "timings").iterdir()
    assert trt.timings == [b"", b"+1"] and Seal.of(home).read(file) == b"+1+1"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    build()
    assert trt.timings[-1] == b""
    other = TimingCache(home, replace(ADA, name="RTX/4090"), VERSION)
    other.give(trt.config)
    assert trt.timings[-1] == b""


def test_too_few_half_layers_fail_the_build(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(INSPECTED)
    document["Layers"][3]["Outputs"][0]["Format/Datatype"] = "Float"
    use(monkeypatch, TensorRt(json.dumps(document)))
    with pytest.raises(BackendError, match="60% of its layers compute in float16, at least 80%"):
        build()
    use(monkeypatch, TensorRt(reads=False))
    with pytest.raises(BackendError, match="does not read the graph: no such operator"):
        build()


def test_without_a_gpu_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_tensorrt, "read_gpu", lambda: "no NVIDIA driver")
    target = find_target("tensorrt")
    assert target.local and not find_target("rtx").local
    with pytest.raises(BackendError, match=r"no NVIDIA driver(.|\n)*--target rtx"):
        _ = target.gpus


def _silent(name: str) -> Callable[[str, int, int], None]:
    return lambda phase, step, steps: None


@pytest.fixture
def built_here(home: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Builds of the target come from here, and not from another process."""
    names: list[str] = []

    def fake(model: Any, request: EngineRequest, *rest: Any) -> BuiltEngine:
        names.append(request.name)
        return BuiltEngine(b"engine of " + request.name.encode(), VERSION, 10, 20, 1.0, 0.5)

    monkeypatch.setattr(engine_pack, "to_engine", fake)
    use(monkeypatch, TensorRt())
    return names


def test_engines_go_into_the_cache_and_not_into_the_pack(
    built_here: list[str], home: Settings, tiny_pack: Pack
) -> None:
    pytest.importorskip("onnxruntime")
    files = {path: path.stat().st_mtime_ns for path in tiny_pack.path.rglob("*")}
    options = EngineOptions(find_target("tensorrt"), ("sm89",), side_range=(8, 16, 32))
    (row,) = store_engines(tiny_pack, options, _silent, EngineCache.of(home), ADA)
    found = EngineCache.of(home).find(tiny_pack.graphs["faces.edges"].sha256, ADA, VERSION)
    assert found is not None and found.data == b"engine of faces.edges" and row.error is not None
    assert found.key.profile == {"batch": (1, 1, 4), "height": (8, 16, 32), "width": (8, 16, 32)}
    assert {path: path.stat().st_mtime_ns for path in tiny_pack.path.rglob("*")} == files
    with pytest.raises(InputError, match="sm120 is none that tensorrt builds for"):
        store_engines(tiny_pack, replace(options, gpus=("sm120",)), _silent, EngineCache.of(home), ADA)


def test_the_command(built_here: list[str], home: Settings, tiny_pack: Pack, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    runner, pack = CliRunner(), str(tiny_pack.path)
    # The tests' packs are signed by the key of another home.
    command = ["engine", pack, "--target", "tensorrt"]
    for wrong in (["-o", str(tmp_path / "o")], ["--random-weights"]):
        result = runner.invoke(app, [*command, *wrong])
        assert isinstance(result.exception, InputError) and "run on this machine alone" in str(result.exception)
    result = runner.invoke(app, ["engine", pack])
    assert isinstance(result.exception, (InputError, BackendError))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_command, "open_pack", lambda name: tiny_pack)
        result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "1 engines, for this machine" in result.output and built_here == ["faces.edges"]
    assert len(list((home.state_folder / "engines").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_a_typed_error(
    built_here: list[str], home: Settings, tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")

    def full(self: Any, engine: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine_store.EngineCache, "store", full)
    options = EngineOptions(find_target("tensorrt"), ("sm89",), side_range=(8, 16, 32))
    with pytest.raises(BackendError, match="cannot be kept: .*No space left"):
        store_engines(tiny_pack, options, _silent, EngineCache.of(home), ADA)
