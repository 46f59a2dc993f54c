"""Which runtime runs a graph: one rule, stated here, logged, and never bent silently."""

from __future__ import annotations

import importlib.util
import logging
from typing import Literal, cast, get_args

from facesdk.errors import BackendError, InputError
from facesdk.pack import EngineSpec, GraphSpec, Pack
from facesdk.runtime.device import default_threads
from facesdk.runtime.engine_choice import engine_here, log_skipped
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.runtime.openvino_session import OpenvinoSession, cpu_has_bf16
from facesdk.runtime.session import Session
from facesdk.runtime.trial import try_graph
from facesdk.settings import Settings

Backend = Literal["auto", "openvino", "openvino-bf16", "openvino-f32", "onnxruntime", "tensorrt-rtx"]
Concrete = Literal["tensorrt-rtx", "openvino-bf16", "openvino-f32", "onnxruntime"]
BACKENDS: tuple[str, ...] = get_args(Backend)
MODULES = {
    "openvino": "openvino",
    "openvino-bf16": "openvino",
    "openvino-f32": "openvino",
    "onnxruntime": "onnxruntime",
}
# A backend's key in a graph's parity figures.
PARITY_KEYS: dict[Concrete, str] = {
    "tensorrt-rtx": "tensorrt_rtx",
    "openvino-bf16": "openvino_bf16",
    "openvino-f32": "openvino_f32",
    "onnxruntime": "onnxruntime",
}
INSTALL = "pip install facesdk[cpu]"

_log = logging.getLogger("facesdk.runtime")


def installed_runtimes() -> tuple[str, ...]:
    """Which of "openvino" and "onnxruntime" can be imported, without importing them."""
    return tuple(name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name) is not None)


def available_backends() -> tuple[Concrete, ...]:
    """The backends that work on this machine, the one that "auto" prefers first. Imports OpenVINO if it is there."""
    runtimes = installed_runtimes()
    out: list[Concrete] = []
    if "openvino" in runtimes:
        out += ["openvino-bf16", "openvino-f32"] if cpu_has_bf16() else ["openvino-f32"]
    return (*out, "onnxruntime") if "onnxruntime" in runtimes else tuple(out)


def resolve_backend(backend: str, spec: GraphSpec, settings: Settings | None = None, signed: bool = True) -> Concrete:
    """Turns a wish into one backend for one graph.

    The rule. "auto" is what FACESDK_BACKEND names; if that names nothing, "tensorrt-rtx" when the pack has an engine of
    this graph for this GPU and version, else "openvino" when OpenVINO is installed, else "onnxruntime". "openvino" is
    bf16 when the CPU multiplies bfloat16 in hardware and the pack's export measured this graph in bf16 (its manifest
    has the parity figures), else f32. Every other name means itself. A backend that is chosen and then does not work is
    an error: no other one is tried.

    Args:
        backend: a name in BACKENDS.
        spec: the graph.
        settings: read from the environment by default.
        signed: whether somebody whom this machine trusts signed the pack; the engines of others are not taken.

    Raises:
        InputError: no such name.
        BackendError: its runtime is not installed, or none is; or no engine of this graph fits this machine.
    """
    wish = _wish(backend, settings or Settings.from_environment())
    runtimes = installed_runtimes()
    if wish in ("auto", "tensorrt-rtx"):
        engine = engine_here(spec.engines, signed)
        if isinstance(engine, EngineSpec):
            return "tensorrt-rtx"
        if wish == "tensorrt-rtx":
            raise BackendError(
                f"backend 'tensorrt-rtx' was asked for: {engine}.",
                "Take backend='auto', or build the engine: python -m export engine PACK --target rtx",
            )
    if wish == "auto":
        if not runtimes:
            raise BackendError("no runtime is installed: neither openvino nor onnxruntime was found.", INSTALL)
        wish = cast(Backend, runtimes[0])
    if MODULES[wish] not in runtimes:
        raise BackendError(f"backend {wish!r} was asked for, and {MODULES[wish]} is not installed.", INSTALL)
    if wish == "openvino":
        return "openvino-bf16" if cpu_has_bf16() and "openvino_bf16" in spec.parity else "openvino-f32"
    return cast(Concrete, wish)


def open_session(pack: Pack, family: str, graph: str, backend: str = "auto", threads: int | None = None) -> Session:
    """Loads one graph of a pack.

    Args:
        pack: an open pack.
        family, graph: names in its manifest.
        backend: a name in BACKENDS; see `resolve_backend` for the rule.
        threads: threads for one run; by default FACESDK_THREADS, else every usable core.

    Returns:
        A session; `Session.backend` says what was chosen.

    Raises:
        InputError: no such backend, or threads < 1.
        BackendError: the runtime is not installed or does not do what was asked.
        PackError: no such graph, or it is damaged.
    """
    settings = Settings.from_environment()
    count = threads if threads is not None else settings.threads or default_threads()
    if count < 1:
        raise InputError(f"threads={count}: at least 1 expected.")
    spec = pack.manifest.graph(family, graph)
    signed, name = pack.signer is not None, f"{family}.{graph}"
    chosen = resolve_backend(backend, spec, settings, signed)
    if chosen == "tensorrt-rtx":
        return _open_engine(pack, name, spec, settings)
    if _wish(backend, settings) == "auto":
        log_skipped(name, spec.engines, str(engine_here(spec.engines, signed)))
    data = pack.graph(family, graph)
    if pack.signer is None:
        try_graph(name, spec, data, chosen)
    session: Session
    if chosen == "onnxruntime":
        session = OnnxSession(name, spec, data, count)
    else:
        session = OpenvinoSession(name, spec, data, count, "bf16" if chosen == "openvino-bf16" else "f32")
    _log.info("%s: %s on %d threads (asked for: %s)", name, session.backend, count, backend)
    return session


def _open_engine(pack: Pack, name: str, spec: GraphSpec, settings: Settings) -> Session:
    # Imported on use: it asks for a library that no other backend needs.
    from facesdk.runtime.tensorrt_session import TensorrtSession

    engine = engine_here(spec.engines, pack.signer is not None)
    assert isinstance(engine, EngineSpec)
    kernels = f"{pack.manifest.files[engine.file].sha256}-{engine.version}.bin"
    session = TensorrtSession(name, spec, engine, pack.read(engine.file), settings.state_folder / "kernels" / kernels)
    _log.info("%s: %s, %s", name, session.backend, engine.file)
    return session


def _wish(backend: str, settings: Settings) -> Backend:
    wish = _checked(backend, "backend")
    return _checked(settings.backend, "FACESDK_BACKEND") if wish == "auto" else wish


def _checked(name: str, where: str) -> Backend:
    if name not in BACKENDS:
        raise InputError(
            f"{where}={name!r}: one of {', '.join(BACKENDS)} expected.", "facesdk doctor lists what works here."
        )
    return cast(Backend, name)
