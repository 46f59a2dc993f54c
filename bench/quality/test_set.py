"""The swap test set: triplets with the exact swap, a gallery, and a re-render that only gets the skin right."""

from __future__ import annotations

import json
import multiprocessing
import os
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from facesdk.errors import InputError
from facesdk.faces.align import compose
from train.data.face_world.groups import Jitter, group_crop, group_set, member_sets
from train.data.face_world.head import FACEKIT_VARIABLE, available_heads
from train.data.face_world.render import aligned_crop, render
from train.data.face_world.sample import SPLITS, head_index, identity_number, sample_attributes, sample_identity
from train.data.face_world.shards import WORLD_VERSION
from train.data.face_world.swap import exact_swap
from train.data.face_world.types import F32, Attributes, HeadName, Identity, Picture

Arrays = dict[str, NDArray[Any]]
Row = dict[str, Any]
GALLERY_TURN = 0.4  # a gallery picture turns the head this much of a usual one


@dataclass(frozen=True)
class SwapSetOptions:
    """What decides the test set.

    Attributes:
        heads: head models, used in turn.
        identities: test identities in all, shared evenly by the heads; the gallery has each once.
        triplets: swaps.
        seed: of the settings.
        members: people of a set: the first one's pictures are the targets, each other one is a source.
        frame_px: side of a picture; its middle half is an aligned crop.
        supersample, hair_strands: of the renderer.
    """

    heads: tuple[HeadName, ...]
    identities: int = 100
    triplets: int = 160
    seed: int = 7
    members: int = 4
    frame_px: int = 256
    supersample: int = 2
    hair_strands: int = 5000

    def __post_init__(self) -> None:
        missing = [head for head in self.heads if head not in available_heads()]
        if not self.heads or missing:
            raise InputError(
                f"head models {missing or '(none)'} are not here.",
                f"Set {FACEKIT_VARIABLE}, or choose from {', '.join(available_heads())}.",
            )
        if self.triplets < 1 or self.members < 2 or self.identities < 2 * self.members * len(self.heads):
            raise InputError(
                f"swap test set: {self.identities} identities, {self.triplets} triplets, sets of {self.members}.",
                f"Ask for a triplet, sets of 2 and {2 * self.members * len(self.heads)} identities at least.",
            )

    @property
    def crop_px(self) -> int:
        """Side of the aligned crop in the middle of a picture."""
        return self.frame_px // 2


def load_test_set(directory: Path, options: SwapSetOptions, workers: int = 2) -> tuple[Arrays, Arrays]:
    """The triplets and the gallery, rendered on first use.

    Args:
        directory: where they are kept.
        options: what decides them; another set of options is another file.
        workers: processes; 1 renders in this one.

    Returns:
        Triplets: source, target, exact, recoloured (N, S, S, 3) uint8; landmarks of the first three (N, 68, 2) float32
        pixels; identity, target_identity (N,) int64; yaw degrees, tone, target_tone, age (N,) float32; glasses (N,)
        bool; head (N,) int64. Gallery: rgb, landmarks, identity, tone.

    Raises:
        InputError: the file was made by another version of the renderer, with other options, or is damaged.
    """
    path = directory / file_name(options)
    if not path.is_file():
        _write(path, options, *_render(options, workers))
    return _read(path, options)


def file_name(options: SwapSetOptions) -> str:
    """Name of the file of a test set."""
    return f"swap-{'-'.join(options.heads)}-i{options.identities}-t{options.triplets}-s{options.seed}.npz"


def same_skin_other_shape(source: Identity, target: Identity) -> Identity:
    """Who a perfect recolouring would show: the source's skin, brows, beard and eyes on the target's bones."""
    return replace(
        exact_swap(source, target),
        shape=target.shape,
        asymmetry=target.asymmetry,
        brow_height=target.brow_height,
        lid=target.lid,
    )


def wide_frame(crop: F32, options: SwapSetOptions) -> F32:
    """The matrix for `render` of a picture whose middle is an aligned crop, from that crop's own matrix."""
    shift = (options.frame_px - options.crop_px) / 2
    # `render` counts its matrix from an untransformed frame as large as the picture, the crop's is half of that.
    shrink = options.crop_px / options.frame_px
    moved = compose(np.array([[1, 0, shift], [0, 1, shift]], np.float32), crop)
    return compose(moved, np.array([[shrink, 0, 0], [0, shrink, 0]], np.float32))


def _picture(person: Identity, setting: Attributes, crop: F32, options: SwapSetOptions) -> Picture:
    return render(
        person,
        setting,
        size=options.frame_px,
        crop=wide_frame(crop, options),
        supersample=options.supersample,
        hair_strands=options.hair_strands,
        truth="basic",
    )


def _render_set(task: tuple[SwapSetOptions, HeadName, tuple[int, ...], int]) -> list[Row]:
    """The triplets of one set of people: one target, all others as its sources."""
    options, head, seeds, number = task
    rng = np.random.default_rng([options.seed, head_index(head), number])
    size = options.crop_px
    group = next(group_set(rng, seeds, head, "test", size=size, settings=1, first_group=number, spread=Jitter()))
    matrix = group_crop(group, size)
    donor = group.members[0]
    setting = donor.attributes
    target = _picture(donor.identity, setting, matrix, options)
    rows: list[Row] = []
    for member in group.members[1:]:
        person = sample_identity(member.identity.seed, head)
        own = sample_attributes(rng, "test")
        source = _picture(person, own, aligned_crop(person, own, size, "canon"), options)
        exact = _picture(member.identity, setting, matrix, options)
        mixed = same_skin_other_shape(person, donor.identity)
        row: Row = {"recoloured": _picture(mixed, setting, matrix, options).rgb}
        for name, picture in {"source": source, "target": target, "exact": exact}.items():
            row |= {name: picture.rgb, f"{name}_landmarks": picture.landmarks}
        row |= {
            "identity": np.int64(identity_number(person.seed, head)),
            "target_identity": np.int64(identity_number(donor.identity.seed, head)),
            "yaw": np.float32(setting.yaw_degrees),
            "tone": np.float32(person.tone),
            "target_tone": np.float32(donor.identity.tone),
            "age": np.float32(person.age),
            "glasses": np.bool_(setting.glasses != "none"),
            "head": np.int64(head_index(head)),
        }
        rows.append(row)
    return rows


def _render_gallery(task: tuple[SwapSetOptions, HeadName, int]) -> Row:
    """One person's picture in the gallery: as for a passport, so that the gallery is about the face."""
    options, head, seed = task
    rng = np.random.default_rng([options.seed, 99, head_index(head), seed])
    person = sample_identity(seed, head)
    drawn = sample_attributes(rng, "test")
    setting = replace(
        drawn,
        glasses="none",
        hat="none",
        yaw_degrees=drawn.yaw_degrees * GALLERY_TURN,
        pitch_degrees=drawn.pitch_degrees * GALLERY_TURN,
    )
    picture = _picture(person, setting, aligned_crop(person, setting, options.crop_px, "canon"), options)
    return {
        "rgb": picture.rgb,
        "landmarks": picture.landmarks,
        "identity": np.int64(identity_number(seed, head)),
        "tone": np.float32(person.tone),
    }


def _render(options: SwapSetOptions, workers: int) -> tuple[list[Row], list[Row]]:
    per_head = options.identities // len(options.heads)
    seeds = tuple(SPLITS["test"][:per_head])
    count = -(-options.triplets // ((options.members - 1) * len(options.heads)))
    # Head by head in turn, so that a cut at the end takes from all of them alike.
    per = {h: list(member_sets(seeds, count, options.members, [options.seed, head_index(h)])) for h in options.heads}
    sets = [(options, head, per[head][number], number) for number in range(count) for head in options.heads]
    people = [(options, head, seed) for head in options.heads for seed in seeds]
    if workers == 1:
        return _all(map, sets, people, options.triplets)
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))  # one core for each worker; the children inherit it
    try:
        # Spawned: this process may hold the threads of torch and of a runtime, which a fork would not survive.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            return _all(pool.map, sets, people, options.triplets)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _all(run: Callable[..., Any], sets: Sequence[Any], people: Sequence[Any], most: int) -> tuple[list[Row], list[Row]]:
    rows = [row for part in track(run(_render_set, sets), "test set", len(sets)) for row in part]
    gallery = list(track(run(_render_gallery, people), "gallery", len(people)))
    return rows[:most], gallery


def _stored_options(options: SwapSetOptions) -> dict[str, Any]:
    return dict(json.loads(json.dumps({"world": WORLD_VERSION, **asdict(options)})))


def _write(path: Path, options: SwapSetOptions, rows: list[Row], gallery: list[Row]) -> None:
    arrays = {f"t_{key}": np.stack([row[key] for row in rows]) for key in rows[0]}
    arrays |= {f"g_{key}": np.stack([row[key] for row in gallery]) for key in gallery[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp.npz")
    try:
        np.savez_compressed(temporary, options=np.array(json.dumps(_stored_options(options))), **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path, options: SwapSetOptions) -> tuple[Arrays, Arrays]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            there = json.loads(str(stored["options"]))
            wanted = _stored_options(options)
            if there != wanted:
                differing = sorted(k for k in there.keys() | wanted.keys() if there.get(k) != wanted.get(k))
                raise InputError(
                    f"{path} was rendered with other options: "
                    + ", ".join(f"{k} {there.get(k)} there, {wanted.get(k)} asked" for k in differing),
                    "Remove it, and it is rendered anew.",
                )
            parts: dict[str, Arrays] = {"t_": {}, "g_": {}}
            for key in stored.files:
                if key[:2] in parts:
                    parts[key[:2]][key[2:]] = stored[key]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged: {error}", "Remove it, and it is rendered anew.") from error
    return parts["t_"], parts["g_"]
