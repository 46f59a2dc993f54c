"""TensorRT for RTX: engines built ahead of time on the CPU, with neither a GPU nor a driver."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from export.engine.graph import half_share
from export.engine.to_engine import BuiltEngine, EngineRequest, EngineTarget, Progress
from facesdk.errors import BackendError
from facesdk.runtime.engine_library import RUNTIME, import_rtx, make_logger

# What the builder says of its plan; the activations hold the layers' scratch memory.
PLANNED = {
    "activation_bytes": re.compile(r"Total Activation Memory: (\d+) bytes"),
    "weights_bytes": re.compile(r"Total Weights Memory: (\d+) bytes"),
}
# Turing has other kernels and another plan. All later ones had the same plan for both graphs that were tried (blending
# and decoder of nano), alone and together.
APART = ("sm75",)
PRODUCTS = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY")
# A graph that was not typed for it builds too, and runs at half the speed in twice the memory.
LEAST_HALF = 0.8


class RtxTarget(EngineTarget):
    """TensorRT for RTX 1.7.

    Source: docs.nvidia.com/deeplearning/tensorrt-rtx, "CPU-only engines"; ComputeCapability in its bindings.
    """

    name = "rtx"
    runtime = RUNTIME
    gpus = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
    usual_gpus = ("sm86", "sm89", "sm120")

    def version(self) -> str:
        """The bindings' version, after loading them."""
        return str(import_rtx().__version__)

    def groups(self, gpus: Sequence[str]) -> list[tuple[str, ...]]:
        """Those of APART each by itself, all others in one engine, as large as the largest alone."""
        alone = [(gpu,) for gpu in gpus if gpu in APART]
        rest = tuple(gpu for gpu in gpus if gpu not in APART)
        return [*alone, rest] if rest else alone

    def build(self, model: bytes, request: EngineRequest, on_progress: Progress) -> BuiltEngine:
        """One engine with one profile, strongly typed."""
        trt = import_rtx()
        lines: list[str] = []
        logger = make_logger(trt, lines)
        builder = trt.Builder(logger)
        network = builder.create_network(0)
        parse_graph(trt, network, logger, model, request.name)
        share = half_share(_product_types(network))
        if share < LEAST_HALF:
            raise BackendError(
                f"{request.name}: {share:.0%} of its products compute in float16, at least {LEAST_HALF:.0%} expected.",
                "Give engine_graph's result, not a float32 graph.",
            )
        config = builder.create_builder_config()
        config.num_compute_capabilities = len(request.gpus)
        for index, gpu in enumerate(request.gpus):
            config.set_compute_capability(getattr(trt.ComputeCapability, gpu.upper()), index)
        add_profile(builder, network, config, request)
        config.progress_monitor = build_monitor(trt, on_progress)
        start = time.perf_counter()
        serialised = builder.build_serialized_network(network, config)
        seconds = time.perf_counter() - start
        if serialised is None:
            detail = "; ".join(logger.errors)[:500] or "it gave no reason"
            raise BackendError(f"{request.name}: TensorRT for RTX cannot build it: {detail}")
        return BuiltEngine(
            data=bytes(serialised),
            version=self.version(),
            half_share=share,
            seconds=seconds,
            **read_plan(lines, request.name),
        )


def read_plan(lines: Iterable[str], name: str) -> dict[str, int]:
    """The planned memory out of the builder's log: "weights_bytes" and "activation_bytes".

    Args:
        lines: of the log; of several plans the largest counts.
        name: how errors call the graph.

    Raises:
        BackendError: the log does not say it; another version may word it otherwise.
    """
    found: dict[str, list[int]] = {key: [] for key in PLANNED}
    for line in lines:
        for key, pattern in PLANNED.items():
            match = pattern.search(line)
            if match:
                found[key].append(int(match[1]))
    missing = [key for key, values in found.items() if not values]
    if missing:
        raise BackendError(
            f"{name}: the builder's log does not say {' and '.join(missing)}.", "Use the pinned version."
        )
    return {key: max(values) for key, values in found.items()}


def _product_types(network: Any) -> Counter[str]:
    types: Counter[str] = Counter()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type.name in PRODUCTS:
            types[layer.get_output(0).dtype.name] += 1
    return types


def parse_graph(trt: Any, network: Any, logger: Any, model: bytes, name: str) -> None:
    """Reads ONNX into a network.

    Raises:
        BackendError: the parser does not take it.
    """
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise BackendError(f"{name}: TensorRT does not read the graph: {'; '.join(errors)[:500]}")


def add_profile(builder: Any, network: Any, config: Any, request: EngineRequest) -> None:
    """The one profile of an engine: the least, usual and greatest shape of each input."""
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        profile.set_shape(tensor.name, *(request.shape_at(tensor.name, place) for place in range(3)))
    config.add_optimization_profile(profile)


def build_monitor(trt: Any, on_progress: Progress) -> Any:
    """Tells a build's phases and steps as it goes on."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            on_progress(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            on_progress(phase_name, step + 1, self.steps.get(phase_name, 0))
            return True

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)

    return Monitor()
