"""A part of rendered shards made small for a journey: JPEG pictures, PNG maps, within a limit of bytes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from train.data.face_world.shard_options import Kind
from train.data.face_world.shards import list_shards
from train.data.face_world.types import Split

Arrays = dict[str, NDArray[Any]]
PHOTOGRAPHS = ("rgb",)  # lossy
MAPS = ("parts", "alpha")  # exact
QUALITY = 92
VALIDATION_SHARE = 0.1  # of the limit
SPLITS: tuple[Split, ...] = ("validation", "train")
_DATA, _ENDS = "/data", "/ends"  # one encoded picture after the other, and where each ends


@dataclass(frozen=True)
class BundleReport:
    """What a bundle holds.

    Attributes:
        shards: split -> how many.
        pictures: split -> how many.
        bytes: of all files.
    """

    shards: dict[str, int]
    pictures: dict[str, int]
    bytes: int


def write_bundle(
    folders: Sequence[Path], kind: Kind, fields: Sequence[str], out: Path, max_bytes: int, seed: int = 0
) -> BundleReport:
    """Encodes shards of all folders in turn until the limit is reached.

    Args:
        folders: that `python -m train.data.face_world render` wrote.
        kind: of the shards.
        fields: arrays to keep.
        out: new folder.
        max_bytes: of all its files.
        seed: which shards.

    Raises:
        InputError: `out` exists, a folder has no shards, or the limit is too small for one shard of each folder.
    """
    if out.exists():
        raise InputError(f"{out} exists.", "Name a new folder.")
    rng = np.random.default_rng(seed)
    shards, pictures, used = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0), 0
    limits = {"validation": int(VALIDATION_SHARE * max_bytes), "train": max_bytes}
    places = [out / f"{number:02d}" for number in range(len(folders))]
    try:
        for folder, place in zip(folders, places):
            place.mkdir(parents=True)
            shutil.copyfile(folder / "world.json", place / "world.json")
            used += (place / "world.json").stat().st_size
        for split in SPLITS:
            orders = [rng.permutation(len(list_shards(folder, kind, split))) for folder in folders]
            for number, index in _in_turn(orders):
                path = list_shards(folders[number], kind, split)[index]
                with np.load(path, allow_pickle=False) as shard:
                    arrays = encode_arrays({name: shard[name] for name in fields})
                target = places[number] / path.name
                np.savez_compressed(target, **arrays)
                size = target.stat().st_size
                # A shard of each folder at least, whatever the share says.
                if used + size > (limits[split] if shards[split] >= len(folders) else max_bytes):
                    target.unlink()
                    break
                used, shards[split] = used + size, shards[split] + 1
                pictures[split] += len(arrays["rgb" + _ENDS])
            if shards[split] < len(folders):
                raise InputError(
                    f"{max_bytes / 1e6:g} MB hold {shards[split]} {split} shards of {len(folders)} folders.",
                    "Raise the limit, or render smaller shards (--sets-per-shard).",
                )
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return BundleReport(shards, pictures, used)


def unpack_bundle(bundle: Path, out: Path) -> list[Path]:
    """Writes a bundle's shards as training reads them.

    Args:
        bundle: what `write_bundle` wrote.
        out: folder, made if missing.

    Returns:
        The folders, in the order in which they were bundled.

    Raises:
        InputError: it holds none.
    """
    found = sorted(path.parent for path in bundle.glob("*/world.json"))
    if not found:
        raise InputError(f"{bundle} holds no bundled shards.", "Make it: python -m train.gpu_lease pack --help")
    places = []
    for folder in found:
        place = out / folder.name
        place.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as shard:
                np.savez(place / path.name, **decode_arrays({name: shard[name] for name in shard.files}))
        # Last, so that a half-unpacked folder is none.
        json.loads((folder / "world.json").read_text())
        shutil.copyfile(folder / "world.json", place / "world.json")
        places.append(place)
    return places


def encode_arrays(arrays: Arrays) -> Arrays:
    """Pictures and maps as JPEG and PNG; everything else as it is."""
    out: Arrays = {}
    for name, values in arrays.items():
        if name not in (*PHOTOGRAPHS, *MAPS):
            out[name] = values
            continue
        lossy = name in PHOTOGRAPHS
        coded = [_encode(value, lossy) for value in values]
        out[name + _DATA] = np.concatenate(coded)
        out[name + _ENDS] = np.cumsum([len(part) for part in coded])
    return out


def decode_arrays(arrays: Arrays) -> Arrays:
    """The arrays that `encode_arrays` was given, JPEG's loss aside."""
    out: Arrays = {}
    for name, values in arrays.items():
        if name.endswith(_DATA):
            stem = name.removesuffix(_DATA)
            parts = np.split(values, arrays[stem + _ENDS][:-1])
            out[stem] = np.stack([_decode(part, stem in PHOTOGRAPHS) for part in parts])
        elif not name.endswith(_ENDS):
            out[name] = values
    return out


def _encode(value: NDArray[Any], lossy: bool) -> NDArray[np.uint8]:
    if lossy:
        _, data = cv2.imencode(".jpg", value[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    else:
        _, data = cv2.imencode(".png", value, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return np.asarray(data, np.uint8).reshape(-1)


def _decode(data: NDArray[np.uint8], lossy: bool) -> NDArray[np.uint8]:
    found = cv2.imdecode(data, cv2.IMREAD_COLOR if lossy else cv2.IMREAD_UNCHANGED)
    if found is None:
        raise InputError("a bundled picture is damaged.", "Make the bundle anew.")
    return np.ascontiguousarray(found[..., ::-1]) if lossy else np.asarray(found, np.uint8)


def _in_turn(orders: Sequence[NDArray[np.int64]]) -> Iterator[tuple[int, int]]:
    """(folder, shard) of all folders in turn, each folder's shards in its order."""
    for turn in range(max(len(order) for order in orders)):
        for number, order in enumerate(orders):
            if turn < len(order):
                yield number, int(order[turn])
