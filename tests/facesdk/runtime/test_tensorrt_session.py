"""TensorRT's session against a stand-in for it: recorded runs, one buffer for all engines, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesdk.errors import BackendError, OutOfMemoryError
from facesdk.pack import Pack
from facesdk.runtime import backend_rule, select, tensorrt_library, tensorrt_session
from facesdk.runtime.cuda_graph import MOST_GRAPHS, CudaGraphs
from facesdk.runtime.engine_cache import CachedEngine, EngineCache, EngineKey
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.engine_memory import DeviceMemory
from facesdk.runtime.seal import Seal
from facesdk.runtime.shared_activations import SharedActivations
from facesdk.runtime.tensorrt_library import tensorrt_version, version_fault
from facesdk.runtime.tensorrt_session import TensorrtSession
from facesdk.settings import Settings
from tests.facesdk.fake_gpu import Context, Host
from tests.facesdk.tiny_engine import tiny_engine
from tests.facesdk.tiny_pack import tiny_convolution

VERSION = "11.4.0.106"
ADA = Gpu("RTX 4060 Ti", "sm89", 16 << 30, "13.0")


class TensorRt:
    """The module, as far as a session calls it; keeps what it was given to deserialise."""

    ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    ProfilingVerbosity = SimpleNamespace(NONE="none")
    TensorIOMode = SimpleNamespace(INPUT="in")
    ILogger = type("ILogger", (), {})
    __version__ = VERSION

    def __init__(self, host: Host, need: int = 100) -> None:
        self.host, self.need = host, need
        self.contexts: list[Context] = []
        self.deserialised: list[bytes] = []

    def Runtime(self, logger: Any) -> Any:
        return SimpleNamespace(deserialize_cuda_engine=self._engine)

    def nptype(self, dtype: Any) -> Any:
        return np.dtype(dtype)

    def _engine(self, data: bytes) -> Any:
        self.deserialised.append(data)
        names = ("image", "edges")
        return SimpleNamespace(
            num_io_tensors=2,
            device_memory_size_v2=self.need,
            get_tensor_name=lambda index: names[index],
            get_tensor_mode=lambda name: "in" if name == "image" else "out",
            get_tensor_dtype=lambda name: "float32",
            create_execution_context=self._context,
        )

    def _context(self, strategy: str) -> Context:
        assert strategy == "user managed"
        self.contexts.append(Context(self.host))
        return self.contexts[-1]


def open_fake(pack: Pack, monkeypatch: pytest.MonkeyPatch, trt: TensorRt, shared: SharedActivations) -> TensorrtSession:
    monkeypatch.setattr(tensorrt_session, "import_tensorrt", lambda: trt)
    spec, memory = pack.graphs["faces.edges"], DeviceMemory(trt.host)
    return TensorrtSession("faces.edges", spec, tiny_engine(), b"engine", memory, shared)


def picture(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 3, 8, 16)).astype(np.float32)


def check(session: Any, batch: int, seed: int) -> None:
    image = picture(batch, seed)
    np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)


def test_runs_are_recorded_and_replayed_with_new_inputs(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    trt = TensorRt(host)
    session = open_fake(tiny_pack, monkeypatch, trt, SharedActivations())
    for seed in range(5):
        check(session, 4, seed)
    # Once as it is, once into the recording; from then on TensorRT is not called.
    assert trt.contexts[0].batches == [4, 4] and host.replays == 4 and session.backend == "tensorrt"
    check(session, 2, 9)
    check(session, 4, 10)
    assert trt.contexts[0].batches == [4, 4, 2] and host.replays == 5
    session.close()
    session.close()
    assert not host.held and not host.graphs
    with pytest.raises(BackendError, match="was closed"):
        session.run({"image": picture(1)})


def test_a_shape_is_recorded_only_right_after_a_run_of_it() -> None:
    host, runs = Host(), list[str]()
    graphs = CudaGraphs(host, 77)

    def run(key: str) -> None:
        assert graphs.run(key, lambda: runs.append(key) is None)

    for key in "abab":
        run(key)
    assert runs == ["a", "b", "a", "b"] and host.replays == 0
    run("b")
    assert host.replays == 1
    for number in range(MOST_GRAPHS):
        run(str(number))
    assert host.graphs == {}, "the oldest went"


def test_what_cannot_be_recorded_runs_as_it_is() -> None:
    host = Host()
    host.cudaStreamEndCapture = lambda stream, graph: 901  # type: ignore[method-assign]
    graphs, runs = CudaGraphs(host, 77), list[int]()
    for _ in range(3):
        assert graphs.run("a", lambda: runs.append(1) is None)
    # Two runs that count after the first: each after an attempt.
    assert len(runs) == 5 and host.replays == 0


def test_engines_share_one_buffer_as_large_as_the_largest(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host()
    shared = SharedActivations()
    small, large = TensorRt(host, 100), TensorRt(host, 5000)
    first = open_fake(tiny_pack, monkeypatch, small, shared)
    for seed in range(3):
        check(first, 1, seed)
    second = open_fake(tiny_pack, monkeypatch, large, shared)
    check(second, 1, 4)
    check(first, 1, 5)
    check(first, 1, 6)
    # The buffer grew: the first was told of its new place, and its recording was made anew.
    (small_first, small_then), (large_only,) = small.contexts[0].device_memory, large.contexts[0].device_memory
    assert small_first[1] == 100 and small_then == large_only and large_only[1] == 5000
    assert sum(len(buffer) == 5000 for buffer in host.held.values()) == 1
    first.close()
    assert any(len(buffer) == 5000 for buffer in host.held.values())
    second.close()
    assert not host.held


def test_no_room_for_the_activations_is_typed_and_the_others_go_on(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(room_bytes=100_000)
    shared = SharedActivations()
    small = open_fake(tiny_pack, monkeypatch, TensorRt(host, 100), shared)
    large = open_fake(tiny_pack, monkeypatch, TensorRt(host, 200_000), shared)
    check(small, 1, 0)
    with pytest.raises(OutOfMemoryError, match="out of memory"):
        large.run({"image": picture(1)})
    check(small, 1, 1)


def test_versions() -> None:
    assert version_fault("10.13.3.9") == version_fault("11.4.0.106") == ""
    for wrong in ("10.12.0.36", "8.6.1", "12.0.0"):
        assert f"TensorRT {wrong} is installed, 10.13 to 11.x expected" in version_fault(wrong)
    assert "facesdk[tensorrt]" in version_fault(None)


def test_a_wrong_or_missing_tensorrt_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in (None, "8.6.1"):
        monkeypatch.setattr(tensorrt_library, "tensorrt_version", lambda version=version: version)
        tensorrt_library.import_tensorrt.cache_clear()
        with pytest.raises(BackendError, match=r"TensorRT( 8.6.1)? is (not )?installed"):
            tensorrt_library.import_tensorrt()


def test_the_rule_takes_the_engine_that_this_machine_built(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    settings = Settings.from_environment()
    host = Host()
    trt, spec = TensorRt(host), tiny_pack.graphs["faces.edges"]
    for module in (backend_rule, select):
        monkeypatch.setattr(module, "tensorrt_version", lambda: VERSION)
    monkeypatch.setattr(backend_rule, "read_gpu", lambda: ADA)
    monkeypatch.setattr(tensorrt_session, "import_tensorrt", lambda: trt)
    monkeypatch.setattr(tensorrt_session, "load_cuda_runtime", lambda: host)
    with pytest.raises(BackendError, match=r"built no engine of it for RTX 4060 Ti(.|\n)*--target tensorrt"):
        select.open_session(tiny_pack, "faces", "edges", "tensorrt")
    assert select.resolve_backend("auto", spec, settings) not in ("tensorrt", "tensorrt-rtx")
    profile = {"batch": (1, 1, 4), "height": (8, 16, 32), "width": (8, 16, 32)}
    key = EngineKey.here(spec.sha256, ADA, VERSION, profile)
    path = EngineCache.of(settings).store(CachedEngine(key, b"built here", 10, 20))
    session = select.open_session(tiny_pack, "faces", "edges")
    check(session, 6, 3)
    assert session.backend == "tensorrt" and trt.deserialised == [b"built here"]
    session.close()
    # Of another installation: not loaded, said, and the graph runs elsewhere.
    Seal(tmp_path / "other.key").write(path, b"evil")
    session = select.open_session(tiny_pack, "faces", "edges")
    assert session.backend != "tensorrt" and trt.deserialised == [b"built here"] and not path.exists()


def test_no_room_on_the_gpu_ends_on_the_cpu(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    host = Host(room_bytes=50)
    trt, spec = TensorRt(host), tiny_pack.graphs["faces.edges"]
    for module in (backend_rule, select):
        monkeypatch.setattr(module, "tensorrt_version", lambda: VERSION)
    monkeypatch.setattr(backend_rule, "read_gpu", lambda: ADA)
    monkeypatch.setattr(tensorrt_session, "import_tensorrt", lambda: trt)
    monkeypatch.setattr(tensorrt_session, "load_cuda_runtime", lambda: host)
    key = EngineKey.here(spec.sha256, ADA, VERSION, {"batch": (1, 1, 4)})
    EngineCache.of(Settings.from_environment()).store(CachedEngine(key, b"built here", 10, 20))
    session = select.open_session(tiny_pack, "faces", "edges", threads=1)
    assert session.backend == "tensorrt"
    image = picture(2)
    np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=0.05)
    assert session.backend != "tensorrt" and "batches of 1 from now on" in caplog.text
    asked = select.open_session(tiny_pack, "faces", "edges", "tensorrt", threads=1)
    with pytest.raises(OutOfMemoryError):
        asked.run({"image": image})


def test_an_engine_built_on_this_gpu_gives_what_the_graph_gives(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Built here for this GPU, in its process, and run from the cache."""
    gpu = read_gpu()
    missing = gpu if isinstance(gpu, str) else version_fault(tensorrt_version())
    if missing:
        if os.environ.get("FACESDK_REQUIRE_GPU") == "1":
            pytest.fail(f"FACESDK_REQUIRE_GPU=1: {missing}")
        pytest.skip(missing)
    assert isinstance(gpu, Gpu)
    export = pytest.importorskip("export.engine.store", reason="the export's packages are not installed")
    from export.engine.pack import EngineOptions
    from export.engine.to_engine import find_target

    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    cache = EngineCache.of(Settings.from_environment())
    options = EngineOptions(find_target("tensorrt"), (gpu.sm,), side_range=(8, 16, 32))
    (row,) = export.store_engines(tiny_pack, options, lambda name: lambda *step: None, cache, gpu)
    assert row.built.half_share >= 0.8
    session = select.open_session(tiny_pack, "faces", "edges", "tensorrt")
    for seed, batch in enumerate((1, 1, 1, 4, 7)):
        image = picture(batch, seed)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=0.02)
