"""Where generated faces are written: checked before any work, and written all or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from facesdk.errors import InputError, MediaError
from facesdk.media.sink import EXTENSIONS, check_writable, write_atomic
from facesdk.provenance.mark import MarkedImage, label_format

PICTURES = (*EXTENSIONS, ".gif", ".bmp", ".avif", ".heic")
"""A name that ends so is meant as a picture, and not as a folder."""


def face_paths(out: Path, names: Sequence[str], sources: Sequence[str] = ()) -> list[Path]:
    """The files that -o means: a folder that holds all of them, or for a single picture a file.

    Args:
        out: what -o says.
        names: of the files, should it be a folder; it need not exist.
        sources: pictures that must not be overwritten.

    Raises:
        InputError: a file for several pictures, or a source would be overwritten.
        ProvenanceError: its format cannot carry the label.
        MediaError: it cannot be written.
    """
    if out.suffix.lower() in PICTURES and not out.is_dir():
        if len(names) > 1:
            raise InputError(f"-o {out}: {len(names)} pictures do not go into one file.", "Give a folder: -o faces")
        label_format(out)
        paths = [check_writable(out)]
    else:
        there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise MediaError(f"{out} cannot be written: {there} is a file.", "Choose another folder: -o")
        if not os.access(there, os.W_OK | os.X_OK):
            raise MediaError(f"{out} cannot be written: no permission in {there}.", "Choose a folder of your own.")
        paths = [out / name for name in names]
    for path in (path for path in paths if path.exists()):
        if path.is_dir():
            raise MediaError(f"{path} cannot be written: it is a folder.", "Choose another place: -o")
        if any(Path(source).exists() and path.samefile(source) for source in sources):
            raise InputError(f"{path} is a source itself, and would be overwritten.", "Choose another place: -o")
    return paths


def write_faces(pictures: Sequence[tuple[Path, MarkedImage]]) -> None:
    """Writes pictures with their labels; if one fails, those that are new are taken away again.

    Args:
        pictures: each with its path; folders are made.

    Raises:
        MediaError: one cannot be written.
        ProvenanceError: a format cannot carry the label.
    """
    files = [(path, picture, picture.encode(label_format(path))) for path, picture in pictures]
    new: list[Path] = []
    try:
        for path, picture, data in files:
            missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise MediaError(f"{path.parent} cannot be created: {error.strerror}.", "Choose another: -o") from error
            finally:
                new += [folder for folder in reversed(missing) if folder.exists()]
            is_new = not path.exists()
            picture.log(data)
            write_atomic(path, data)
            new += [path] * is_new
    except BaseException:
        for path in reversed(new):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise
