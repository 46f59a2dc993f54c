"""Engines in the manifest: graphs compiled ahead of time, beside the ONNX file that every machine can run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facesdk.pack.faults import Faults

MAX_DEVICE_BYTES = 1 << 40


@dataclass(frozen=True)
class EngineSpec:
    """A graph compiled ahead of time for some GPUs.

    Its hash and size stand among the manifest's files, so a facesdk that knows no engines opens the pack all the same
    and runs the graph: the format number stays.

    Attributes:
        file: path inside the pack, with "/".
        runtime, version: what built it and alone can run it, such as "tensorrt-rtx" and "1.7.1.116".
        gpus: compute capabilities that it was built for, such as "sm86".
        graph_sha256: of the ONNX graph that it was built from.
        profile: dynamic axis -> least, usual and greatest size.
        weights_bytes, activation_bytes: GPU memory as its builder planned it, at the greatest sizes.
    """

    file: str
    runtime: str
    version: str
    gpus: tuple[str, ...]
    graph_sha256: str
    profile: Mapping[str, tuple[int, int, int]]
    weights_bytes: int
    activation_bytes: int


def read_engines(graph: Mapping[str, Any], at: str, faults: Faults) -> tuple[EngineSpec, ...]:
    """The key "engines" of a graph's entry; a graph without it has none."""
    if "engines" not in graph:
        return ()
    out = []
    for index, value in enumerate(faults.entries(graph, "engines", at)):
        here = f"{at}.engines[{index}]"
        if faults.is_mapping(value, here):
            out.append(_read_engine(value, here, faults))
    return tuple(out)


def check_engines(
    engines: Sequence[EngineSpec], graph_sha256: str, files: Collection[str], at: str, faults: Faults
) -> None:
    """Notes engines whose file is not listed, and those that were built from another graph."""
    for index, engine in enumerate(engines):
        here = f"{at}.engines[{index}]"
        if engine.file and engine.file not in files:
            faults.add(f"{here}.file", f"{engine.file!r} is not among files")
        if engine.graph_sha256 and engine.graph_sha256 != graph_sha256:
            faults.add(f"{here}.graph_sha256", "built from another graph than the one beside it")


def engine_document(engine: EngineSpec) -> dict[str, Any]:
    """An engine as it stands in manifest.json."""
    return {
        "file": engine.file,
        "runtime": engine.runtime,
        "version": engine.version,
        "gpus": list(engine.gpus),
        "graph": {"sha256": engine.graph_sha256},
        "profile": {axis: list(sizes) for axis, sizes in engine.profile.items()},
        "weights_bytes": engine.weights_bytes,
        "activation_bytes": engine.activation_bytes,
    }


def _read_engine(value: dict[str, Any], at: str, faults: Faults) -> EngineSpec:
    file = faults.text(value, "file", at)
    faults.path(file, f"{at}.file")
    profile: dict[str, tuple[int, int, int]] = {}
    for axis, sizes in faults.mapping(value, "profile", at).items():
        whole = isinstance(sizes, list) and len(sizes) == 3 and all(type(size) is int for size in sizes)
        if whole and 0 < sizes[0] <= sizes[1] <= sizes[2]:
            profile[axis] = (sizes[0], sizes[1], sizes[2])
        else:
            faults.add(f"{at}.profile.{axis}", f"three sizes that do not fall expected, got {sizes!r}")
    return EngineSpec(
        file=file,
        runtime=faults.text(value, "runtime", at),
        version=faults.text(value, "version", at),
        gpus=faults.texts(value, "gpus", at),
        graph_sha256=faults.sha256(faults.mapping(value, "graph", at), f"{at}.graph"),
        profile=profile,
        weights_bytes=faults.integer(value, "weights_bytes", at, high=MAX_DEVICE_BYTES),
        activation_bytes=faults.integer(value, "activation_bytes", at, high=MAX_DEVICE_BYTES),
    )
