"""Builds a pack, or exchanges graphs inside one: graphs, manifest, probe, licence and model card, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from export.families.family import Family
from export.final_picture import GRAPHS as SWAP_GRAPHS
from export.final_picture import exported_parity, require_final
from export.fold_upsample import fold_upsample
from export.fuse_adain import fuse_adain
from export.model_card import model_card
from export.origins import pack_terms
from export.parity import BACKENDS, Parity, check_parity, manifest_parity, measurable_backends, random_batches
from export.pictures import load_pictures
from export.probe import probe_arrays, probe_feeds
from export.run_record import commit_id, portable
from export.to_fp16 import REDUCED, Precision, convert
from export.to_onnx import constant_names, parameter_names, to_onnx
from export.torch_graph import TorchGraph
from export.typical import drop_stale
from facesdk.errors import PackError
from facesdk.pack import FamilySpec, Pack
from facesdk.pack.writer import (
    LICENSE_FILE,
    PROBE_EXPECTED,
    PROBE_INPUT,
    EngineContent,
    GraphContent,
    PackContent,
    probe_bytes,
    write_pack,
)

MAX_BYTES = 40_000_000
# What is kept free for the manifest itself, which is written last.
MANIFEST_BYTES = 100_000
CARD_FILE = "MODEL_CARD.md"
SWAP_FAMILY = "style_swap"
LICENSE_SPDX = "Apache-2.0"
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class PackOptions:
    """How a pack is made.

    Attributes:
        name, version, preset: of the pack; None = as the pack has it, else "nano", "0.1.0", "nano".
        precision: of the graphs that are exported now.
        precisions: name of a graph -> its own precision.
        backends: what parity is measured on; None = all that can be measured here.
        pictures: folder of rendered pictures for parity beside the random ones.
        quality: contents of bench files for the model card.
        max_bytes: the whole pack may not be larger.
    """

    name: str | None = None
    version: str | None = None
    preset: str | None = None
    precision: Precision = "fp16-weights"
    precisions: Mapping[str, Precision] = field(default_factory=dict)
    backends: tuple[str, ...] | None = None
    pictures: Path | None = None
    quality: tuple[Mapping[str, Any], ...] = ()
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True)
class ExportedGraph:
    """One graph as it goes into the pack.

    Attributes:
        graph: what it is.
        data: the ONNX file.
        precision: what it was converted to.
        parity: rows against torch, empty when no backend was asked for.
        final: rows of the picture that the family makes in the end, with the graph that makes it.
    """

    graph: TorchGraph
    data: bytes
    precision: Precision
    parity: tuple[Parity, ...]
    final: tuple[Parity, ...] = ()


def export_graph(graph: TorchGraph, options: PackOptions) -> ExportedGraph:
    """Traces, simplifies, converts and checks one graph.

    Raises:
        ParityError: a runtime is too far from torch.
    """
    precision = options.precisions.get(graph.name, options.precision)
    model = fold_upsample(fuse_adain(to_onnx(graph)))
    finer, unpacked = (parameter_names(graph, some) for some in (graph.finer, graph.unpacked))
    # Constants are exact by design: a grid of places in int8 would move what lies on it by half a step.
    data = convert(model, precision, finer | constant_names(graph), unpacked).SerializeToString(deterministic=True)
    # The probe is among them, so that its tolerance on other machines, a multiple of the parity, fits it.
    batches = [*random_batches(graph), probe_feeds(graph)]
    if options.pictures is not None:
        batches.append(graph.feeds(load_pictures(options.pictures, graph.picture_hw(graph.example_sizes))))
    backends = [
        name
        for name in (measurable_backends() if options.backends is None else options.backends)
        if not (graph.float32_only and BACKENDS.get(name))
    ]
    rows = check_parity(graph, data, batches, backends, reduced=precision in REDUCED)
    return ExportedGraph(graph, data, precision, tuple(rows))


def assemble(families: Sequence[Family], out: Path, options: PackOptions | None = None) -> list[ExportedGraph]:
    """Exports families into a pack; what the pack held of other families and graphs stays.

    Args:
        families: what to put in; a graph of the same name replaces the older one. None at all writes the card anew.
        out: the pack's folder, made if missing.
        options: how.

    Returns:
        The graphs that were exported.

    Raises:
        PackError: `out` is another thing than a whole pack, or the result is too large. `out` is then as it was before.
        ParityError: a runtime is too far from torch; `out` is as it was before.
    """
    options = options or PackOptions()
    before = _open(out)
    exported = [export_graph(graph, options) for family in families for graph in family.graphs]
    exported = _with_final(exported)
    content = _content(before, families, exported, options)
    _check_size(content, options.max_bytes)
    write_pack(out, content, overwrite=before is not None)
    return exported


def pack_bytes(folder: Path) -> int:
    """Size of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _with_final(exported: Sequence[ExportedGraph]) -> list[ExportedGraph]:
    """The graphs with the parity of a whole swap at its decoder, if they make one and parity is measured at all."""
    swap = {item.graph.name: item for item in exported if item.graph.family == SWAP_FAMILY}
    backends = list(dict.fromkeys(row.backend for item in swap.values() for row in item.parity))
    if not backends or not set(SWAP_GRAPHS) <= set(swap):
        return list(exported)
    rows = exported_parity(
        {name: item.graph for name, item in swap.items()},
        {name: item.data for name, item in swap.items()},
        {name: item.precision for name, item in swap.items()},
        backends,
    )
    require_final(rows)
    last = swap[SWAP_GRAPHS[-1]]
    return [replace(item, final=tuple(rows)) if item is last else item for item in exported]


def _open(out: Path) -> Pack | None:
    if not out.exists():
        return None
    if not (out / "manifest.json").is_file():
        raise PackError(f"{out} exists and is no pack (it has no manifest.json).", "Name another folder for -o.")
    return Pack(out)


def _content(
    before: Pack | None, families: Sequence[Family], exported: Sequence[ExportedGraph], options: PackOptions
) -> PackContent:
    """The new pack: the older one's graphs and records with the exported ones put in."""
    old = before.manifest if before else None
    specs = dict(old.families) if old else {}
    graphs = _kept_graphs(before)
    training: dict[str, Any] = dict(old.training) if old else {}
    nets = dict(training.get("nets", {}))
    for family in families:
        specs[family.name] = _merged(specs.get(family.name), family)
        nets.update(family.training)
    for item in exported:
        graphs[item.graph.family, item.graph.name] = GraphContent(
            data=item.data,
            inputs=item.graph.inputs,
            outputs=item.graph.outputs,
            precision=item.precision,
            parity=manifest_parity(item.parity),
        )
    for name, spec in specs.items():
        digests = {graph: sha256(item.data).hexdigest() for (owner, graph), item in graphs.items() if owner == name}
        specs[name] = drop_stale(spec, digests)
    final = {row.backend: row.manifest() for item in exported for row in item.final}
    if final:
        training["final_picture"] = final
    version = options.version or (old.version if old else "0.1.0")
    kept = [run for run in training.get("quality", []) if _is_of(run, version)]
    quality = {run["title"]: run for run in [*kept, *options.quality]}
    training.update(nets=nets, quality=list(quality.values()))
    commit = commit_id(REPOSITORY) if exported else None
    if commit is not None:
        training["export_commit"] = commit
    inputs, expected = probe_arrays(
        [item.graph for item in exported],
        before.probe() if before else None,
        {item.graph.key: _least_error(item.parity) for item in exported},
    )
    content = PackContent(
        name=options.name or (old.name if old else "nano"),
        version=version,
        preset=options.preset or (old.preset if old else "nano"),
        license_spdx=LICENSE_SPDX,
        families=specs,
        graphs=graphs,
        files={
            LICENSE_FILE: (REPOSITORY / LICENSE_FILE).read_bytes(),
            PROBE_INPUT: probe_bytes(inputs),
            PROBE_EXPECTED: probe_bytes(expected),
        },
        training=portable(training),
        terms=pack_terms(LICENSE_SPDX, old.terms if old else None, old.training.get("nets", {}) if old else {}, nets),
    )
    card = model_card(content).encode()
    return replace(content, files={**content.files, CARD_FILE: card})


def _kept_graphs(before: Pack | None) -> dict[tuple[str, str], GraphContent]:
    """The older pack's graphs with their engines, each read against its hash."""
    if before is None:
        return {}
    return {
        (family, name): GraphContent(
            before.graph(family, name),
            spec.inputs,
            spec.outputs,
            spec.precision,
            spec.parity,
            tuple(EngineContent(engine, before.read(engine.file)) for engine in spec.engines),
        )
        for family, entry in before.manifest.families.items()
        for name, spec in entry.graphs.items()
    }


def _merged(old: FamilySpec | None, family: Family) -> FamilySpec:
    """A family's entry; an older one's tasks and crops stay where the new export says nothing of them."""
    known = old or FamilySpec((), {}, {})
    crops = {**known.preprocessing.get("crops", {}), **family.preprocessing.get("crops", {})}
    return FamilySpec(
        tasks=tuple(dict.fromkeys([*known.tasks, *family.tasks])),
        graphs={},
        preprocessing={**known.preprocessing, **family.preprocessing, "crops": crops},
        features=family.features or known.features,
        codes=family.codes or known.codes,
        extra={**known.extra, **family.extra},
    )


def _check_size(content: PackContent, max_bytes: int) -> None:
    sizes = {f"{family}.{name}": len(graph.data) for (family, name), graph in content.graphs.items()}
    sizes.update({path: len(data) for path, data in content.files.items()})
    sizes.update({e.spec.file: len(e.data) for graph in content.graphs.values() for e in graph.engines})
    total = sum(sizes.values()) + MANIFEST_BYTES
    if total > max_bytes:
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
        names = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in largest)
        raise PackError(
            f"The pack would have {total / 1e6:.2f} MB, at most {max_bytes / 1e6:.2f} MB may be (largest: {names}).",
            "Store the weights in fewer bits (--precision fp16-weights, int8-weights), take a smaller preset, or raise "
            "--max-mb.",
        )


def _is_of(run: Mapping[str, Any], version: str) -> bool:
    """Whether figures of a bench are of this version of the pack; those of what is no pack are of any."""
    return (run.get("settings") or {}).get("pack_version", version) == version


def _least_error(rows: Sequence[Parity]) -> float:
    """Of the backend that is nearest to torch; 0 if parity was not measured."""
    return min((figures["mean_abs"] for figures in manifest_parity(rows).values()), default=0.0)
