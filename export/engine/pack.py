"""Engines into a pack: beside the graphs that it has, all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.engine.check import check_half
from export.engine.graph import engine_graph
from export.engine.to_engine import (
    BATCH,
    BuiltEngine,
    EngineLimits,
    EngineTarget,
    Progress,
    Range,
    check_gpus,
    engine_spec,
    make_request,
    to_engine,
)
from facesdk.errors import InputError, PackError
from facesdk.pack import EngineSpec, FileSpec, Manifest, Pack
from facesdk.pack.writer import write_whole

# Name of what is built -> what is told of it as it goes on.
Reporter = Callable[[str], Progress]


@dataclass(frozen=True)
class EngineOptions:
    """How the engines of a pack are built.

    Attributes:
        target: for what.
        gpus: compute capabilities.
        max_batch: greatest batch; larger ones run in pieces.
        side_range: least, usual and greatest height and width of pictures of any size.
        limits: of each build.
        graphs: "family.graph" of those that are built; None = all.
    """

    target: EngineTarget
    gpus: tuple[str, ...]
    max_batch: int = 4
    side_range: Range = (64, 640, 640)
    limits: EngineLimits = EngineLimits()
    graphs: tuple[str, ...] | None = None


@dataclass(frozen=True)
class EngineRow:
    """One engine that was built.

    Attributes:
        graph: "family.graph".
        spec: its entry.
        built: what its builder said; its bytes are in the pack.
        error: of the float16 graph on a CPU, from `check_half`.
    """

    graph: str
    spec: EngineSpec
    built: BuiltEngine
    error: float | None = None


def add_engines(
    pack: Pack, out: Path, options: EngineOptions, reporter: Reporter, replaces: bool = False
) -> list[EngineRow]:
    """Builds the engines of a pack's graphs and writes the pack with them.

    Engines that the pack has already stay, unless one is built for the same GPUs and version.

    Args:
        pack: where the graphs are from.
        out: the new pack's folder; the pack's own is replaced.
        options: how.
        reporter: told of each build.
        replaces: whether the pack is what stood at `out`, extended, so that it may stand there again.

    Returns:
        What was built.

    Raises:
        InputError: an unknown graph or GPU.
        BackendError: a build failed or went over a limit; `out` is as it was before.
        PackError: `out` is another thing than this pack, or a graph loses too much in float16.
    """
    builds = build_engines(pack, options, reporter)
    same = out.exists() and (replaces or out.resolve() == pack.path.resolve())
    if out.exists() and not same:
        raise PackError(f"{out} exists already. Not written.", "Name a new folder, or the pack's own.")
    rows = list(builds)
    write_whole(out, *with_engines(pack, rows), overwrite=same)
    return rows


def build_engines(pack: Pack, options: EngineOptions, reporter: Reporter) -> Iterator[EngineRow]:
    """Builds engine after engine; what is wrong with the options is said before the first.

    Args:
        pack: where the graphs are from.
        options: how.
        reporter: told of each build.

    Raises:
        InputError: an unknown graph or GPU.
        BackendError: a build failed or went over a limit.
        PackError: a graph loses too much in float16.
    """
    gpus = check_gpus(options.target, options.gpus)
    wanted = list(pack.graphs) if options.graphs is None else list(options.graphs)
    unknown = [key for key in wanted if key not in pack.graphs]
    if unknown:
        raise InputError(f"{pack.name} has no graph {', '.join(unknown)}; it has {', '.join(pack.graphs)}.")
    options.target.version()
    groups = options.target.groups(gpus)
    return (row for key in wanted for row in _build(pack, key, groups, options, reporter))


def with_engines(pack: Pack, rows: Sequence[EngineRow]) -> tuple[Manifest, dict[str, bytes]]:
    """The pack's manifest with these engines in it, and every file that it lists."""
    manifest = pack.manifest
    fresh = {row.spec.file: row.built.data for row in rows}
    families = {}
    for family, entry in manifest.families.items():
        graphs = {}
        for name, spec in entry.graphs.items():
            own = [row.spec for row in rows if row.graph == f"{family}.{name}"]
            kept = [engine for engine in spec.engines if engine.file not in fresh]
            graphs[name] = replace(spec, engines=(*kept, *own))
        families[family] = replace(entry, graphs=graphs)
    listed = {file: FileSpec(hashlib.sha256(data).hexdigest(), len(data)) for file, data in fresh.items()}
    # The signature is made anew; whatever else the manifest lists is read against its hash.
    files = {file: pack.read(file) for file in manifest.listed() if file not in fresh}
    return replace(manifest, families=families, files={**manifest.files, **listed}), {**files, **fresh}


def _build(
    pack: Pack, key: str, groups: Sequence[tuple[str, ...]], options: EngineOptions, reporter: Reporter
) -> Iterator[EngineRow]:
    spec = pack.graphs[key]
    data = pack.read(spec.file)
    axes = {d for tensor in spec.inputs for d in tensor.shape if isinstance(d, str)}
    ranges: dict[str, Range] = dict.fromkeys(axes, options.side_range)
    ranges[BATCH] = (1, 1, options.max_batch)
    model = engine_graph(data, spec.precision)
    error = check_half(pack, key, model)
    for gpus in groups:
        request = make_request(key, spec.inputs, gpus, ranges)
        built = to_engine(model, request, options.target, options.limits, reporter(f"{key} for {', '.join(gpus)}"))
        yield EngineRow(key, engine_spec(options.target, request, built, spec.sha256), built, error)
