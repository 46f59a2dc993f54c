"""ONNX Runtime's TensorRT provider: against a stand-in here, on a GPU where there is one."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesdk.errors import BackendError, OutOfMemoryError
from facesdk.pack import Pack
from facesdk.runtime import cuda_session, onnx_tensorrt_session, select
from facesdk.runtime.backend_rule import cuda_fault
from facesdk.runtime.cuda_session import PROVIDER as CUDA_PROVIDER
from facesdk.runtime.cuda_session import CudaOptions
from facesdk.runtime.onnx_tensorrt_session import (
    BACKEND,
    MOST_ROWS,
    PROVIDER,
    OnnxTensorrtSession,
    find_library,
    library_fault,
    linked_major,
)
from facesdk.runtime.tensorrt_library import tensorrt_version
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_convolution

BOTH = (PROVIDER, CUDA_PROVIDER, "CPUExecutionProvider")


class Value:
    """An array "on the GPU"."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def update_inplace(self, array: np.ndarray) -> None:
        self.array = array.copy()


class Binding:
    def __init__(self) -> None:
        self.inputs: dict[str, Value] = {}
        self.output = Value(np.empty(0))

    def bind_ortvalue_input(self, name: str, value: Value) -> None:
        self.inputs[name] = value

    def bind_output(self, name: str, device: str) -> None:
        assert device == "cuda"

    def bind_ortvalue_output(self, name: str, value: Value) -> None:
        self.output = value

    def get_outputs(self) -> list[Value]:
        return [self.output]

    def copy_outputs_to_cpu(self) -> list[np.ndarray]:
        return [self.output.array.copy()]


class Runtime:
    """An onnxruntime with both providers, whose sessions compute the tiny convolution."""

    RunOptions = SimpleNamespace
    OrtValue = SimpleNamespace(
        ortvalue_from_shape_and_type=lambda shape, kind, device, number: Value(np.empty(shape, kind))
    )

    def __init__(self, taken: tuple[str, ...] = BOTH, parts: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> None:
        self.taken, self.parts, self.error = list(taken), parts, ""
        self.providers: list[tuple[str, dict[str, str]]] = []
        self.batches: list[int] = []

    def SessionOptions(self) -> Any:
        return SimpleNamespace(add_session_config_entry=lambda key, value: None)

    def get_available_providers(self) -> list[str]:
        return list(BOTH)

    def preload_dlls(self, directory: str) -> None:
        pass

    def InferenceSession(self, graph: bytes, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
        if self.error:
            raise RuntimeError(self.error)
        self.providers = providers
        parts = [
            SimpleNamespace(ep_name=name, get_nodes=lambda ops=ops: [SimpleNamespace(op_type=op) for op in ops])
            for name, ops in self.parts
        ]
        return SimpleNamespace(
            disable_fallback=lambda: None,
            get_providers=lambda: self.taken,
            get_provider_graph_assignment_info=lambda: parts,
            get_inputs=lambda: [SimpleNamespace(name="image")],
            get_outputs=lambda: [SimpleNamespace(name="edges")],
            io_binding=Binding,
            run_with_iobinding=self._run,
        )

    def _run(self, binding: Binding, options: Any) -> None:
        image = binding.inputs["image"].array
        self.batches.append(len(image))
        binding.output.array = tiny_convolution(image)


@pytest.fixture
def opened(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Opens the tiny graph in a stand-in, with sides that are fixed or free."""

    def make(runtime: Runtime, options: CudaOptions | None = None, fixed: bool = True) -> OnnxTensorrtSession:
        library = tmp_path / "provider.so"
        library.write_bytes(b"\0libnvonnxparser.so.10\0libnvinfer.so.10\0")
        monkeypatch.setattr(cuda_session, "import_onnxruntime", lambda: runtime)
        monkeypatch.setattr(onnx_tensorrt_session, "find_library", lambda: library)
        monkeypatch.setattr(onnx_tensorrt_session, "tensorrt_version", lambda: "10.13.3.9")
        monkeypatch.setattr(onnx_tensorrt_session, "import_tensorrt", lambda: None)
        spec = tiny_pack.graphs["faces.edges"]
        if fixed:
            sides = {"height": 8, "width": 16}
            inputs, outputs = (
                tuple(type(t)(t.name, t.dtype, tuple(sides.get(str(d), d) for d in t.shape)) for t in tensors)
                for tensors in (spec.inputs, spec.outputs)
            )
            spec = type(spec)(**{**vars(spec), "inputs": inputs, "outputs": outputs})
        return OnnxTensorrtSession("faces.edges", spec, tiny_pack.graph("faces", "edges"), options)

    return make


def picture(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 3, 8, 16)).astype(np.float32)


def test_batches_above_its_profile_run_in_pieces(opened: Any) -> None:
    runtime = Runtime()
    session = opened(runtime)
    for seed, batch in enumerate((1, 10, 3)):
        image = picture(batch, seed)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    assert set(runtime.batches) == {1, 2, 3, MOST_ROWS} and session.backend == BACKEND
    session.close()
    with pytest.raises(BackendError, match="was closed"):
        session.run({"image": picture(1)})


def test_free_sides_are_left_to_the_provider(opened: Any) -> None:
    runtime = Runtime()
    session = opened(runtime, fixed=False)
    image = picture(9)
    np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    assert set(runtime.batches) == {9} and not any("profile" in key for key in runtime.providers[0][1])


def test_its_options_and_no_file_of_engines(opened: Any) -> None:
    runtime = Runtime()
    opened(runtime, CudaOptions(graph=True, memory_bytes=800))
    (first, tensorrt), (second, cuda) = runtime.providers
    assert (first, second) == (PROVIDER, CUDA_PROVIDER)
    assert tensorrt["trt_engine_cache_enable"] == tensorrt["trt_timing_cache_enable"] == "0"
    assert tensorrt["trt_profile_min_shapes"] == "image:1x3x8x16"
    assert tensorrt["trt_profile_max_shapes"] == f"image:{MOST_ROWS}x3x8x16"
    assert tensorrt["trt_max_workspace_size"] == cuda["gpu_mem_limit"] == "400" and "enable_cuda_graph" not in cuda


def test_products_on_the_cpu_are_refused_and_on_cuda_are_not(opened: Any) -> None:
    opened(Runtime(parts=((PROVIDER, ("Conv",)), (CUDA_PROVIDER, ("MatMul",)), ("CPUExecutionProvider", ("Shape",)))))
    with pytest.raises(BackendError, match=r"would run 1 Conv on the CPU, and not in TensorrtExecutionProvider"):
        opened(Runtime(parts=((PROVIDER, ("Conv",)), ("CPUExecutionProvider", ("Conv",)))))
    with pytest.raises(BackendError, match="onnxruntime took CUDAExecutionProvider, CPUExecutionProvider instead"):
        opened(Runtime(taken=BOTH[1:]))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("TensorRT EP failed to create engine from network", BackendError),
        ("TensorRT EP: CUDA error: out of memory", OutOfMemoryError),
    ],
)
def test_errors_are_told_apart(opened: Any, text: str, kind: type) -> None:
    runtime = Runtime()
    runtime.error = text
    with pytest.raises(BackendError) as caught:
        opened(runtime)
    assert type(caught.value) is kind


def test_only_the_tensorrt_that_it_was_built_for(tmp_path: Path) -> None:
    library = tmp_path / "provider.so"
    for content, major in (
        (b"x" * 5000 + b"libnvinfer.so.10\0", 10),
        (b"\0nvinfer_11.dll", 11),
        (b"none", None),
        (b"", None),
    ):
        library.write_bytes(content)
        assert linked_major(library) == major
    library.write_bytes(b"libnvinfer.so.10")
    assert library_fault(library, "10.13.3.9") == ""
    assert "built for TensorRT 10, and 11.4.0.106 is installed" in library_fault(library, "11.4.0.106")
    assert "TensorRT 10, which this onnxruntime was built for, is not installed" in library_fault(library, None)
    assert "has no TensorrtExecutionProvider" in library_fault(None, "10.13.3.9")


def test_it_is_taken_by_its_name_only(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    spec = tiny_pack.graphs["faces.edges"]
    assert select.resolve_backend(BACKEND, spec, Settings()) == BACKEND
    assert BACKEND not in select.available_backends() and select.resolve_backend("auto", spec, Settings()) != BACKEND
    monkeypatch.setattr(onnx_tensorrt_session, "find_library", lambda: None)
    with pytest.raises(BackendError, match=r"'onnxruntime-tensorrt' was asked for(.|\n)*facesdk\[cuda\]"):
        select.open_session(tiny_pack, "faces", "edges", BACKEND)


def test_on_a_gpu_it_gives_what_the_graph_gives(tiny_pack: Pack) -> None:
    missing = cuda_fault()
    if missing and os.environ.get("FACESDK_REQUIRE_GPU") == "1":
        pytest.fail(f"FACESDK_REQUIRE_GPU=1: {missing}")
    # A machine with a GPU may well have the other TensorRT, or none.
    missing = missing or library_fault(find_library(), tensorrt_version())
    if missing:
        pytest.skip(missing)
    session = select.open_session(tiny_pack, "faces", "edges", BACKEND)
    for seed, batch in enumerate((1, 1, 4, 7)):
        image = picture(batch, seed)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=5e-3)
