"""TensorRT 10.13 to 11: engines built on the user's own GPU, for that GPU."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import Any

from export.engine.inspector import half_layers, read_layer_types
from export.engine.rtx import LEAST_HALF, add_profile, build_monitor, parse_graph
from export.engine.to_engine import BuiltEngine, EngineRequest, EngineTarget, Progress
from facesdk.errors import BackendError
from facesdk.runtime.engine_device import Gpu, read_gpu
from facesdk.runtime.engine_library import make_logger
from facesdk.runtime.seal import Seal
from facesdk.runtime.tensorrt_library import RUNTIME, import_tensorrt
from facesdk.settings import Settings

# Scratch memory of a single layer. A tactic that wants more than this is slower to start than it saves.
WORKSPACE_BYTES = 1 << 30


class TensorrtTarget(EngineTarget):
    """TensorRT on this machine. Its engines go into this machine's cache, and into no pack.

    The network is strongly typed: there is no flag for float16 any more, so the graph alone says it, and the engine
    inspector is asked afterwards whether it came true.

    Source: docs.nvidia.com/deeplearning/tensorrt, "Strongly Typed Networks", "Timing Cache", "Engine Inspector".
    """

    name = "tensorrt"
    runtime = RUNTIME
    local = True

    @property
    def gpus(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one of this machine.

        Raises:
            BackendError: there is none.
        """
        return (gpu_here().sm,)

    @property
    def usual_gpus(self) -> tuple[str, ...]:  # type: ignore[override]
        """As `gpus`."""
        return self.gpus

    def version(self) -> str:
        """That of the package, after loading it."""
        return str(import_tensorrt().__version__)

    def build(self, model: bytes, request: EngineRequest, on_progress: Progress) -> BuiltEngine:
        """One engine with one profile, strongly typed; what the tactics took is kept for the next build."""
        trt = import_tensorrt()
        logger = make_logger(trt)
        builder = trt.Builder(logger)
        # Version 11 types strongly in any case, and takes the flag.
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(flags)
        parse_graph(trt, network, logger, model, request.name)
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        config.progress_monitor = build_monitor(trt, on_progress)
        add_profile(builder, network, config, request)
        timings = TimingCache(Settings.from_environment(), gpu_here(), self.version())
        timings.give(config)
        start = time.perf_counter()
        serialised = builder.build_serialized_network(network, config)
        seconds = time.perf_counter() - start
        if serialised is None:
            detail = "; ".join(logger.errors)[:500] or "it gave no reason"
            raise BackendError(f"{request.name}: TensorRT cannot build it: {detail}")
        timings.keep(config)
        data = bytes(serialised)
        on_progress("Inspecting", 0, 0)
        engine, share = self._inspect(trt, logger, data, request)
        if share < LEAST_HALF:
            raise BackendError(
                f"{request.name}: {share:.0%} of its layers compute in float16, at least {LEAST_HALF:.0%} expected.",
                "Give engine_graph's result, not a float32 graph.",
            )
        return BuiltEngine(
            data=data,
            version=self.version(),
            weights_bytes=_weights(trt, engine, len(data)),
            activation_bytes=int(engine.device_memory_size_v2),
            half_share=share,
            seconds=seconds,
        )

    def _inspect(self, trt: Any, logger: Any, data: bytes, request: EngineRequest) -> tuple[Any, float]:
        """The engine, and the share of its layers that compute in float16."""
        # The runtime must outlive the engine: it stays on the target.
        self._runtime = trt.Runtime(logger)
        engine = self._runtime.deserialize_cuda_engine(data)
        context = None if engine is None else engine.create_execution_context()
        if context is None:
            raise BackendError(f"{request.name}: the engine that was built does not load.", "facesdk doctor")
        for name in request.shapes:
            context.set_input_shape(name, request.shape_at(name, 1))
        inspector = engine.create_engine_inspector()
        inspector.execution_context = context
        text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
        return engine, half_layers(read_layer_types(text, request.name))


class TimingCache:
    """How long tactics took on this GPU, so that the next build need not try them again.

    TensorRT reads the file, so it is sealed as the engines are.

    Args:
        settings: where it is kept.
        gpu: that the tactics ran on.
        version: of TensorRT.
    """

    def __init__(self, settings: Settings, gpu: Gpu, version: str) -> None:
        name = re.sub(r"[^A-Za-z0-9.]+", "_", f"{gpu.name}-{gpu.sm}-{gpu.driver}-{version}")
        self._path: Path = settings.state_folder / "timings" / f"{name}.cache"
        self._seal = Seal.of(settings)

    def give(self, config: Any) -> None:
        """Hands what is known to a build; TensorRT leaves a cache of another version aside."""
        cache = config.create_timing_cache(self._seal.read(self._path) or b"")
        config.set_timing_cache(cache, ignore_mismatch=False)

    def keep(self, config: Any) -> None:
        """Keeps what a build found out; without it the next one takes longer, and that is all."""
        cache = config.get_timing_cache()
        if cache is not None:
            with contextlib.suppress(OSError, BackendError):
                self._seal.write(self._path, bytes(cache.serialize()))


def gpu_here() -> Gpu:
    """The GPU of this machine.

    Raises:
        BackendError: there is none.
    """
    gpu = read_gpu()
    if isinstance(gpu, str):
        raise BackendError(f"TensorRT builds on the GPU that it builds for: {gpu}.", "Take --target rtx.")
    return gpu


def _weights(trt: Any, engine: Any, engine_bytes: int) -> int:
    """What its weights take on the GPU; before the engine could be asked, nearly all of an engine were weights."""
    if not hasattr(engine, "get_engine_stat"):
        return engine_bytes
    return int(engine.get_engine_stat(trt.EngineStat.TOTAL_WEIGHTS_SIZE))
