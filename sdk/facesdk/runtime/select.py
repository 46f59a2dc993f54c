"""Opens a graph of a pack on the backend that the rule gives, or that was measured."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from facesdk.errors import BackendError, InputError
from facesdk.pack import EngineSpec, GraphSpec, Pack
from facesdk.runtime.agreement import Concrete
from facesdk.runtime.backend_rule import (
    BACKENDS,
    available_backends,
    candidates,
    choose_backend,
    cpu_choice,
    gpu_of,
    installed_runtimes,
    on_gpu,
    wish,
)
from facesdk.runtime.cuda_session import CudaOptions, CudaSession
from facesdk.runtime.device import default_threads
from facesdk.runtime.engine_cache import EngineCache
from facesdk.runtime.engine_choice import engine_here, log_skipped
from facesdk.runtime.measured_choice import FOLDER as MEASURED
from facesdk.runtime.measured_choice import Measured
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.runtime.onnx_tensorrt_session import OnnxTensorrtSession
from facesdk.runtime.openvino_session import OpenvinoSession
from facesdk.runtime.residency import GPU
from facesdk.runtime.resilient_session import Choice, ResilientSession
from facesdk.runtime.rtx_session import RtxSession
from facesdk.runtime.seal import Seal
from facesdk.runtime.session import Session
from facesdk.runtime.tensorrt_library import RUNTIME as TENSORRT
from facesdk.runtime.tensorrt_library import tensorrt_version
from facesdk.runtime.tensorrt_session import TensorrtSession
from facesdk.runtime.trial import try_graph
from facesdk.settings import Settings

__all__ = ["BACKENDS", "Concrete", "available_backends", "installed_runtimes", "open_session", "resolve_backend"]

# A graph in ONNX Runtime's arena: its weights unpacked to float32, and what it computes.
ARENA_WEIGHTS = 4
ARENA_BYTES = 512_000_000

_log = logging.getLogger("facesdk.runtime")


def resolve_backend(backend: str, spec: GraphSpec, settings: Settings | None = None, signed: bool = True) -> Concrete:
    """Turns a wish into one backend for one graph: `backend_rule.choose_backend` without the reason."""
    return choose_backend(backend, spec, settings or Settings.from_environment(), signed)[0]


def open_session(
    pack: Pack,
    family: str,
    graph: str,
    backend: str = "auto",
    threads: int | None = None,
    vram_limit_bytes: int | None = None,
) -> Session:
    """Loads one graph of a pack.

    On a GPU a run that finds no room is repeated in smaller batches. Where "auto" or "fastest" chose the GPU, the CPU
    takes over when that is not enough, with a line in the log; where it was asked for by name, that is an error.

    Args:
        pack: an open pack.
        family, graph: names in its manifest.
        backend: a name in BACKENDS; see `backend_rule.choose_backend` for the rule. "fastest" measures once.
        threads: threads for one run; by default FACESDK_THREADS, else every usable core.
        vram_limit_bytes: the most GPU memory that this process takes with all its graphs; by default
            FACESDK_VRAM_LIMIT. Of several limits the smallest counts.

    Returns:
        A session; `Session.backend` says what runs it.

    Raises:
        InputError: no such backend, threads < 1, or a limit below 0.
        BackendError: the runtime is not installed or does not do what was asked.
        PackError: no such graph, or it is damaged.
    """
    settings = Settings.from_environment()
    count = threads if threads is not None else settings.threads or default_threads()
    if count < 1:
        raise InputError(f"threads={count}: at least 1 expected.")
    GPU.limit(vram_limit_bytes)
    GPU.limit(settings.vram_limit_bytes)
    spec = pack.manifest.graph(family, graph)
    job = _Job(pack, family, graph, spec, settings, count)
    asked = wish(backend, settings)
    if asked == "fastest":
        measured = Measured(settings.state_folder / MEASURED, pack, count)
        chosen = measured.fastest(job.name, candidates(spec, settings, job.signed), job.open_alone)
    else:
        chosen = resolve_backend(asked, spec, settings, job.signed)
    if asked == "auto" and chosen != "tensorrt-rtx":
        log_skipped(job.name, spec.engines, str(engine_here(spec.engines, job.signed)))
    session = job.open(chosen, may_change=asked in ("auto", "fastest"))
    _log.info("%s: %s on %d threads (asked for: %s)", job.name, session.backend, session.threads, backend)
    return session


@dataclass(frozen=True)
class _Job:
    """One graph that is to be opened."""

    pack: Pack
    family: str
    graph: str
    spec: GraphSpec
    settings: Settings
    threads: int

    @property
    def name(self) -> str:
        return f"{self.family}.{self.graph}"

    @property
    def signed(self) -> bool:
        return self.pack.signer is not None

    def open_alone(self, backend: Concrete) -> Session:
        return self.open(backend, may_change=False)

    def open(self, backend: Concrete, may_change: bool) -> Session:
        if not on_gpu(backend):
            return self._on_cpu(backend)
        choices = [self._on_gpu(backend)]
        if may_change and installed_runtimes():
            cpu = cpu_choice(self.spec)
            choices.append(Choice(cpu, partial(self._on_cpu, cpu)))
        return ResilientSession(self.name, self.spec, choices, GPU)

    def _on_cpu(self, backend: Concrete) -> Session:
        data = self._graph(backend)
        if backend == "onnxruntime":
            return OnnxSession(self.name, self.spec, data, self.threads)
        return OpenvinoSession(
            self.name, self.spec, data, self.threads, "bf16" if backend == "openvino-bf16" else "f32"
        )

    def _graph(self, trial_backend: Concrete) -> bytes:
        """The graph's bytes; those of an unsigned pack after a trial."""
        data = self.pack.graph(self.family, self.graph)
        if not self.signed:
            try_graph(self.name, self.spec, data, trial_backend)
        return data

    def _on_gpu(self, backend: Concrete) -> Choice:
        if backend in ("onnxruntime-cuda", "onnxruntime-tensorrt"):
            return self._in_arena(backend)
        return self._rtx() if backend == "tensorrt-rtx" else self._tensorrt()

    def _in_arena(self, backend: Concrete) -> Choice:
        wanted, room = ARENA_WEIGHTS * self.spec.bytes + ARENA_BYTES, GPU.room_bytes()
        # Below twice its weights there is no sense in trying.
        size = wanted if room is None else max(2 * self.spec.bytes, min(wanted, room))
        options = CudaOptions(self.settings.cuda_graph, None if room is None else size)

        kind = CudaSession if backend == "onnxruntime-cuda" else OnnxTensorrtSession

        def open_in_arena() -> Session:
            return kind(self.name, self.spec, self._graph("onnxruntime"), options)

        return Choice(backend, open_in_arena, 0 if room is None else size)

    def _rtx(self) -> Choice:
        engine = engine_here(self.spec.engines, self.signed)
        assert isinstance(engine, EngineSpec)
        kernels = f"{self.pack.manifest.files[engine.file].sha256}-{engine.version}.bin"
        cache = (self.settings.state_folder / "kernels" / kernels, Seal.of(self.settings))

        def open_rtx() -> Session:
            return RtxSession(self.name, self.spec, engine, self.pack.read(engine.file), cache)

        return Choice("tensorrt-rtx", open_rtx, engine.weights_bytes, engine.activation_bytes)

    def _tensorrt(self) -> Choice:
        gpu, version = gpu_of("tensorrt"), tensorrt_version() or ""
        found = EngineCache.of(self.settings).find(self.spec.sha256, gpu, version)
        if found is None:
            raise BackendError(
                f"{self.name}: this machine has built no engine of it for {gpu.name} and TensorRT {version}.",
                "Build it: python -m export engine PACK --target tensorrt",
            )

        def open_tensorrt() -> Session:
            return TensorrtSession(self.name, self.spec, found.spec(TENSORRT), found.data)

        return Choice("tensorrt", open_tensorrt, found.weights_bytes, found.activation_bytes)
