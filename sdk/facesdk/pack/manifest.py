"""The manifest: what a pack says about itself, the contract between export and runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from facesdk.errors import PackError
from facesdk.pack.engine_entries import EngineSpec, check_engines, engine_document, read_engines
from facesdk.pack.faults import Faults
from facesdk.pack.json_text import json_text
from facesdk.pack.licence import Terms, commercial_use, read_terms

FORMAT = 1
"""The newest pack format that this version reads, and the one that it writes."""

MANIFEST_FILE = "manifest.json"
PRECISIONS = ("fp32", "fp16", "fp16-weights", "int8-weights")
DTYPES = ("float32", "float16", "int64", "int32", "bool")


@dataclass(frozen=True)
class TensorSpec:
    """One tensor at a graph's edge.

    Attributes:
        name: its name in the graph.
        dtype: a name in DTYPES.
        shape: sizes; a string names a dynamic axis, and equal names have equal sizes.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class GraphSpec:
    """One graph of a family.

    Attributes:
        file: path inside the pack, with "/".
        sha256: of the file, 64 hexadecimal digits.
        bytes: the file's size.
        precision: a name in PRECISIONS.
        inputs, outputs: the tensors.
        parity: for each backend how far it was from torch at export: max_abs, mean_abs, cosine, ...
        control_flow: whether it has branches or loops; undeclared ones are refused.
        engines: the same graph compiled ahead of time; where none fits, the graph itself runs.
    """

    file: str
    sha256: str
    bytes: int
    precision: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    control_flow: bool = False
    engines: tuple[EngineSpec, ...] = ()


@dataclass(frozen=True)
class FileSpec:
    """A file beside the graphs: licence, model card, probe, engine."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class FamilySpec:
    """The graphs that make one family, and how pictures get in and out of them.

    Attributes:
        tasks: verbs, such as "swap".
        graphs: by name.
        preprocessing: colour order, layout, range, crops; as in the file.
        features: names of the tensors that the encoder hands to the decoder; may be empty.
        codes: number of styles and width of each, or None.
        extra: every other key of the family.
    """

    tasks: tuple[str, ...]
    graphs: Mapping[str, GraphSpec]
    preprocessing: Mapping[str, Any]
    features: tuple[str, ...] = ()
    codes: tuple[int, int] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a pack says about itself.

    Attributes:
        name, version, preset: of the pack.
        license_spdx, license_file: the licence's SPDX name, and the file that holds its text.
        families: by name.
        files: every other file of the pack but the manifest itself, by path.
        training: where the weights are from: data, seeds, steps, commit, figures.
        format: format number.
        terms: what the licence allows; by default what its name says.
    """

    name: str
    version: str
    preset: str
    license_spdx: str
    license_file: str
    families: Mapping[str, FamilySpec]
    files: Mapping[str, FileSpec]
    training: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT
    terms: Terms = field(default_factory=lambda: Terms(""))

    def __post_init__(self) -> None:
        if not self.terms.commercial:
            object.__setattr__(self, "terms", replace(self.terms, commercial=commercial_use(self.license_spdx)))

    def family(self, name: str) -> FamilySpec:
        """A family by name.

        Raises:
            PackError: the pack does not have it.
        """
        if name not in self.families:
            has = ", ".join(sorted(self.families)) or "none"
            raise PackError(
                f"pack {self.name}: no family {name!r}; it has: {has}.", "Choose another pack: facesdk packs list"
            )
        return self.families[name]

    def graph(self, family: str, name: str) -> GraphSpec:
        """A graph by family and name.

        Raises:
            PackError: the pack does not have it.
        """
        graphs = self.family(family).graphs
        if name not in graphs:
            has = ", ".join(sorted(graphs)) or "none"
            raise PackError(
                f"pack {self.name}: {family} has no graph {name!r}; it has: {has}.", "Export the pack again."
            )
        return graphs[name]

    def listed(self) -> dict[str, FileSpec]:
        """Every file that the pack must hold beside the manifest, by path, graphs included."""
        graphs = [g for family in self.families.values() for g in family.graphs.values()]
        return {**self.files, **{g.file: FileSpec(g.sha256, g.bytes) for g in graphs}}

    def to_json(self) -> str:
        """The manifest as the text of manifest.json."""
        document = {
            "format": self.format,
            "name": self.name,
            "version": self.version,
            "preset": self.preset,
            "license": {
                "spdx": self.license_spdx,
                "file": self.license_file,
                **self.terms.document(self.license_spdx),
            },
            "families": {name: _family_document(family) for name, family in self.families.items()},
            "files": {path: {"sha256": f.sha256, "bytes": f.bytes} for path, f in sorted(self.files.items())},
            "training": dict(self.training),
        }
        return json_text(document) + "\n"


def parse_manifest(text: str | bytes, where: str) -> Manifest:
    """Reads and checks a manifest.

    Args:
        text: what manifest.json holds.
        where: how errors call the pack.

    Raises:
        PackError: it is no JSON, of a newer format, or wrong; the text lists every fault at once.
    """
    try:
        document = json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise PackError(
            f"pack {where}: {MANIFEST_FILE} is no JSON ({error}). Not opened.", "Reinstall the pack."
        ) from error
    if not isinstance(document, dict):
        raise PackError(f"pack {where}: {MANIFEST_FILE} holds no object. Not opened.", "Reinstall the pack.")
    number = document.get("format")
    # The format is judged first and alone: of a newer one the rest cannot be known.
    if isinstance(number, int) and not isinstance(number, bool) and number > FORMAT:
        raise PackError(
            f"pack {where}: written in format {number}, and this facesdk reads formats up to {FORMAT}. Not opened.",
            "Update facesdk (pip install -U facesdk), or use an older version of the pack.",
        )
    faults = Faults()
    manifest = _read_manifest(document, faults)
    if faults.lines:
        listing = "\n".join(f"  - {line}" for line in faults.lines)
        count = f"{len(faults.lines)} fault" + ("s" if len(faults.lines) > 1 else "")
        raise PackError(f"pack {where}: {count} in {MANIFEST_FILE}. Not opened.\n{listing}", "Export the pack again.")
    return manifest


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two equal keys one reader takes the first and another the last: what was signed would not be one thing."""
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return out


def _read_manifest(document: dict[str, Any], faults: Faults) -> Manifest:
    number = faults.integer(document, "format", "", low=1)
    license_document = faults.mapping(document, "license", "")
    terms = read_terms(license_document, faults) if license_document else Terms("no")
    families = {
        name: _read_family(value, f"families.{name}", faults)
        for name, value in faults.mapping(document, "families", "", filled=True).items()
    }
    files = {
        path: FileSpec(faults.sha256(value, f"files.{path}"), faults.integer(value, "bytes", f"files.{path}"))
        for path, value in faults.mapping(document, "files", "").items()
        if faults.path(path, f"files.{path}") and faults.is_mapping(value, f"files.{path}")
    }
    manifest = Manifest(
        name=faults.text(document, "name", ""),
        version=faults.text(document, "version", ""),
        preset=faults.text(document, "preset", ""),
        license_spdx=str(license_document.get("spdx", "")),
        license_file=faults.text(license_document, "file", "license") if license_document else "",
        families=families,
        files=files,
        training=faults.mapping(document, "training", "", required=False),
        format=number,
        terms=terms,
    )
    if manifest.license_file and manifest.license_file not in files:
        faults.add("license.file", f"{manifest.license_file!r} is not among files")
    elif manifest.license_file and not files[manifest.license_file].bytes:
        faults.add("license.file", f"{manifest.license_file!r} is empty")
    seen = set(files)
    for name, family in families.items():
        for graph_name, graph in family.graphs.items():
            if graph.file in seen:
                faults.add(f"families.{name}.graphs.{graph_name}.file", f"{graph.file!r} is listed twice")
            seen.add(graph.file)
            check_engines(graph.engines, graph.sha256, files, f"families.{name}.graphs.{graph_name}", faults)
    return manifest


def _read_family(value: object, at: str, faults: Faults) -> FamilySpec:
    if not faults.is_mapping(value, at):
        return FamilySpec((), {}, {})
    assert isinstance(value, dict)
    graphs = {
        name: _read_graph(graph, f"{at}.graphs.{name}", faults)
        for name, graph in faults.mapping(value, "graphs", at, filled=True).items()
    }
    codes = value.get("codes")
    pair: tuple[int, int] | None = None
    if codes is not None:
        if isinstance(codes, list) and len(codes) == 2 and all(type(c) is int and c > 0 for c in codes):
            pair = (codes[0], codes[1])
        else:
            faults.add(f"{at}.codes", f"two whole numbers above 0 expected, got {codes!r}")
    return FamilySpec(
        tasks=faults.texts(value, "tasks", at),
        graphs=graphs,
        preprocessing=faults.mapping(value, "preprocessing", at),
        features=faults.texts(value, "features", at) if "features" in value else (),
        codes=pair,
        extra={k: v for k, v in value.items() if k not in ("tasks", "graphs", "preprocessing", "features", "codes")},
    )


def _read_graph(value: object, at: str, faults: Faults) -> GraphSpec:
    if not faults.is_mapping(value, at):
        return GraphSpec("", "", 0, "", (), ())
    assert isinstance(value, dict)
    file = faults.text(value, "file", at)
    faults.path(file, f"{at}.file")
    parity = {
        backend: faults.numbers(figures, f"{at}.parity.{backend}")
        for backend, figures in faults.mapping(value, "parity", at, required=False).items()
    }
    return GraphSpec(
        file=file,
        sha256=faults.sha256(value, at),
        bytes=faults.integer(value, "bytes", at),
        precision=faults.choice(value, "precision", at, PRECISIONS),
        inputs=_read_tensors(value, "inputs", at, faults),
        outputs=_read_tensors(value, "outputs", at, faults),
        parity=parity,
        control_flow=_read_flag(value, "control_flow", at, faults),
        engines=read_engines(value, at, faults),
    )


def _read_flag(value: dict[str, Any], key: str, at: str, faults: Faults) -> bool:
    flag = value.get(key, False)
    if not isinstance(flag, bool):
        faults.add(f"{at}.{key}", f"true or false expected, got {flag!r}")
    return flag is True


def _read_tensors(value: dict[str, Any], key: str, at: str, faults: Faults) -> tuple[TensorSpec, ...]:
    tensors = []
    for index, entry in enumerate(faults.entries(value, key, at)):
        here = f"{at}.{key}[{index}]"
        if faults.is_mapping(entry, here):
            name = faults.text(entry, "name", here)
            tensors.append(TensorSpec(name, faults.choice(entry, "dtype", here, DTYPES), faults.shape(entry, here)))
    if len({tensor.name for tensor in tensors}) < len(tensors):
        faults.add(f"{at}.{key}", "a name stands twice")
    return tuple(tensors)


def _family_document(family: FamilySpec) -> dict[str, Any]:
    document: dict[str, Any] = {"tasks": list(family.tasks)}
    document["graphs"] = {name: _graph_document(graph) for name, graph in family.graphs.items()}
    document["preprocessing"] = dict(family.preprocessing)
    if family.features:
        document["features"] = list(family.features)
    if family.codes:
        document["codes"] = list(family.codes)
    return document | dict(family.extra)


def _graph_document(graph: GraphSpec) -> dict[str, Any]:
    def tensors(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
        return [{"name": t.name, "dtype": t.dtype, "shape": list(t.shape)} for t in specs]

    document: dict[str, Any] = {
        "file": graph.file,
        "sha256": graph.sha256,
        "bytes": graph.bytes,
        "precision": graph.precision,
        "inputs": tensors(graph.inputs),
        "outputs": tensors(graph.outputs),
        "parity": {backend: dict(figures) for backend, figures in graph.parity.items()},
        **({"control_flow": True} if graph.control_flow else {}),
    }
    if graph.engines:
        document["engines"] = [engine_document(engine) for engine in graph.engines]
    return document
