"""Opens a pack: the manifest is signed, and every byte that is used was hashed against it first."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import PackError
from facesdk.pack.graph_check import check_graph
from facesdk.pack.manifest import MANIFEST_FILE, GraphSpec, Manifest, parse_manifest
from facesdk.pack.signature import MAX_SIGNATURE_BYTES, SIGNATURE_FILE, check_signature, signing_key_of
from facesdk.pack.trusted_keys import trusted_keys
from facesdk.settings import Settings

MAX_MANIFEST_BYTES = 4 << 20
CURE = "Reinstall the pack. `facesdk packs verify` checks every file."

Arrays = dict[str, NDArray[Any]]


class Pack:
    """A folder of graphs with a signed manifest. Open one with `open_pack`.

    Opening checks the signature, the manifest, and that the folder holds exactly the files that it lists, with their
    sizes. A file's hash is checked each time it is read, on the same bytes that are handed out. Hard links are let
    through, as installers make them of every file: what counts is what is read.

    Args:
        path: the pack's folder.
        unsigned: whether it may be one that nobody signed whom this machine trusts; by default what the settings say.
            The graphs of such a one are tried in another process before they are run in this one.
        settings: read from the environment by default.

    Attributes:
        signer: who signed it, or None if it is unsigned or its key is not trusted.
        manifest_bytes: the bytes that were signed.

    Raises:
        PackError: no manifest, no signature or a wrong one, a newer format, faults of which every one is listed, or a
            licence that forbids what FACESDK_COMMERCIAL asks for.
    """

    def __init__(self, path: Path, unsigned: bool | None = None, settings: Settings | None = None) -> None:
        chosen = settings or Settings.from_environment()
        data = _read_manifest(path)
        # Before a byte of it is believed.
        self.signer = _check_signer(path, data, chosen.allow_unsigned if unsigned is None else unsigned, chosen)
        self._open(path, data)
        if chosen.commercial:
            self._check_commercial()

    @classmethod
    def before_signing(cls, path: Path) -> Self:
        """Opens a pack as its signer does: an older signature, which may not fit any more, is not looked at.

        Raises:
            PackError: no manifest, a newer format, or faults.
        """
        pack = cls.__new__(cls)
        pack.signer = None
        pack._open(path, _read_manifest(path))
        return pack

    def _open(self, path: Path, data: bytes) -> None:
        self.path = path
        self.manifest_bytes = data
        self.manifest: Manifest = parse_manifest(data, path.name)
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
            PackError: the pack has no such graph, the file differs from the manifest, or it holds what no graph may.
        """
        spec = self.manifest.graph(family, name)
        data = self.read(spec.file)
        faults = check_graph(data, spec.control_flow)
        if faults:
            raise PackError(f"pack {self.name}: {spec.file}: {'; '.join(faults)}. Not opened.", CURE)
        return data

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
        """Reads and hashes every listed file, and looks into every graph.

        Returns:
            The number of files.

        Raises:
            PackError: files differ; all of them are listed.
        """
        faults = []
        graphs = {spec.file: spec for spec in self.graphs.values()}
        for file in self.manifest.listed():
            try:
                data = self.read(file)
            except PackError as error:
                faults.append(str(error).splitlines()[0])
                continue
            if file in graphs:
                wrong = check_graph(data, graphs[file].control_flow)
                faults += [f"pack {self.name}: {file}: {fault}. Not opened." for fault in wrong]
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
                arrays = {key: archive[key] for key in archive.files}
            # A text names the array that is the same.
            return {key: arrays[str(value)] if value.dtype.kind == "U" else value for key, value in arrays.items()}
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
            elif file in (MANIFEST_FILE, SIGNATURE_FILE):
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

    def _check_commercial(self) -> None:
        terms = self.manifest.terms
        if terms.commercial == "yes":
            return
        because = [f"{o.name} ({o.spdx}: {o.commercial})" for o in terms.origins if o.commercial != "yes"]
        derived = f", derived from {', '.join(because)}" if because else ""
        raise PackError(
            f"pack {self.name}: commercial use: {terms.commercial} ({self.manifest.license_spdx}{derived}), and "
            "FACESDK_COMMERCIAL=1 asks for packs that allow it. Not opened.",
            "Read its licence: facesdk packs licenses. Use another pack, or ask its maker.",
        )


def _check_signer(path: Path, manifest: bytes, unsigned: bool, settings: Settings) -> str | None:
    """Who signed a manifest; None only where unsigned packs are allowed."""
    signed = os.path.lexists(path / SIGNATURE_FILE)
    if signed:
        signature = _read_plain(path, SIGNATURE_FILE, MAX_SIGNATURE_BYTES, path.name)
        signer = check_signature(manifest, signature, trusted_keys(settings), path.name)
        if signer is not None or unsigned:
            return signer
        key = signing_key_of(signature, path.name)
        raise PackError(
            f"pack {path.name}: signed by a key that this machine does not trust ({key[:16]}...). Not opened.",
            "If you know its maker, get their public key from them: facesdk packs trust KEY.pub.pem --name WHO",
        )
    if not unsigned:
        raise PackError(
            f"pack {path.name}: it is not signed: it has no {SIGNATURE_FILE}. Not opened.",
            "Ask its maker to sign it. A model file is a program: only if you made it yourself, "
            "--allow-unsigned or FACESDK_ALLOW_UNSIGNED=1 opens it.",
        )
    return None


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
