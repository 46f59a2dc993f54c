"""Which runtime runs a graph: one rule, stated here, logged, and never bent silently."""

from __future__ import annotations

import importlib.util
import logging
from typing import Literal, cast, get_args

from facesdk.errors import BackendError, InputError
from facesdk.pack import GraphSpec, Pack
from facesdk.runtime.device import default_threads
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.runtime.openvino_session import OpenvinoSession, cpu_has_bf16
from facesdk.runtime.session import Session
from facesdk.settings import Settings

Backend = Literal["auto", "openvino", "openvino-bf16", "openvino-f32", "onnxruntime"]
Concrete = Literal["openvino-bf16", "openvino-f32", "onnxruntime"]
BACKENDS: tuple[str, ...] = get_args(Backend)
MODULES = {
    "openvino": "openvino",
    "openvino-bf16": "openvino",
    "openvino-f32": "openvino",
    "onnxruntime": "onnxruntime",
}
# A backend's key in a graph's parity figures.
PARITY_KEYS: dict[Concrete, str] = {
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


def resolve_backend(backend: str, spec: GraphSpec, settings: Settings | None = None) -> Concrete:
    """Turns a wish into one backend for one graph.

    The rule. "auto" is what FACESDK_BACKEND names; if that names nothing, "openvino" when OpenVINO is installed, else
    "onnxruntime". "openvino" is bf16 when the CPU multiplies bfloat16 in hardware and the pack's export measured this
    graph in bf16 (its manifest has the parity figures), else f32. Every other name means itself. A backend that is
    chosen and then does not work is an error: no other one is tried.

    Args:
        backend: a name in BACKENDS.
        spec: the graph.
        settings: read from the environment by default.

    Raises:
        InputError: no such name.
        BackendError: its runtime is not installed, or none is.
    """
    wish = _checked(backend, "backend")
    if wish == "auto":
        chosen = settings or Settings.from_environment()
        wish = _checked(chosen.backend, "FACESDK_BACKEND")
    runtimes = installed_runtimes()
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
    chosen = resolve_backend(backend, spec, settings)
    data = pack.graph(family, graph)
    name = f"{family}.{graph}"
    session: Session
    if chosen == "onnxruntime":
        session = OnnxSession(name, spec, data, count)
    else:
        session = OpenvinoSession(name, spec, data, count, "bf16" if chosen == "openvino-bf16" else "f32")
    _log.info("%s: %s on %d threads (asked for: %s)", name, session.backend, count, backend)
    return session


def _checked(name: str, where: str) -> Backend:
    if name not in BACKENDS:
        raise InputError(
            f"{where}={name!r}: one of {', '.join(BACKENDS)} expected.", "facesdk doctor lists what works here."
        )
    return cast(Backend, name)
