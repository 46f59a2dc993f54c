"""Finds packs by name or folder."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import PackError
from facesdk.pack.manifest import MANIFEST_FILE
from facesdk.pack.reader import Pack
from facesdk.settings import Settings


@dataclass(frozen=True)
class PackEntry:
    """A pack that can be opened by name.

    Attributes:
        name: what `open_pack` takes: the folder's name.
        path: its folder.
        origin: "embedded" for one that ships with facesdk, else the folder of FACESDK_PACK_PATH that holds it.
    """

    name: str
    path: Path
    origin: str


def open_pack(
    name_or_path: str | os.PathLike[str] = "nano", settings: Settings | None = None, *, unsigned: bool | None = None
) -> Pack:
    """Opens a pack and checks it.

    A text without a separator is a name: it is looked for in the folders of FACESDK_PACK_PATH, in their order, then
    among the packs that ship with facesdk. Everything else ("./mine", "/packs/mine", a Path) is a folder.

    Args:
        name_or_path: the pack's name or folder.
        settings: read from the environment by default.
        unsigned: True opens a pack too that nobody signed whom this machine trusts; by default what the settings say.

    Raises:
        PackError: not found, not signed, or not as its manifest says.
    """
    text = os.fspath(name_or_path)
    if not _is_name(name_or_path):
        return Pack(Path(text).expanduser(), unsigned, settings)
    entries = list_packs(settings)
    for entry in entries:
        if entry.name == text:
            return Pack(entry.path, unsigned, settings)
    known = ", ".join(dict.fromkeys(entry.name for entry in entries)) or "none"
    hint = f" There is a folder of that name: write ./{text}." if Path(text).is_dir() else ""
    raise PackError(
        f"no pack is called {text!r}; known: {known}.",
        f"Give a pack's folder, or add the folder that holds it to FACESDK_PACK_PATH.{hint}",
    )


def list_packs(settings: Settings | None = None) -> list[PackEntry]:
    """The packs that have a name, in the order in which a name is looked for. They are not opened.

    Args:
        settings: read from the environment by default.
    """
    chosen = settings or Settings.from_environment()
    out = [entry for folder in chosen.pack_path for entry in _packs_in(folder, str(folder))]
    return out + list(_packs_in(_embedded_folder(), "embedded"))


def _is_name(name_or_path: str | os.PathLike[str]) -> bool:
    if not isinstance(name_or_path, str):
        return False
    separators = [s for s in (os.sep, os.altsep, "/") if s]
    return not any(s in name_or_path for s in separators) and not name_or_path.startswith((".", "~"))


def _embedded_folder() -> Path:
    return Path(str(importlib.resources.files("facesdk"))) / "packs"


def _packs_in(folder: Path, origin: str) -> Iterator[PackEntry]:
    try:
        candidates = sorted(folder.iterdir())
    except OSError:
        # A folder of the search path that is not there holds no packs; `facesdk doctor` names it.
        return
    for path in candidates:
        if not path.name.startswith(".") and (path / MANIFEST_FILE).is_file():
            yield PackEntry(path.name, path, origin)
