"""Writes a pack: all of it, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import PackError
from facesdk.pack.engine_entries import EngineSpec
from facesdk.pack.licence import Terms
from facesdk.pack.manifest import (
    MANIFEST_FILE,
    FamilySpec,
    FileSpec,
    GraphSpec,
    Manifest,
    TensorSpec,
    parse_manifest,
)
from facesdk.pack.reader import Pack
from facesdk.pack.signature import SIGNATURE_FILE, sign_manifest
from facesdk.pack.trusted_keys import machine_key
from facesdk.settings import Settings

LICENSE_FILE = "LICENSE"
PROBE_INPUT = "probe/input.npz"
PROBE_EXPECTED = "probe/expected.npz"


@dataclass(frozen=True)
class EngineContent:
    """An engine to be written.

    Attributes:
        spec: its entry; the graph's hash in it is worked out anew.
        data: what its builder wrote.
    """

    spec: EngineSpec
    data: bytes


@dataclass(frozen=True)
class GraphContent:
    """A graph to be written.

    Attributes:
        data: ONNX bytes.
        inputs, outputs: its tensors.
        precision: "fp32", "fp16" or "fp16-weights".
        parity: for each backend its figures.
        engines: built from these very bytes.
    """

    data: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precision: str
    parity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    engines: tuple[EngineContent, ...] = ()


@dataclass(frozen=True)
class PackContent:
    """A pack to be written.

    Attributes:
        name, version, preset, license_spdx, training: as in the manifest.
        families: without their graphs.
        graphs: by (family, graph).
        files: every other file by its path in the pack; LICENSE among them.
        terms: what the licence allows; by default what its name says.
    """

    name: str
    version: str
    preset: str
    license_spdx: str
    families: Mapping[str, FamilySpec]
    graphs: Mapping[tuple[str, str], GraphContent]
    files: Mapping[str, bytes]
    training: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=lambda: Terms(""))


def probe_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays keyed "family.graph.tensor" as the bytes of PROBE_INPUT or PROBE_EXPECTED; equal arrays, equal bytes.

    Graphs often have the same input: an array that is there already is written as the name under which it is.
    """
    stream = io.BytesIO()
    known: dict[bytes, str] = {}
    # An .npz as NumPy reads it; bzip2 leaves two thirds of what its own deflate does.
    with zipfile.ZipFile(stream, "w") as archive:
        for name, values in sorted(arrays.items()):
            member = _npy(np.asarray(values))
            first = known.setdefault(member, name)
            data = member if first == name else _npy(np.array(first))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data, zipfile.ZIP_BZIP2)
    return stream.getvalue()


def _npy(values: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values, allow_pickle=False)
    return stream.getvalue()


def write_pack(path: Path, content: PackContent, overwrite: bool = False) -> Pack:
    """Writes a pack into a folder beside `path`, opens and verifies it there, then renames it to `path`.

    It is signed with this machine's own key, so that it opens here and nowhere else; for others its maker signs it.

    Args:
        path: the pack's folder; the folder above it is created if need be.
        content: what to write; hashes and sizes are worked out here.
        overwrite: replace a pack that is there already.

    Returns:
        The pack, opened.

    Raises:
        PackError: something stands at `path`, the content is faulty, or the folder cannot be written.
    """
    manifest, files = _assemble(content)
    return write_whole(path, manifest, files, overwrite)


def write_whole(path: Path, manifest: Manifest, files: Mapping[str, bytes], overwrite: bool = False) -> Pack:
    """As `write_pack`, of a manifest that is made already: what an older pack says of itself stays as it is.

    Args:
        path: the pack's folder.
        manifest: with the hash and size of every file.
        files: every file of the pack but the manifest and its signature, by path.
        overwrite: replace a pack that is there already.

    Raises:
        PackError: something stands at `path`, the content is faulty, or the folder cannot be written.
    """
    if path.exists() and not overwrite:
        raise PackError(f"{path} exists already. Not written.", "Choose another folder, or overwrite it explicitly.")
    if path.exists() and not (path / MANIFEST_FILE).is_file():
        raise PackError(f"{path} exists and is no pack, so it is not overwritten.", "Choose another folder.")
    # The same check that a reader makes, before anything is written.
    parse_manifest(manifest.to_json(), manifest.name)
    text = manifest.to_json().encode()
    signature = sign_manifest(text, machine_key(Settings.from_environment()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    except OSError as error:
        raise PackError(f"{path.parent} cannot be written ({error.strerror}).", "Choose another folder.") from error
    staged = temporary / "new"
    try:
        _write_files(staged, {**files, MANIFEST_FILE: text, SIGNATURE_FILE: signature})
        Pack(staged).verify()
        if path.exists():
            os.replace(path, temporary / "old")
        try:
            os.replace(staged, path)
        except OSError:
            if (temporary / "old").exists():
                os.replace(temporary / "old", path)
            raise
    except OSError as error:
        raise PackError(f"{path} cannot be written ({error.strerror}). Nothing was left there.", "") from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)
    return Pack(path)


def _assemble(content: PackContent) -> tuple[Manifest, dict[str, bytes]]:
    engines = {e.spec.file: e.data for graph in content.graphs.values() for e in graph.engines}
    beside = {**content.files, **engines}
    files = dict(beside)
    families: dict[str, FamilySpec] = {}
    for name, family in content.families.items():
        graphs = {}
        for (owner, graph_name), graph in content.graphs.items():
            if owner != name:
                continue
            file = f"graphs/{name}.{graph_name}.onnx"
            files[file] = graph.data
            sha256 = hashlib.sha256(graph.data).hexdigest()
            graphs[graph_name] = GraphSpec(
                file=file,
                sha256=sha256,
                bytes=len(graph.data),
                precision=graph.precision,
                inputs=graph.inputs,
                outputs=graph.outputs,
                parity=graph.parity,
                engines=tuple(replace(engine.spec, graph_sha256=sha256) for engine in graph.engines),
            )
        families[name] = replace(family, graphs=graphs)
    strangers = sorted({owner for owner, _ in content.graphs} - set(families))
    if strangers:
        raise PackError(f"pack {content.name}: graphs of families that are not listed: {', '.join(strangers)}.")
    manifest = Manifest(
        name=content.name,
        version=content.version,
        preset=content.preset,
        license_spdx=content.license_spdx,
        license_file=LICENSE_FILE,
        families=families,
        files={p: FileSpec(hashlib.sha256(d).hexdigest(), len(d)) for p, d in beside.items()},
        training=content.training,
        terms=content.terms,
    )
    return manifest, files


def _write_files(root: Path, files: Mapping[str, bytes]) -> None:
    root.mkdir()
    for file, data in files.items():
        target = root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
