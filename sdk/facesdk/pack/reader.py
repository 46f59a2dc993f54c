"""Opens a pack: every byte that is used was hashed against the manifest first."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import PackError
from facesdk.pack.manifest import MANIFEST_FILE, GraphSpec, Manifest, parse_manifest

MAX_MANIFEST_BYTES = 4 << 20
CURE = "Reinstall the pack. `facesdk packs verify` checks every file."

Arrays = dict[str, NDArray[Any]]


class Pack:
    """A folder of graphs with a manifest. Open one with `open_pack`.

    Opening checks the manifest and that the folder holds exactly the files that it lists, with their sizes. A file's
    hash is checked each time it is read, on the same bytes that are handed out.

    Args:
        path: the pack's folder.

    Raises:
        PackError: no manifest, a newer format, or faults; every fault is listed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: Manifest = parse_manifest(_read_manifest(path), path.name)
        self.name = self.manifest.name
        self._check_folder()

    def __repr__(self) -> str:
        return f"Pack({self.manifest.name!r}, version={self.manifest.version!r}, graphs={list(self.graphs)})"

    @cached_property
    def graphs(self) -> dict[str, GraphSpec]:
        """Every graph by "family.graph"."""
        families = self.manifest.families.items()
        return {f"{family}.{name}": graph for family, spec in families for name, graph in spec.graphs.items()}

    @property
    def licenses(self) -> dict[str, str]:
        """Text of the licence by SPDX name."""
        return {self.manifest.license_spdx: self.read(self.manifest.license_file).decode("utf-8", "replace")}

    def graph(self, family: str, name: str) -> bytes:
        """A graph's ONNX bytes, verified.

        Raises:
            PackError: the pack has no such graph, or the file differs from the manifest.
        """
        return self.read(self.manifest.graph(family, name).file)

    def read(self, file: str) -> bytes:
        """A listed file's bytes, verified.

        Args:
            file: path inside the pack, with "/".

        Raises:
            PackError: not listed, not there, or it differs from the manifest.
        """
        spec = self.manifest.listed().get(file)
        if spec is None:
            raise PackError(f"pack {self.name}: {file} is not listed in its manifest. Not opened.", CURE)
        data = _read_plain(self.path, file, spec.bytes, self.name)
        if len(data) != spec.bytes:
            raise PackError(
                f"pack {self.name}: {file} does not match its manifest "
                f"({len(data)} bytes, {spec.bytes} expected). Not opened.",
                CURE,
            )
        if hashlib.sha256(data).hexdigest() != spec.sha256:
            raise PackError(f"pack {self.name}: {file} does not match its manifest (sha256 differs). Not opened.", CURE)
        return data

    def verify(self) -> int:
        """Reads and hashes every listed file.

        Returns:
            The number of files.

        Raises:
            PackError: files differ; all of them are listed.
        """
        faults = []
        for file in self.manifest.listed():
            try:
                self.read(file)
            except PackError as error:
                faults.append(str(error).splitlines()[0])
        if faults:
            raise PackError("\n".join(faults), CURE)
        return len(self.manifest.listed())

    def probe(self) -> tuple[Arrays, Arrays]:
        """The probe: inputs and the outputs that torch gave at export, keyed "family.graph.tensor".

        Raises:
            PackError: the pack has no probe, or it is damaged.
        """
        return self._arrays("probe/input.npz"), self._arrays("probe/expected.npz")

    def _arrays(self, file: str) -> Arrays:
        data = self.read(file)
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise PackError(f"pack {self.name}: {file} is no archive of arrays ({error}).", CURE) from error

    def _check_folder(self) -> None:
        listed = self.manifest.listed()
        faults = []
        seen = set()
        for file, info in _walk(self.path):
            seen.add(file)
            if not stat.S_ISREG(info.st_mode):
                faults.append(f"{file} is a link or no plain file")
            elif file == MANIFEST_FILE:
                continue
            elif file not in listed:
                faults.append(f"{file} is not listed in the manifest")
            elif info.st_size != listed[file].bytes:
                faults.append(f"{file} has {info.st_size} bytes, {listed[file].bytes} expected")
        faults += [f"{file} is missing" for file in listed if file not in seen]
        if len(faults) == 1:
            raise PackError(f"pack {self.name}: {faults[0]}. Not opened.", CURE)
        if faults:
            listing = "\n".join(f"  - {fault}" for fault in faults)
            raise PackError(f"pack {self.name}: {len(faults)} faults. Not opened.\n{listing}", CURE)


def _walk(root: Path) -> list[tuple[str, os.stat_result]]:
    """Every entry below root that is no folder, links not followed, as (path with "/", lstat)."""
    out: list[tuple[str, os.stat_result]] = []
    for folder, folders, files in os.walk(root, followlinks=False):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(files) + sorted(links):
            full = os.path.join(folder, name)
            out.append((os.path.relpath(full, root).replace(os.sep, "/"), os.lstat(full)))
    return out


def _read_manifest(path: Path) -> bytes:
    if not path.is_dir():
        raise PackError(
            f"no pack at {path}: {'it is a file' if path.exists() else 'no such folder'}.", "facesdk packs list"
        )
    if not (path / MANIFEST_FILE).exists():
        raise PackError(f"{path} is no pack: it has no {MANIFEST_FILE}.", "Give the folder that holds manifest.json.")
    data = _read_plain(path, MANIFEST_FILE, MAX_MANIFEST_BYTES, path.name)
    if len(data) > MAX_MANIFEST_BYTES:
        raise PackError(
            f"pack {path.name}: {MANIFEST_FILE} is larger than {MAX_MANIFEST_BYTES >> 20} MiB. Not opened.", CURE
        )
    return data


def _read_plain(root: Path, file: str, limit: int, name: str) -> bytes:
    """Reads at most limit + 1 bytes of a plain file; a link anywhere on the way is refused."""
    here = root
    for part in Path(file).parts:
        here = here / part
        if here.is_symlink():
            raise PackError(f"pack {name}: {file} is a link. Not opened.", CURE)
    try:
        with open(here, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise PackError(f"pack {name}: {file} is no plain file. Not opened.", CURE)
            return stream.read(limit + 1)
    except OSError as error:
        raise PackError(f"pack {name}: {file} cannot be read ({error.strerror}). Not opened.", CURE) from error
