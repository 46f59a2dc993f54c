"""The session of an engine: against a stand-in for the GPU here, against the GPU where there is one."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesdk.errors import BackendError, OutOfMemoryError, PackError
from facesdk.pack import Pack
from facesdk.runtime import engine_library, rtx_session
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.engine_library import rtx_version
from facesdk.runtime.engine_memory import DeviceMemory
from facesdk.runtime.rtx_session import RtxSession
from facesdk.runtime.seal import Seal
from facesdk.runtime.shared_activations import SharedActivations
from tests.facesdk.fake_gpu import Context, Host
from tests.facesdk.tiny_engine import ENGINE_BYTES, tiny_engine
from tests.facesdk.tiny_pack import tiny_convolution

needs_rtx = pytest.mark.skipif(rtx_version() is None, reason="TensorRT for RTX is not installed: facesdk[rtx]")


class Cache:
    def __init__(self) -> None:
        self.taken = b""

    def deserialize(self, data: bytes) -> bool:
        self.taken = data
        return data == b"kernels"

    def serialize(self) -> bytes:
        return b"kernels"


def stand_in(
    context: Context,
    cache: Cache,
    names: tuple[str, ...] = ("image", "edges"),
    loads: bool = True,
    need: int = 100,
) -> Any:
    strategies: list[str] = []
    config = SimpleNamespace(
        create_runtime_cache=lambda: cache,
        set_runtime_cache=lambda cache: True,
        set_execution_context_allocation_strategy=strategies.append,
    )

    def make_context(config: Any) -> Context:
        # Otherwise the context would take activations of its own.
        assert strategies == ["user managed"]
        return context

    engine = SimpleNamespace(
        num_io_tensors=len(names),
        device_memory_size_v2=need,
        get_tensor_name=lambda index: names[index],
        get_tensor_mode=lambda name: "in" if name == names[0] else "out",
        get_tensor_dtype=lambda name: "float32",
        create_runtime_config=lambda: config,
        create_execution_context=make_context,
    )
    return SimpleNamespace(
        __version__="1.7.1.116",
        ILogger=type("ILogger", (), {}),
        Runtime=lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda data: engine if loads else None),
        TensorIOMode=SimpleNamespace(INPUT="in"),
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="user managed"),
        CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
        nptype=lambda dtype: np.dtype(dtype),
    )


def open_stand_in(
    pack: Pack,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    host: Host,
    cache: tuple[Path, Seal] | None = None,
    shared: SharedActivations | None = None,
) -> RtxSession:
    monkeypatch.setattr(rtx_session, "import_rtx", lambda: module)
    spec, memory = pack.graphs["faces.edges"], DeviceMemory(host)
    return RtxSession("faces.edges", spec, tiny_engine(), ENGINE_BYTES, cache, memory, shared or SharedActivations())


def picture(batch: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(batch).uniform(-1, 1, (batch, 3, 8, side)).astype(np.float32)


def test_a_batch_above_the_profile_runs_in_pieces(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    context, host = Context(), Host()
    session = open_stand_in(tiny_pack, monkeypatch, stand_in(context, Cache()), host)
    for batch in (1, 10, 2):
        image = picture(batch)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    assert context.batches == [1, 4, 4, 2, 2] and session.backend == "tensorrt-rtx"
    # The activations, and one buffer for each tensor, as large as the largest piece.
    assert sorted(len(b) for b in host.held.values()) == [100, 4 * 3 * 8 * 16 * 4, 4 * 4 * 8 * 16 * 4]
    session.close()
    assert not host.held


def test_the_engines_of_a_swap_share_one_buffer_as_large_as_the_largest(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, shared = Host(), SharedActivations()
    contexts = Context(), Context(), Context()
    sessions = [
        open_stand_in(tiny_pack, monkeypatch, stand_in(context, Cache(), need=need), host, shared=shared)
        for context, need in zip(contexts, (300, 5000, 40), strict=True)
    ]
    for seed in range(3):
        for session in sessions:
            image = picture(1 + seed)
            np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    # The first was told of a new place when the second needed more; nobody is told twice of the same place.
    (first, moved), (second,), (third,) = (context.device_memory for context in contexts)
    assert first[1] == 300 and moved == second == third and second[1] == 5000
    assert sum(len(buffer) == 5000 for buffer in host.held.values()) == 1
    for session in sessions:
        session.close()
    assert not host.held


def test_no_room_for_the_activations_is_typed_and_the_others_go_on(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, shared = Host(room_bytes=100_000), SharedActivations()
    small, large = (
        open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), Cache(), need=need), host, shared=shared)
        for need in (100, 200_000)
    )
    small.run({"image": picture(1)})
    with pytest.raises(OutOfMemoryError, match="out of memory"):
        large.run({"image": picture(1)})
    np.testing.assert_allclose(small.run({"image": picture(1)})["edges"], tiny_convolution(picture(1)), atol=1e-6)


def test_sizes_outside_the_profile_are_an_error_with_a_cure(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), Cache()), Host())
    with pytest.raises(BackendError, match=r"built for width from 8 to 32, got 40(.|\n)*onnxruntime"):
        session.run({"image": picture(1, side=40)})


def test_no_room_is_a_typed_error(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(room_bytes=100)
    session = open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), Cache()), host)
    with pytest.raises(BackendError, match=r"out of memory(.|\n)*CPU backend"):
        session.run({"image": picture(1)})


def test_kernels_are_kept_once_and_taken_the_next_time(
    tiny_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, seal = tmp_path / "state" / "kernels.bin", Seal(tmp_path / "key")
    first, second, third = Cache(), Cache(), Cache()
    session = open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), first), Host(), (file, seal))
    assert not file.exists()
    session.run({"image": picture(1)})
    assert seal.read(file) == b"kernels" and list(file.parent.iterdir()) == [file]
    open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), second), Host(), (file, seal))
    assert second.taken == b"kernels"
    # What TensorRT refuses is made anew; what this installation did not write, TensorRT never sees.
    seal.write(file, b"of another driver")
    session = open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), Cache()), Host(), (file, seal))
    session.run({"image": picture(1)})
    assert seal.read(file) == b"kernels"
    file.write_bytes(b"kernels")
    open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), third), Host(), (file, seal))
    assert third.taken == b""


def test_an_engine_that_is_not_as_the_manifest_says(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="outputs are score; the manifest says edges"):
        open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), Cache(), ("image", "score")), Host())
    with pytest.raises(BackendError, match="the engine does not load"):
        open_stand_in(tiny_pack, monkeypatch, stand_in(Context(), Cache(), loads=False), Host())


def test_not_installed_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_library, "rtx_version", lambda: None)
    engine_library.import_rtx.cache_clear()
    try:
        with pytest.raises(BackendError, match=r"not installed(.|\n)*facesdk\[rtx\]"):
            engine_library.import_rtx()
    finally:
        engine_library.import_rtx.cache_clear()


@needs_rtx
def test_the_bindings_have_what_the_session_calls() -> None:
    """The stand-in above answers to these names; so must the real ones."""
    trt = engine_library.import_rtx()
    calls = {
        "Runtime": ("deserialize_cuda_engine",),
        "ICudaEngine": ("num_io_tensors", "get_tensor_name", "get_tensor_mode", "get_tensor_dtype",
                        "create_runtime_config", "create_execution_context", "device_memory_size_v2"),
        "IRuntimeConfig": ("create_runtime_cache", "set_runtime_cache", "cuda_graph_strategy",
                           "set_execution_context_allocation_strategy"),
        "IRuntimeCache": ("serialize", "deserialize"),
        "IExecutionContext": ("set_input_shape", "set_tensor_address", "infer_shapes", "get_tensor_shape",
                              "execute_async_v3", "set_device_memory"),
    }  # fmt: skip
    for name, attributes in calls.items():
        assert all(hasattr(getattr(trt, name), attribute) for attribute in attributes), name
    assert (
        trt.ExecutionContextAllocationStrategy.USER_MANAGED
        and trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        and trt.nptype(trt.float32) is np.float32
    )
    cuda = ctypes.CDLL(str(engine_library.find_library(engine_library.CUDA_STEM)))
    assert all(hasattr(cuda, name) for name in dir(Host) if name.startswith("cuda"))


@needs_rtx
def test_without_a_gpu_the_error_is_typed(tiny_pack: Pack) -> None:
    if isinstance(read_gpu(), Gpu):
        pytest.skip("there is a GPU")
    with pytest.raises(BackendError, match="CUDA: a stream failed"):
        RtxSession("faces.edges", tiny_pack.graphs["faces.edges"], tiny_engine(), ENGINE_BYTES)


def test_an_engine_on_the_gpu_gives_what_the_graph_gives(tiny_pack: Pack, tmp_path: Path) -> None:
    """Built here for this GPU, then run on it."""
    gpu = read_gpu()
    export = pytest.importorskip("export.engine.pack", reason="the export's packages are not installed")
    from export.engine.to_engine import find_target
    from facesdk.runtime.select import open_session

    missing = gpu if isinstance(gpu, str) else "" if rtx_version() else "TensorRT for RTX is not installed"
    if not missing and isinstance(gpu, Gpu) and gpu.sm not in find_target("rtx").gpus:
        pytest.skip(f"TensorRT for RTX has no kernels for {gpu.sm} ({gpu.name})")
    if missing:
        if os.environ.get("FACESDK_REQUIRE_GPU") == "1":
            pytest.fail(f"FACESDK_REQUIRE_GPU=1: {missing}")
        pytest.skip(str(missing))
    assert isinstance(gpu, Gpu)
    options = export.EngineOptions(find_target("rtx"), (gpu.sm,), side_range=(8, 16, 32))
    export.add_engines(tiny_pack, tmp_path / "built", options, lambda name: lambda *step: None)
    session = open_session(Pack(tmp_path / "built"), "faces", "edges")
    assert session.backend == "tensorrt-rtx"
    for batch in (1, 4, 7):
        image = picture(batch)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=0.02)
