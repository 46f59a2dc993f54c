"""Which of the arguments of `facesdk swap` are the pictures and films to change, and where the results go."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import InputError, MediaError
from facesdk.media.sink import EXTENSIONS
from facesdk.media.video_join import FORMATS
from facesdk.media.video_sniff import VIDEO_EXTENSIONS, is_video_file


@dataclass(frozen=True)
class Target:
    """A picture or film to change.

    Attributes:
        path: the file.
        is_film: whether it begins as a film does.
        out: where the result goes.
    """

    path: str
    is_film: bool
    out: Path


def split_arguments(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tells sources from targets: the last argument is a target, and so is every film before it.

    A pattern that the shell did not expand, and a folder, stand for the files that they hold.

    Returns:
        Sources as they are written, and the targets' paths.

    Raises:
        InputError: there is no source, or nothing that fits a pattern.
    """
    if len(paths) < 2:
        raise InputError("swap needs a source and a target.", "Example: facesdk swap me.identity party.jpg -o out.jpg")
    first = len(paths) - 1
    while first > 1 and is_video_file(Path(paths[first - 1])):
        first -= 1
    return list(paths[:first]), [file for path in paths[first:] for file in _expand(path)]


def plan_targets(files: Sequence[str], out: str, many: bool) -> list[Target]:
    """Says where each result goes.

    Args:
        files: the targets.
        out: what -o says.
        many: whether `out` is a folder, since the targets may be several.

    Raises:
        InputError: a result would overwrite its own target, or two results have one name.
        MediaError: a folder is needed and cannot be made.
    """
    if not many:
        return [Target(files[0], is_video_file(Path(files[0])), Path(out))]
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{len(files)} targets were given, and {out} is no folder.", "Give a folder: -o results")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be created: {error.strerror}.", "Choose another folder: -o") from error
    targets = [Target(file, is_video_file(Path(file)), folder / _result_name(file)) for file in files]
    for target in targets:
        if target.out.exists() and target.out.samefile(target.path):
            raise InputError(f"{target.out} is a target itself, and would be overwritten.", "Choose another -o.")
    names = [target.out.name for target in targets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two results would be called {twice[0]}.", "Swap them in two commands.")
    return targets


def _result_name(file: str) -> str:
    """The target's own name, with an extension that can be written."""
    path = Path(file)
    if is_video_file(path):
        return path.name if path.suffix.lower() in FORMATS else f"{path.stem}.mp4"
    return path.name if path.suffix.lower() in EXTENSIONS else f"{path.stem}.png"


def is_many(path: str) -> bool:
    """Whether a target's argument stands for several files."""
    return Path(path).is_dir() or (not Path(path).exists() and glob.has_magic(path))


def _expand(path: str) -> list[str]:
    if not is_many(path):
        return [path]
    wanted = {*EXTENSIONS, *VIDEO_EXTENSIONS}
    found = sorted(Path(path).iterdir()) if Path(path).is_dir() else sorted(map(Path, glob.glob(path)))
    files = [str(file) for file in found if file.is_file() and file.suffix.lower() in wanted]
    if not files:
        raise InputError(f"{path} holds no picture and no film.", "Check the path.")
    return files
