"""Writes a pack: all of it, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import PackError
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

LICENSE_FILE = "LICENSE"
PROBE_INPUT = "probe/input.npz"
PROBE_EXPECTED = "probe/expected.npz"


@dataclass(frozen=True)
class GraphContent:
    """A graph to be written.

    Attributes:
        data: ONNX bytes.
        inputs, outputs: its tensors.
        precision: "fp32", "fp16" or "fp16-weights".
        parity: for each backend its figures.
    """

    data: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precision: str
    parity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class PackContent:
    """A pack to be written.

    Attributes:
        name, version, preset, license_spdx, training: as in the manifest.
        families: without their graphs.
        graphs: by (family, graph).
        files: every other file by its path in the pack; LICENSE among them.
    """

    name: str
    version: str
    preset: str
    license_spdx: str
    families: Mapping[str, FamilySpec]
    graphs: Mapping[tuple[str, str], GraphContent]
    files: Mapping[str, bytes]
    training: Mapping[str, Any] = field(default_factory=dict)


def probe_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays keyed "family.graph.tensor" as the bytes of PROBE_INPUT or PROBE_EXPECTED; equal arrays, equal bytes."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **dict(sorted(arrays.items())))
    return stream.getvalue()


def write_pack(path: Path, content: PackContent, overwrite: bool = False) -> Pack:
    """Writes a pack into a folder beside `path`, opens and verifies it there, then renames it to `path`.

    Args:
        path: the pack's folder; the folder above it is created if need be.
        content: what to write; hashes and sizes are worked out here.
        overwrite: replace a pack that is there already.

    Returns:
        The pack, opened.

    Raises:
        PackError: something stands at `path`, the content is faulty, or the folder cannot be written.
    """
    if path.exists() and not overwrite:
        raise PackError(f"{path} exists already. Not written.", "Choose another folder, or overwrite it explicitly.")
    if path.exists() and not (path / MANIFEST_FILE).is_file():
        raise PackError(f"{path} exists and is no pack, so it is not overwritten.", "Choose another folder.")
    manifest, files = _assemble(content)
    # The same check that a reader makes, before anything is written.
    parse_manifest(manifest.to_json(), content.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    except OSError as error:
        raise PackError(f"{path.parent} cannot be written ({error.strerror}).", "Choose another folder.") from error
    staged = temporary / "new"
    try:
        _write_files(staged, manifest, files)
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
    files = dict(content.files)
    families: dict[str, FamilySpec] = {}
    for name, family in content.families.items():
        graphs = {}
        for (owner, graph_name), graph in content.graphs.items():
            if owner != name:
                continue
            file = f"graphs/{name}.{graph_name}.onnx"
            files[file] = graph.data
            graphs[graph_name] = GraphSpec(
                file=file,
                sha256=hashlib.sha256(graph.data).hexdigest(),
                bytes=len(graph.data),
                precision=graph.precision,
                inputs=graph.inputs,
                outputs=graph.outputs,
                parity=graph.parity,
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
        files={p: FileSpec(hashlib.sha256(d).hexdigest(), len(d)) for p, d in content.files.items()},
        training=content.training,
    )
    return manifest, files


def _write_files(root: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    root.mkdir()
    for file, data in [*files.items(), (MANIFEST_FILE, manifest.to_json().encode())]:
        target = root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
