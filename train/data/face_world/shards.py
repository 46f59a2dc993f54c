"""A data set on disk: shards of arrays that resume after a stop and re-render alone, bit for bit.

Layout: DIR/world.json and DIR/<kind>-<split>-<index:05d>.npz (uncompressed).
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, MediaError
from facesdk.faces.align import apply_matrix
from train.data.face_world.caption import caption
from train.data.face_world.groups import Group, Member, group_crop, group_set, member_sets, portrait_set
from train.data.face_world.head import FACEKIT_VARIABLE, available_heads
from train.data.face_world.prepare import prepare
from train.data.face_world.questions import pick, questions
from train.data.face_world.render import frame_points, render
from train.data.face_world.sample import SPLITS, head_index, identity_number
from train.data.face_world.shard_options import KINDS, Kind, ShardOptions
from train.data.face_world.types import F32, HeadName, Picture, Split
from train.data.face_world.vectors import attribute_vector, identity_vector, neutral_landmarks

WORLD_VERSION = 1  # raise it when the same options give other pictures
_SETS, _SETTINGS, _QUESTIONS, _RICH = range(4)  # random streams that do not touch each other

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ShardReport:
    """What `write_shards` did."""

    written: int
    skipped: int
    images: int


def shard_path(directory: Path, kind: Kind, split: Split, index: int) -> Path:
    """Where a shard lies."""
    return directory / f"{kind}-{split}-{index:05d}.npz"


def render_shard(options: ShardOptions, index: int) -> Arrays:
    """Renders one shard; nothing but the arguments matters.

    Args:
        options: of the data set.
        index: of the shard, 0 or more.

    Returns:
        Arrays with N = `options.images_per_shard` rows. Pictures: rgb (N, S, S, 3) uint8, parts (N, S, S) uint8,
        landmarks (N, 68, 2) float32 pixels, visible (N, 68) bool, identity (N,), donor (N,) and group (N,) int64,
        pose (N, 3) float32 yaw, pitch, roll in degrees, identity_vector (N, K) and attribute_vector (N, A) float32,
        caption (N,) str, questions (N,) str of JSON [[question, answer], ...]; portraits also alpha (N, S, S) uint8;
        truth "full" also depth (N, S, S) float16 and normals (N, S, S, 3) int8, of 127. Points: landmarks, identity,
        donor, group and pose alone.
    """
    rng = np.random.default_rng([*_stream(options), index, _SETTINGS])
    asking = np.random.default_rng([*_stream(options), index, _QUESTIONS])  # apart: what is seen must not move settings
    rows: dict[str, list[Any]] = {}
    for member, crop in _plan(options, index, rng):
        if options.kind == "points":
            assert crop is not None
            marks = apply_matrix(crop, frame_points(member.identity, member.attributes, options.size))
            for name, value in {"landmarks": marks, **_who(member)}.items():
                rows.setdefault(name, []).append(value)
            continue
        picture = render(
            member.identity,
            member.attributes,
            size=options.size,
            supersample=options.supersample,
            quality=options.quality,
            crop=crop,
            hair_strands=options.hair_strands,
            truth=options.truth,
        )
        for name, value in _row(options, member, picture, asking).items():
            rows.setdefault(name, []).append(value)
    return {name: np.stack(values) if np.ndim(values[0]) else np.array(values) for name, values in rows.items()}


def write_shards(
    directory: Path,
    options: ShardOptions,
    images: int,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ShardReport:
    """Renders the shards of a data set that are not there yet; a stop leaves only whole shards.

    Args:
        directory: made if missing.
        options: must equal those that the folder holds for this kind and split.
        images: at least this many pictures in all, filled up to whole shards.
        workers: processes; 1 renders in this one.
        progress: called with (shards done, shards in all), first for those that were there.

    Returns:
        What was done.

    Raises:
        InputError: the folder holds other options, or the count is not positive.
        MediaError: the folder cannot be written.
    """
    if images < 1 or workers < 1:
        raise InputError(f"images and workers must be 1 or more, got {images} and {workers}.")
    missing_heads = [head for head in options.heads if head not in available_heads()]
    if missing_heads:
        raise InputError(
            f"head models {missing_heads} are not here.", f"Set {FACEKIT_VARIABLE}, or choose from {available_heads()}."
        )
    total = -(-images // options.images_per_shard)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _claim(directory, options)
    except OSError as error:
        raise MediaError(f"{directory} cannot be written: {error}", "Choose a folder that you may write to.") from error
    paths = {i: shard_path(directory, options.kind, options.split, i) for i in range(total)}
    missing = [i for i, path in paths.items() if not path.exists()]
    done = total - len(missing)
    report = progress or (lambda done, total: None)
    report(done, total)
    finished = _in_pool if workers > 1 and len(missing) > 1 else _in_turn
    for _ in finished(options, {i: paths[i] for i in missing}, workers):
        done += 1
        report(done, total)
    return ShardReport(len(missing), total - len(missing), total * options.images_per_shard)


def read_world(directory: Path) -> dict[str, Any]:
    """The content of world.json: format, versions, and the options of each data set by name.

    Raises:
        InputError: there is none.
    """
    path = directory / "world.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{directory} holds no world.json.", "Name a folder that `render` has written.") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}", "Render the data set anew.") from error


def list_shards(directory: Path, kind: Kind, split: Split) -> list[Path]:
    """The shards of a data set in order.

    Raises:
        InputError: there is none.
    """
    paths = sorted(directory.glob(f"{kind}-{split}-[0-9]*.npz"))
    if not paths:
        raise InputError(f"{directory} holds no {kind}-{split} shards.", "Render them, or name another folder.")
    return paths


def has_shards(directory: Path, kind: Kind, split: Split) -> bool:
    """Whether the folder holds a shard of this data set."""
    return any(directory.glob(f"{kind}-{split}-[0-9]*.npz"))


def load_shards(
    directory: Path, kind: Kind, split: Split, fields: tuple[str, ...] | None = None, most: int | None = None
) -> Arrays:
    """All shards of a data set as one.

    Args:
        directory: that `write_shards` has written.
        kind: swap or portrait.
        split: train, validation or test.
        fields: the arrays to read, or None for all.
        most: shards to read, from the first on, or None for all.

    Returns:
        Arrays as of `render_shard`, joined along the first axis.

    Raises:
        InputError: no shard, or a shard without one of the fields.
    """
    columns: dict[str, list[NDArray[Any]]] = {}
    for path in list_shards(directory, kind, split)[:most]:
        with np.load(path, allow_pickle=False) as shard:
            for name in fields or shard.files:
                if name not in shard.files:
                    raise InputError(f"{path.name} has no field {name!r}, it has {', '.join(shard.files)}.")
                columns.setdefault(name, []).append(shard[name])
    # One field after the other, and each freed once it is joined: the peak is one field above the whole.
    return {name: np.concatenate(columns.pop(name)) for name in list(columns)}


def _plan(options: ShardOptions, index: int, rng: np.random.Generator) -> Iterator[tuple[Member, F32 | None]]:
    rich = np.random.default_rng([*_stream(options), index, _RICH]) if options.richness == "rich" else None
    per_set = options.settings_per_set * (options.members if options.kind == "portrait" else 1)
    first_set = index * options.sets_per_shard
    for number in range(first_set, first_set + options.sets_per_shard):
        head = options.heads[number % len(options.heads)]
        seeds = _set_of(options, head, number // len(options.heads))
        first_group = number * per_set
        if options.kind == "portrait":
            for member in portrait_set(
                rng, seeds, head, options.split, settings=options.settings_per_set, first_group=first_group, rich=rich
            ):
                yield member, None
            continue
        groups: Iterator[Group] = group_set(
            rng,
            seeds,
            head,
            options.split,
            size=options.size,
            settings=options.settings_per_set,
            first_group=first_group,
            spread=options.jitter,
            rich=rich,
        )
        for group in groups:
            crop = group_crop(group, options.size, options.crop_scale)
            for member in group.members:
                yield member, crop


def _set_of(options: ShardOptions, head: HeadName, number: int) -> tuple[int, ...]:
    return _first_sets(options, head, -(-(number + 1) // 1024) * 1024)[number]


@lru_cache(8)
def _first_sets(options: ShardOptions, head: HeadName, count: int) -> tuple[tuple[int, ...], ...]:
    seeds = SPLITS[options.split][: options.identities]
    return tuple(member_sets(seeds, count, options.members, [*_stream(options), head_index(head), _SETS]))


def _stream(options: ShardOptions) -> list[int]:
    return [options.seed, KINDS.index(options.kind), list(SPLITS).index(options.split)]


def _row(options: ShardOptions, member: Member, picture: Picture, rng: np.random.Generator) -> dict[str, Any]:
    person, attributes = member.identity, member.attributes
    asked = pick(rng, questions(person, attributes, picture.parts), options.questions)
    row: dict[str, Any] = {
        "rgb": picture.rgb,
        "parts": picture.parts,
        "landmarks": picture.landmarks,
        "visible": picture.visible,
        **_who(member),
        "identity_vector": identity_vector(
            person, neutral_landmarks(prepare(person, options.quality, options.hair_strands))
        ),
        "attribute_vector": attribute_vector(attributes),
        "caption": caption(person, attributes, picture.parts),
        "questions": json.dumps(asked),
    }
    if options.kind == "portrait":
        row["alpha"] = np.rint(picture.alpha * 255).astype(np.uint8)
    if options.truth == "full":
        row["depth"] = picture.depth.astype(np.float16)
        row["normals"] = np.rint(picture.normals * 127).astype(np.int8)
    return row


def _who(member: Member) -> dict[str, Any]:
    person, attributes = member.identity, member.attributes
    return {
        "identity": np.int64(identity_number(person.seed, person.head)),
        "donor": np.int64(identity_number(member.donor_seed, person.head)),
        "group": np.int64(member.group),
        "pose": np.array([attributes.yaw_degrees, attributes.pitch_degrees, attributes.roll_degrees], np.float32),
    }


def _claim(directory: Path, options: ShardOptions) -> None:
    """Writes the options into world.json, or checks that they are the ones there."""
    wanted = json.loads(json.dumps(asdict(options)))
    path = directory / "world.json"
    world: dict[str, Any] = {"format": 1, "world": WORLD_VERSION, "sets": {}}
    if path.exists():
        world = read_world(directory)
        if world.get("world") != WORLD_VERSION:
            raise InputError(
                f"{path} is of world version {world.get('world')}, this program renders version {WORLD_VERSION}.",
                "Choose an empty folder.",
            )
    there: Mapping[str, Any] | None = world["sets"].get(options.name)
    if there is not None:
        # Older folders do not name what had no choice then.
        old = {"richness": "plain", "crop_scale": 1.0, **there["options"]}
        differing = sorted(k for k in wanted.keys() | old.keys() if wanted.get(k) != old.get(k))
        if differing:
            changes = ", ".join(f"{k}: {old.get(k)} there, {wanted.get(k)} asked" for k in differing)
            raise InputError(f"{path} holds {options.name} with other options ({changes}).", "Choose an empty folder.")
        return
    made_by = {"numpy": np.__version__, "numba": numba.__version__, "sources": _sources_digest()}
    world["sets"][options.name] = {"options": wanted, **made_by}
    _write_whole(path, lambda file: file.write(json.dumps(world, indent=2).encode()))


def _sources_digest() -> str:
    """Of the package's source files: tells later which state of the renderer made a data set."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _write_whole(path: Path, write: Callable[[Any], Any]) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _work(options: ShardOptions, index: int, path: Path) -> int:
    arrays = render_shard(options, index)
    _write_whole(path, lambda file: np.savez(file, **arrays))
    return index


def _in_turn(options: ShardOptions, paths: Mapping[int, Path], workers: int) -> Iterator[int]:
    for index, path in paths.items():
        yield _work(options, index, path)


def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_pool(options: ShardOptions, paths: Mapping[int, Path], workers: int) -> Iterator[int]:
    before = set(multiprocessing.active_children())
    environment = {name: os.environ.get(name) for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")}
    os.environ.update(dict.fromkeys(environment, "1"))  # one core for each worker; the children inherit it
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_quiet)
    try:
        for future in as_completed([pool.submit(_work, options, i, path) for i, path in paths.items()]):
            yield future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
            child.join()
        for path in paths.values():
            for left in path.parent.glob(f".{path.name}.*.tmp"):
                left.unlink(missing_ok=True)
        raise
    finally:
        pool.shutdown(wait=True)
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
