"""Backdrops from photographs that show nobody: what a detector meets out there and the face world does not draw.

    python -m train.data.backdrops DIR --pictures FOLDER --pictures FOLDER

reads every picture below the folders and writes DIR/backdrops-<split>.npz; a tenth of the pictures, chosen by name, is
for validation only. A picture with an alpha channel is a thing that was cut out: things are laid before the others.
Wallpapers and cut-out stamps of Linux distributions serve. Leave out whatever shows a person, a doll or a statue.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from facesdk.errors import InputError
from train.data.face_world.types import Split
from train.data.picture_file import has_pictures, load_pictures, save_pictures

U8 = NDArray[np.uint8]

# Larger than a scene, so that a batch can cut, zoom and mirror it.
BACKDROP_PX = 400
LONGEST_PX = 2000
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def split_of(path: Path) -> Split:
    """Which split a picture belongs to, by its folder's and its own name: copies in other formats stay together."""
    return "validation" if zlib.crc32(f"{path.parent.name}/{path.stem}".encode()) % 10 == 0 else "train"


def read_picture(path: Path) -> U8:
    """A picture of at most `LONGEST_PX`, (H, W, 4) uint8 RGBA."""
    with Image.open(path) as opened:
        opened.draft("RGB", (LONGEST_PX, LONGEST_PX))  # a JPEG is decoded no larger than is needed
        picture = opened.convert("RGBA")
    picture.thumbnail((LONGEST_PX, LONGEST_PX))
    return np.asarray(picture)


def is_cut_out(picture: U8, least_share: float = 0.05) -> bool:
    """Whether an RGBA picture shows a thing before nothing."""
    return bool((picture[..., 3] < 16).mean() > least_share)


def compose_backdrop(photographs: Sequence[U8], things: Sequence[U8], rng: np.random.Generator, size: int) -> U8:
    """One place, with some things before it.

    Args:
        photographs: (H, W, 3 or more) uint8 each, one at least.
        things: (H, W, 4) uint8 RGBA each, may be empty.
        rng: source of randomness.
        size: side in pixels.

    Returns:
        (size, size, 3) uint8.
    """
    picture = photographs[rng.integers(len(photographs))]
    most = min(picture.shape[:2])
    side = int(np.exp(rng.uniform(np.log(min(most, size / 2)), np.log(most))))
    top, left = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
    cut = np.ascontiguousarray(picture[top : top + side, left : left + side, :3])
    out = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)
    for _ in range(int(rng.integers(0, 6)) if things else 0):
        _lay(out, things[rng.integers(len(things))], rng)
    return out


def _lay(out: U8, thing: U8, rng: np.random.Generator) -> None:
    """Lays a thing over a picture, in place; it may stand out of it by half."""
    size = len(out)
    scale = np.exp(rng.uniform(np.log(0.08), np.log(0.9))) * size / max(thing.shape[:2])
    width, height = (max(2, round(length * scale)) for length in thing.shape[1::-1])
    small = cv2.resize(thing, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        small = small[:, ::-1]
    left, top = (int(rng.uniform(-length / 2, size - length / 2)) for length in (width, height))
    rows, columns = slice(max(top, 0), min(top + height, size)), slice(max(left, 0), min(left + width, size))
    part = small[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left].astype(np.float32)
    share = part[..., 3:] / 255
    out[rows, columns] = np.rint(out[rows, columns] * (1 - share) + part[..., :3] * share)


def has_backdrops(folders: Sequence[Path], split: Split) -> bool:
    """Whether some were made in any of the folders."""
    return has_pictures(folders, "backdrops", split)


def load_backdrops(folders: Sequence[Path], split: Split) -> U8 | None:
    """The backdrops (N, BACKDROP_PX, BACKDROP_PX, 3) that were made in some of the folders; None if there are none."""
    return load_pictures(folders, "backdrops", split)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with portrait shards; the backdrops are written into it.")],
    pictures: Annotated[list[Path], typer.Option(help="Folder with pictures that show nobody.")],
    count: Annotated[int, typer.Option(min=1, help="Backdrops of the training split; a tenth for validation.")] = 1000,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Makes backdrops of both splits."""
    paths = sorted(path for place in pictures for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"no picture below {', '.join(map(str, pictures))}.", f"Known kinds: {', '.join(SUFFIXES)}.")
    read = [(split_of(path), read_picture(path)) for path in track(paths, "read")]
    splits: tuple[tuple[Split, int], ...] = (("train", count), ("validation", -(-count // 10)))
    for number, (split, wanted) in enumerate(splits):
        own = [picture for of, picture in read if of == split]
        things = [picture for picture in own if is_cut_out(picture)]
        photographs = [picture for picture in own if not is_cut_out(picture)]
        if not photographs:
            raise InputError(f"{split}: no picture but cut-out things.", "Add whole photographs.")
        rng = np.random.default_rng([seed, number])
        made = [compose_backdrop(photographs, things, rng, BACKDROP_PX) for _ in track(range(wanted), split)]
        path = save_pictures(folder, "backdrops", split, made)
        typer.echo(f"{path}: {len(made)} backdrops of {len(photographs)} photographs and {len(things)} things.")


if __name__ == "__main__":
    typer.run(main)
