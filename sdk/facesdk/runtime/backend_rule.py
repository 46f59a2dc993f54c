"""Which backend a graph runs on: one rule, stated here, with its reason, and never bent silently."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import Literal, cast, get_args

from facesdk.errors import BackendError, InputError
from facesdk.pack import EngineSpec, GraphSpec
from facesdk.runtime.agreement import Concrete
from facesdk.runtime.engine_cache import EngineCache
from facesdk.runtime.engine_choice import engine_here
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.openvino_session import cpu_has_bf16
from facesdk.runtime.tensorrt_library import tensorrt_version, version_fault
from facesdk.settings import Settings

Backend = Literal[
    "auto",
    "fastest",
    "openvino",
    "openvino-bf16",
    "openvino-f32",
    "onnxruntime",
    "onnxruntime-cuda",
    "onnxruntime-tensorrt",
    "tensorrt",
    "tensorrt-rtx",
]
BACKENDS: tuple[str, ...] = get_args(Backend)
MODULES = {
    "openvino": "openvino",
    "openvino-bf16": "openvino",
    "openvino-f32": "openvino",
    "onnxruntime": "onnxruntime",
}
INSTALL = "pip install facesdk[cpu]"
CUDA_WHEEL = "onnxruntime-gpu"
BUILD = "python -m export engine PACK --target"


def checked(name: str, where: str) -> Backend:
    """A name of BACKENDS.

    Args:
        name: what was asked for.
        where: how errors call it.

    Raises:
        InputError: no such name.
    """
    if name not in BACKENDS:
        raise InputError(
            f"{where}={name!r}: one of {', '.join(BACKENDS)} expected.", "facesdk doctor lists what works here."
        )
    return cast(Backend, name)


def wish(backend: str, settings: Settings) -> Backend:
    """What is asked for in fact: "auto" is what FACESDK_BACKEND names.

    Raises:
        InputError: no such name.
    """
    asked = checked(backend, "backend")
    return checked(settings.backend, "FACESDK_BACKEND") if asked == "auto" else asked


def installed_runtimes() -> tuple[str, ...]:
    """Which of "openvino" and "onnxruntime" can be imported, without importing them."""
    return tuple(name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name) is not None)


def cuda_fault() -> str:
    """Why "auto" does not take ONNX Runtime's CUDA provider, or "". Nothing is imported for it."""
    gpu = read_gpu()
    if isinstance(gpu, str):
        return gpu
    try:
        importlib.metadata.version(CUDA_WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return f"{CUDA_WHEEL} is not installed"
    return "" if importlib.util.find_spec("onnxruntime") is not None else "onnxruntime cannot be imported"


def tensorrt_fault(spec: GraphSpec, settings: Settings) -> str:
    """Why this graph does not run on TensorRT here, or ""."""
    gpu = read_gpu()
    if isinstance(gpu, str):
        return gpu
    version = tensorrt_version()
    if version is None or version_fault(version):
        return version_fault(version)
    if EngineCache.of(settings).find(spec.sha256, gpu, version) is None:
        return f"this machine has built no engine of it for {gpu.name} and TensorRT {version} ({BUILD} tensorrt)"
    return ""


def available_backends() -> tuple[Concrete, ...]:
    """The backends that run every graph on this machine, the one that "auto" prefers first. Imports OpenVINO if it is
    there; engines are a matter of each graph, see `choose_backend`."""
    runtimes = installed_runtimes()
    out: list[Concrete] = [] if cuda_fault() else ["onnxruntime-cuda"]
    if "openvino" in runtimes:
        out += ["openvino-bf16", "openvino-f32"] if cpu_has_bf16() else ["openvino-f32"]
    return (*out, "onnxruntime") if "onnxruntime" in runtimes else tuple(out)


def choose_backend(backend: str, spec: GraphSpec, settings: Settings, signed: bool = True) -> tuple[Concrete, str]:
    """Turns a wish into one backend for one graph, with the reason.

    The rule. "auto" is what FACESDK_BACKEND names; if that names nothing, the first of these:
    "tensorrt-rtx" when the pack has an engine of this graph for this GPU and version;
    "tensorrt" when this machine has built one itself;
    "onnxruntime-cuda" when onnxruntime-gpu is installed and there is a GPU;
    "openvino" when OpenVINO is installed; "onnxruntime".
    "onnxruntime-tensorrt" is taken only by its name: it builds its engines whenever a graph is opened.
    "openvino" is bf16 when the CPU multiplies bfloat16 in hardware and the pack's export measured this graph in bf16
    (its manifest has the parity figures), else f32. Every other name means itself. A backend that is chosen and then
    does not work is an error, and no other one is tried; only a lack of memory is met otherwise, see
    `resilient_session`. "fastest" is not decided here: it is measured, see `measured_choice`.

    Args:
        backend: a name in BACKENDS but "fastest".
        spec: the graph.
        settings: of the environment.
        signed: whether somebody whom this machine trusts signed the pack; the engines of others are not taken.

    Returns:
        The backend, and why.

    Raises:
        InputError: no such name.
        BackendError: its runtime is not installed, or none is; or no engine of this graph fits this machine.
    """
    asked = wish(backend, settings)
    if asked == "fastest":
        raise InputError("backend='fastest' is no rule: it is measured.", "open_session measures it.")
    named = f"asked for: {asked}"
    if asked in ("auto", "tensorrt-rtx"):
        engine = engine_here(spec.engines, signed)
        if isinstance(engine, EngineSpec):
            return "tensorrt-rtx", "the pack has an engine for this GPU" if asked == "auto" else named
        if asked == "tensorrt-rtx":
            raise BackendError(
                f"backend 'tensorrt-rtx' was asked for: {engine}.",
                f"Take backend='auto', or build the engine: {BUILD} rtx",
            )
    if asked in ("auto", "tensorrt"):
        fault = tensorrt_fault(spec, settings)
        if not fault:
            return "tensorrt", "this machine has built an engine of it" if asked == "auto" else named
        if asked == "tensorrt":
            raise BackendError(
                f"backend 'tensorrt' was asked for: {fault}.",
                f"Take backend='auto', or build it: {BUILD} tensorrt",
            )
    if asked in ("onnxruntime-cuda", "onnxruntime-tensorrt"):
        return asked, named
    if asked == "auto":
        if not cuda_fault():
            return "onnxruntime-cuda", f"{CUDA_WHEEL} is installed, and there is a GPU"
        asked, named = _installed(), "the first one that is installed"
    return _on_cpu(asked, spec, named)


def cpu_choice(spec: GraphSpec) -> Concrete:
    """What "auto" takes where there is no GPU.

    Raises:
        BackendError: no runtime is installed.
    """
    return _on_cpu(_installed(), spec, "")[0]


def engines_here(spec: GraphSpec, settings: Settings, signed: bool) -> tuple[Concrete, ...]:
    """The backends that have an engine of a graph for this GPU."""
    out: list[Concrete] = []
    if isinstance(engine_here(spec.engines, signed), EngineSpec):
        out.append("tensorrt-rtx")
    if not tensorrt_fault(spec, settings):
        out.append("tensorrt")
    return tuple(out)


def candidates(spec: GraphSpec, settings: Settings, signed: bool) -> tuple[Concrete, ...]:
    """The backends that "fastest" measures for a graph: one precision of each runtime that is there.

    Raises:
        BackendError: there is none.
    """
    cuda: tuple[Concrete, ...] = () if cuda_fault() else ("onnxruntime-cuda",)
    fast = (*engines_here(spec, settings, signed), *cuda)
    if not fast:
        _installed()
    return (*fast, *(_on_cpu(cast(Backend, name), spec, "")[0] for name in installed_runtimes()))


def runs_reduced(graph: str) -> bool:
    """Whether a graph, by its name, is ever run in bfloat16: places of a picture come out half a pixel apart there."""
    return graph not in ("shape_code", "shape")


def on_gpu(backend: Concrete) -> bool:
    """Whether a backend takes memory of the GPU."""
    return backend in ("tensorrt-rtx", "tensorrt", "onnxruntime-cuda", "onnxruntime-tensorrt")


def gpu_of(backend: Concrete) -> Gpu:
    """The GPU that a backend runs on.

    Raises:
        BackendError: there is none.
    """
    gpu = read_gpu()
    if isinstance(gpu, str):
        raise BackendError(f"backend {backend!r} was asked for: {gpu}.", "Take a CPU backend: backend='auto'.")
    return gpu


def _installed() -> Backend:
    runtimes = installed_runtimes()
    if not runtimes:
        raise BackendError("no runtime is installed: neither openvino nor onnxruntime was found.", INSTALL)
    return cast(Backend, runtimes[0])


def _on_cpu(asked: Backend, spec: GraphSpec, reason: str) -> tuple[Concrete, str]:
    if MODULES[asked] not in installed_runtimes():
        raise BackendError(f"backend {asked!r} was asked for, and {MODULES[asked]} is not installed.", INSTALL)
    if asked != "openvino":
        return cast(Concrete, asked), reason
    if not cpu_has_bf16():
        return "openvino-f32", f"{reason}; this CPU does not multiply bfloat16"
    if "openvino_bf16" not in spec.parity:
        return "openvino-f32", f"{reason}; its export did not measure bfloat16"
    return "openvino-bf16", f"{reason}; this CPU multiplies bfloat16, and its export measured that"
