"""ONNX to an engine: one interface for all targets; the build runs in a process of its own, within limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from facesdk.errors import InputError
from facesdk.pack import EngineSpec, TensorSpec

# (phase, steps done, steps in all); a phase of unknown length has 0 in all.
Progress = Callable[[str, int, int], None]
Range = tuple[int, int, int]

BATCH = "batch"


@dataclass(frozen=True)
class EngineRequest:
    """What is to be built.

    Attributes:
        name: "family.graph".
        gpus: compute capabilities that one engine is to serve, such as "sm86".
        shapes: input -> its sizes; a text names a dynamic axis.
        profile: dynamic axis -> least, usual and greatest size.
    """

    name: str
    gpus: tuple[str, ...]
    shapes: Mapping[str, tuple[int | str, ...]]
    profile: Mapping[str, Range]

    def shape_at(self, name: str, place: int) -> tuple[int, ...]:
        """An input's shape at the least (0), usual (1) or greatest (2) sizes."""
        return tuple(d if isinstance(d, int) else self.profile[d][place] for d in self.shapes[name])


@dataclass(frozen=True)
class EngineLimits:
    """What a build may use.

    Attributes:
        memory_bytes: of the machine's memory, resident.
        seconds: by the clock on the wall.
    """

    memory_bytes: int = 12 << 30
    seconds: float = 900.0


@dataclass(frozen=True)
class BuiltEngine:
    """An engine and what its builder said of it.

    Attributes:
        data: the engine.
        version: of the builder; only the same version runs it.
        weights_bytes, activation_bytes: planned GPU memory at the greatest sizes; scratch memory is in the latter.
        half_share: share of convolutions and matrix products that compute in float16.
        seconds: how long the build took.
        peak_bytes: the most memory that the build's process had, or 0 if it was too short to be seen.
    """

    data: bytes
    version: str
    weights_bytes: int
    activation_bytes: int
    half_share: float
    seconds: float
    peak_bytes: int = 0


class EngineTarget(ABC):
    """A runtime that engines are built for.

    Attributes:
        name: on the command line.
        runtime: in the manifest.
        gpus: compute capabilities that it builds for.
        usual_gpus: those that are built for if nobody says which.
        local: whether its engines run on this machine alone, and so go into its cache and not into the pack.
    """

    name: str
    runtime: str
    gpus: tuple[str, ...]
    usual_gpus: tuple[str, ...]
    local: bool = False

    @abstractmethod
    def version(self) -> str:
        """The builder's version.

        Raises:
            BackendError: it is not installed.
        """

    @abstractmethod
    def build(self, model: bytes, request: EngineRequest, on_progress: Progress) -> BuiltEngine:
        """Builds in this process; `process.build_apart` calls it in another one.

        Raises:
            BackendError: the builder refuses the graph.
        """

    def groups(self, gpus: Sequence[str]) -> list[tuple[str, ...]]:
        """GPUs that one engine serves without a loss, group by group."""
        return [(gpu,) for gpu in gpus]


def find_target(name: str) -> EngineTarget:
    """A target by its name; its library is loaded when it is used.

    Raises:
        InputError: no such target.
    """
    from export.engine.rtx import RtxTarget
    from export.engine.tensorrt import TensorrtTarget

    targets: dict[str, EngineTarget] = {target.name: target for target in (RtxTarget(), TensorrtTarget())}
    if name not in targets:
        raise InputError(f"--target {name} is not known.", f"Use one of {', '.join(targets)}.")
    return targets[name]


def check_gpus(target: EngineTarget, gpus: Sequence[str]) -> tuple[str, ...]:
    """The GPUs as the manifest names them, in the target's order, each once.

    Raises:
        InputError: none, or one that the target does not build for.
    """
    wanted = {gpu.strip().lower() for gpu in gpus if gpu.strip()}
    unknown = sorted(wanted - set(target.gpus))
    if unknown or not wanted:
        raise InputError(
            f"--gpus {','.join(gpus)}: {', '.join(unknown) or 'nothing'} is none that {target.name} builds for.",
            f"Use some of {','.join(target.gpus)}.",
        )
    return tuple(gpu for gpu in target.gpus if gpu in wanted)


def make_request(
    name: str, inputs: Sequence[TensorSpec], gpus: Sequence[str], ranges: Mapping[str, Range]
) -> EngineRequest:
    """A request for one graph: one profile, with a range for each axis that its inputs have.

    Args:
        name: "family.graph".
        inputs: of the manifest.
        gpus: that the engine is to serve.
        ranges: axis -> its sizes.

    Raises:
        InputError: an axis has no range.
    """
    axes = dict.fromkeys(d for tensor in inputs for d in tensor.shape if isinstance(d, str))
    missing = [axis for axis in axes if axis not in ranges]
    if missing:
        raise InputError(f"{name}: no range of sizes for {', '.join(missing)}.", "Name it in the profile.")
    shapes = {tensor.name: tensor.shape for tensor in inputs}
    return EngineRequest(name, tuple(gpus), shapes, {axis: ranges[axis] for axis in axes})


def engine_spec(target: EngineTarget, request: EngineRequest, built: BuiltEngine, graph_sha256: str) -> EngineSpec:
    """The engine's entry in the manifest: engines/<gpus>-<runtime version>/<family.graph>.engine."""
    return EngineSpec(
        file=f"engines/{'-'.join(request.gpus)}-{built.version}/{request.name}.engine",
        runtime=target.runtime,
        version=built.version,
        gpus=request.gpus,
        graph_sha256=graph_sha256,
        profile=request.profile,
        weights_bytes=built.weights_bytes,
        activation_bytes=built.activation_bytes,
    )


def to_engine(
    model: onnx.ModelProto, request: EngineRequest, target: EngineTarget, limits: EngineLimits, on_progress: Progress
) -> BuiltEngine:
    """Builds an engine in a process of its own.

    Args:
        model: strongly typed: from `engine_graph`.
        request: what is to be built.
        target: for what.
        limits: what the build may use.
        on_progress: called as it goes on.

    Raises:
        BackendError: the builder is missing, refuses the graph, or went over a limit; nothing is left behind.
    """
    from export.engine.process import build_apart

    return build_apart(model.SerializeToString(), request, target, limits, on_progress)
