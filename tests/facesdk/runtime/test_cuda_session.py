"""ONNX Runtime's session for GPUs: its way of running on the CPU's memory here, on a GPU where there is one."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facesdk.errors import BackendError, OutOfMemoryError, PackError
from facesdk.pack import Pack
from facesdk.runtime import backend_rule, cuda_session, select
from facesdk.runtime.backend_rule import cuda_fault
from facesdk.runtime.cuda_session import MOST_SHAPES, PROVIDER, CudaOptions, CudaSession
from facesdk.runtime.engine_device import Gpu
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_convolution

pytest.importorskip("onnxruntime")
ADA = Gpu("RTX 4060 Ti", "sm89", 16 << 30, "13.0")


class HostSession(CudaSession):
    """The same code over the provider and the memory that every machine has."""

    provider = "CPUExecutionProvider"
    device = "cpu"

    def _provider_options(self) -> dict[str, str]:
        return {}


class Stand:
    """An onnxruntime with a CUDA provider, whose sessions are what a test says."""

    SessionOptions = SimpleNamespace

    def __init__(self, taken: tuple[str, ...], parts: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> None:
        self.taken, self.parts, self.error = list(taken), parts, ""
        self.options: dict[str, str] = {}

    def get_available_providers(self) -> list[str]:
        return [PROVIDER, "CPUExecutionProvider"]

    def preload_dlls(self, directory: str) -> None:
        print("cuDNN was not found")

    def InferenceSession(self, graph: bytes, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
        if self.error:
            raise RuntimeError(self.error)
        ((_, self.options),) = providers
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
        )


class Options:
    def add_session_config_entry(self, key: str, value: str) -> None:
        assert (key, value) == ("session.record_ep_graph_assignment_info", "1")


def open_stand(pack: Pack, monkeypatch: pytest.MonkeyPatch, stand: Stand, options: CudaOptions | None = None) -> None:
    stand.SessionOptions = Options  # type: ignore[assignment]
    monkeypatch.setattr(cuda_session, "import_onnxruntime", lambda: stand)
    CudaSession("faces.edges", pack.graphs["faces.edges"], pack.graph("faces", "edges"), options)


def picture(batch: int, side: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 3, 8, side)).astype(np.float32)


def test_bound_buffers_give_right_results_shape_after_shape(tiny_pack: Pack) -> None:
    session = HostSession("faces.edges", tiny_pack.graphs["faces.edges"], tiny_pack.graph("faces", "edges"))
    kept = []
    for seed, (batch, side) in enumerate([(1, 16), (3, 16), (1, 16), (1, 10), (2, 9), (5, 4), (1, 16), (3, 16)]):
        image = picture(batch, side, seed)
        out = session.run({"image": image})["edges"]
        kept.append((image, out))
        assert len(session._bound) <= MOST_SHAPES
    # What was given away is the caller's own: later runs did not write into it.
    for image, out in kept:
        np.testing.assert_allclose(out, tiny_convolution(image), atol=2e-6)
    session.close()
    with pytest.raises(BackendError, match="was closed"):
        session.run({"image": picture(1)})


def test_a_graph_that_cannot_be_loaded_is_the_packs_fault(tiny_pack: Pack) -> None:
    with pytest.raises(PackError, match="cannot load the graph"):
        HostSession("faces.edges", tiny_pack.graphs["faces.edges"], tiny_pack.graph("faces", "edges")[:60])


def test_without_the_provider_it_is_refused(tiny_pack: Pack) -> None:
    import onnxruntime

    if PROVIDER in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has the CUDA provider")
    with pytest.raises(BackendError, match=r"has no CUDAExecutionProvider(.|\n)*facesdk\[cuda\]"):
        select.open_session(tiny_pack, "faces", "edges", "onnxruntime-cuda")


def test_falling_back_to_the_cpu_is_refused(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError, match=r"onnxruntime took CPUExecutionProvider instead(.|\n)*cuDNN"):
        open_stand(tiny_pack, monkeypatch, Stand(("CPUExecutionProvider",)))
    parts = ((PROVIDER, ("Conv", "Relu")), ("CPUExecutionProvider", ("Conv", "Shape", "MatMul", "Conv")))
    with pytest.raises(BackendError, match=r"would run 2 Conv, 1 MatMul on the CPU"):
        open_stand(tiny_pack, monkeypatch, Stand((PROVIDER, "CPUExecutionProvider"), parts))


def test_its_options_reach_the_provider(
    tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand = Stand((PROVIDER, "CPUExecutionProvider"), ((PROVIDER, ("Conv",)), ("CPUExecutionProvider", ("Shape",))))
    open_stand(tiny_pack, monkeypatch, stand, CudaOptions(graph=True, memory_bytes=700))
    assert stand.options["enable_cuda_graph"] == "1" and stand.options["gpu_mem_limit"] == "700"
    open_stand(tiny_pack, monkeypatch, stand)
    assert not {"enable_cuda_graph", "gpu_mem_limit"} & set(stand.options)
    # What its loader prints does not get among what a command prints.
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Failed to allocate memory for requested buffer of size 123", OutOfMemoryError),
        ("CUDA failure 2: out of memory ; GPU=0", OutOfMemoryError),
        ("CUBLAS_STATUS_ALLOC_FAILED", OutOfMemoryError),
        ("CUDA failure 35: CUDA driver version is insufficient", BackendError),
        ("This is an invalid model", PackError),
    ],
)
def test_errors_are_told_apart(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, text: str, kind: type) -> None:
    stand = Stand((PROVIDER,))
    stand.error = text
    with pytest.raises(kind) as caught:
        open_stand(tiny_pack, monkeypatch, stand)
    assert type(caught.value) is kind


def test_auto_takes_it_where_the_wheel_and_a_gpu_are(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny_pack.graphs["faces.edges"]
    monkeypatch.setattr(backend_rule, "read_gpu", lambda: ADA)
    assert cuda_fault() == "onnxruntime-gpu is not installed"
    assert select.resolve_backend("auto", spec, Settings()) != "onnxruntime-cuda"
    monkeypatch.setattr(backend_rule.importlib.metadata, "version", lambda name: "1.31.1")
    monkeypatch.setattr(backend_rule, "tensorrt_version", lambda: None)
    assert select.resolve_backend("auto", spec, Settings()) == "onnxruntime-cuda"
    assert select.available_backends()[0] == "onnxruntime-cuda"
    monkeypatch.setattr(backend_rule, "read_gpu", lambda: "no NVIDIA driver")
    assert select.resolve_backend("auto", spec, Settings()) != "onnxruntime-cuda"


@pytest.mark.parametrize("graph", ["0", "1"])
def test_on_a_gpu_it_gives_what_the_graph_gives(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch, graph: str) -> None:
    missing = cuda_fault()
    if missing:
        if os.environ.get("FACESDK_REQUIRE_GPU") == "1":
            pytest.fail(f"FACESDK_REQUIRE_GPU=1: {missing}")
        pytest.skip(missing)
    monkeypatch.setenv("FACESDK_CUDA_GRAPH", graph)
    session = select.open_session(tiny_pack, "faces", "edges", "onnxruntime-cuda")
    for seed, batch in enumerate((1, 1, 4, 1, 4, 7)):
        image = picture(batch, seed=seed)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=5e-3)
