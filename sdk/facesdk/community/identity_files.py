"""Identity files of other tools: their embedding, and never a pickle, which would be a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from facesdk.community.table import CONVENTIONS, W600K
from facesdk.consent import HOW, Consent
from facesdk.enrolment import CROP_SIZE
from facesdk.errors import ConsentError, InputError, MediaError
from facesdk.identity import Identity
from facesdk.types import F32

WIDTH = 512
MAX_FILE_BYTES = 64 << 20
VISOMASTER_W600K = "Inswapper128ArcFace"
"""What VisoMaster calls w600k_r50 among the recognisers of an embedding store."""
UNIT_TOLERANCE = 1e-3


def import_identity(
    path: str | PathLike[str], consent: Consent | None, name: str | None = None, space: str | None = None
) -> Identity:
    """Reads a face that another tool saved.

    ReActor's face models (.safetensors, key "embedding"), the embedding lists of Rope and VisoMaster (.json), and plain
    arrays (.npy, (512,) or (n, 512), of which the mean is taken).

    Args:
        path: the file.
        consent: the statement that this face may be used.
        name: which entry of a list, where it has several.
        space: the recogniser that made it, a name of the table; a .npy file does not say, the others imply w600k_r50.

    Returns:
        An identity without pictures: swappers that read that recogniser's embeddings take it, and no others.

    Raises:
        ConsentError: no consent was given.
        MediaError: no such file, of none of these kinds, a pickle, or damaged.
        InputError: several entries and no name, no such entry, or it is not said whose embedding it is.
    """
    if consent is None:
        raise ConsentError("an identity needs a consent statement.", HOW)
    file = Path(path)
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise MediaError(
            f"{file.name}: files that end in {', '.join(_READERS)} are read, and no others.",
            "Pickles (.pkl, .pth, .pt) are programs and are never opened.",
        )
    if space is None and reader is _read_npy:
        raise InputError(
            f"{file.name} does not say which recogniser made it.", f"If it is that one: --recogniser {W600K}"
        )
    recogniser = space or W600K
    if recogniser not in CONVENTIONS or CONVENTIONS[recogniser].role != "recogniser":
        known = ", ".join(c.name for c in CONVENTIONS.values() if c.role == "recogniser")
        raise InputError(f"recogniser {recogniser!r}: one of {known} expected.")
    if not file.is_file():
        raise MediaError(f"{file}: no such file.", "Check the path.")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise MediaError(f"{file.name} is larger than {MAX_FILE_BYTES >> 20} MiB.", "Check the path.")
    rows = _check(reader(file, name), file.name)
    return _identity(rows, consent, recogniser)


def _identity(rows: F32, consent: Consent, space: str) -> Identity:
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    mean = (rows / lengths[:, None]).mean(0)
    # Rows that were scaled to 1 already do not tell how long the recogniser's own vectors were.
    is_unit = bool((np.abs(lengths - 1.0) < UNIT_TOLERANCE).all())
    return Identity(
        np.asarray(mean / np.linalg.norm(mean), np.float32),
        np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8),
        consent,
        pack="",
        space=space,
        length=0.0 if is_unit else float(np.linalg.norm(rows.astype(np.float64).mean(0))),
    )


def _check(values: NDArray[Any], name: str) -> F32:
    """(n, 512) float32 rows, finite and none of them zero."""
    if values.dtype.kind != "f":
        raise MediaError(f"{name}: its embedding holds {values.dtype}, floats expected.", "Save it again.")
    # What does not fit float32 becomes infinite, and is refused below.
    with np.errstate(over="ignore"):
        rows = np.atleast_2d(np.squeeze(np.asarray(values, np.float32)))
    if rows.ndim != 2 or rows.shape[1] != WIDTH or not len(rows):
        raise MediaError(
            f"{name}: its embedding has shape {values.shape}, ({WIDTH},) or (n, {WIDTH}) expected.",
            "Save it with a recogniser of 512 numbers.",
        )
    if not np.isfinite(rows).all() or (np.linalg.norm(rows, axis=1) < 1e-6).any():
        raise MediaError(f"{name}: its embedding is zero, NaN or infinite.", "Save it again.")
    total = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    if np.linalg.norm(total.mean(0)) < 1e-3:
        raise MediaError(f"{name}: its embeddings point nowhere together.", "Save those of one person.")
    return rows


def _read_safetensors(file: Path, name: str | None) -> NDArray[Any]:
    try:
        with safe_open(str(file), framework="numpy") as archive:
            if "embedding" not in archive.keys():  # noqa: SIM118 - it is no mapping
                raise MediaError(
                    f"{file.name} holds no tensor 'embedding', so it is no face model.", "Save it with ReActor."
                )
            return np.asarray(archive.get_tensor("embedding"))
    except (SafetensorError, OSError, TypeError) as error:
        raise MediaError(f"{file.name} is no safetensors file: {error}.", "Save it again.") from error


def _read_npy(file: Path, name: str | None) -> NDArray[Any]:
    try:
        values = np.load(file, allow_pickle=False)
    # A head that is no head makes NumPy raise whatever its reader stumbles over.
    except Exception as error:
        raise MediaError(
            f"{file.name} is no plain array of numbers ({error}).",
            "An array of objects is a pickle, which is a program: have the tool save the numbers alone.",
        ) from error
    if not isinstance(values, np.ndarray):
        values.close()
        raise MediaError(f"{file.name} is an archive, one array expected.", "Save the embedding alone.")
    return values


def _read_json(file: Path, name: str | None) -> NDArray[Any]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise MediaError(f"{file.name} is no JSON ({type(error).__name__}).", "Save it again.") from error
    entry = _pick(document if isinstance(document, list) else [document], name, file.name)
    store = entry.get("embedding_store")
    if store is not None:
        has = ", ".join(str(key) for key in store) if isinstance(store, dict) else ""
        if not isinstance(store, dict) or VISOMASTER_W600K not in store:
            raise MediaError(
                f"{file.name}: an embedding of {VISOMASTER_W600K} (w600k_r50) is needed; it holds: {has or 'none'}.",
                f"Save it in VisoMaster with the recogniser {VISOMASTER_W600K}.",
            )
        return _numbers(store[VISOMASTER_W600K], file.name)
    if "embedding" not in entry:
        raise MediaError(f"{file.name} holds no embedding.", "Save it with Rope or VisoMaster.")
    return _numbers(entry["embedding"], file.name)


def _pick(entries: Sequence[Any], name: str | None, file: str) -> dict[str, Any]:
    known = [entry for entry in entries if isinstance(entry, dict)]
    names = [str(entry.get("name", "")) for entry in known]
    if name is not None:
        if names.count(name) != 1:
            raise InputError(f"{file}: {names.count(name)} entries are called {name!r}; it has: {', '.join(names)}.")
        return known[names.index(name)]
    if len(known) != 1:
        raise InputError(
            f"{file} holds {len(known)} faces{': ' if names else ''}{', '.join(names)}.", "Say which one: --name NAME"
        )
    return known[0]


def _numbers(values: Any, file: str) -> NDArray[Any]:
    try:
        return np.asarray(values, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise MediaError(f"{file}: its embedding is no list of numbers.", "Save it again.") from error


_READERS: dict[str, Callable[[Path, str | None], NDArray[Any]]] = {
    ".safetensors": _read_safetensors,
    ".json": _read_json,
    ".npy": _read_npy,
}
