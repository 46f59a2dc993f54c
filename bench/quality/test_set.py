"""The swap test set: rendered triplets with the exact answer, a gallery, and one re-render that only gets the skin right."""

from __future__ import annotations

import json
import os
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
from train.data.face_world.render import aligned_crop, render
from train.data.face_world.sample import SPLITS, head_index, identity_number, sample_attributes, sample_identity
from train.data.face_world.swap import exact_swap
from train.data.face_world.types import HeadName, Identity

Arrays = dict[str, NDArray[Any]]
FRAME = 256  # side of a test picture; the aligned crop of 128 px is its middle
CROP = 128


@dataclass(frozen=True)
class TestSetOptions:
    """What decides the test set.

    Attributes:
        heads: head models, used in turn.
        identities: test identities in all; the gallery has each once.
        triplets: swaps.
        seed: of the settings.
    """

    __test__ = False  # not a pytest class

    heads: tuple[HeadName, ...]
    identities: int = 100
    triplets: int = 160
    seed: int = 7


def wide_frame(crop: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix of a FRAME px picture whose middle CROP px are an aligned crop, from that crop's matrix."""
    shift = (FRAME - CROP) / 2
    return compose(np.array([[1, 0, shift], [0, 1, shift]], np.float32), crop)


def framed(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matrix on pixels of a CROP px untransformed frame, for rendering FRAME px pictures.

    `render` counts its matrix from an untransformed frame as large as the picture.
    """
    shrink = CROP / FRAME
    return compose(matrix, np.array([[shrink, 0, 0], [0, shrink, 0]], np.float32))


def same_skin_other_shape(source: Identity, target: Identity) -> Identity:
    """Who a perfect recolouring would show: the source's skin, brows, beard and eyes on the target's bones."""
    return replace(
        exact_swap(source, target),
        shape=target.shape,
        asymmetry=target.asymmetry,
        brow_height=target.brow_height,
        lid=target.lid,
    )


def _picture(identity: Identity, attributes: Any, matrix: NDArray[np.float32]) -> Any:
    return render(identity, attributes, size=FRAME, crop=framed(wide_frame(matrix)), truth="basic")


def _render_set(task: tuple[TestSetOptions, HeadName, tuple[int, ...], int]) -> list[dict[str, Any]]:
    options, head, seeds, number = task
    rng = np.random.default_rng([options.seed, head_index(head), number])
    group = next(iter(group_set(rng, seeds, head, "test", size=CROP, settings=1, first_group=number, spread=Jitter())))
    matrix = group_crop(group, CROP)
    donor = group.members[0]
    target = _picture(donor.identity, donor.attributes, matrix)
    rows = []
    for member in group.members[1:]:
        person = sample_identity(member.identity.seed, head)
        setting = sample_attributes(rng, "test")
        source = _picture(person, setting, aligned_crop(person, setting, CROP, "canon"))
        exact = _picture(member.identity, donor.attributes, matrix)
        recoloured = _picture(
            same_skin_other_shape(person, sample_identity(donor.identity.seed, head)), donor.attributes, matrix
        )
        rows.append(
            {
                "source": source.rgb, "source_landmarks": source.landmarks, "target": target.rgb, "target_landmarks": target.landmarks,
                "exact": exact.rgb, "exact_landmarks": exact.landmarks, "recoloured": recoloured.rgb,
                "parts": target.parts, "exact_parts": exact.parts,
                "identity": np.int64(identity_number(person.seed, head)), "target_identity": np.int64(identity_number(donor.identity.seed, head)),
                "yaw": np.float32(donor.attributes.yaw_degrees), "tone": np.float32(person.tone), "target_tone": np.float32(donor.identity.tone),
                "age": np.float32(person.age), "glasses": np.bool_(donor.attributes.glasses != "none"),
                "head": np.int64(head_index(head)),
            }
        )  # fmt: skip
    return rows


def _render_gallery(task: tuple[TestSetOptions, HeadName, int]) -> dict[str, Any]:
    options, head, seed = task
    rng = np.random.default_rng([options.seed, 99, head_index(head), seed])
    person = sample_identity(seed, head)
    # A passport picture: near the front, no glasses, so that the gallery is about the face.
    attributes = replace(sample_attributes(rng, "test"), glasses="none", hat="none")
    attributes = replace(
        attributes, yaw_degrees=attributes.yaw_degrees * 0.4, pitch_degrees=attributes.pitch_degrees * 0.4
    )
    picture = _picture(person, attributes, aligned_crop(person, attributes, CROP, "canon"))
    return {
        "rgb": picture.rgb, "landmarks": picture.landmarks, "identity": np.int64(identity_number(seed, head)),
        "tone": np.float32(person.tone),
    }  # fmt: skip


def load_test_set(directory: Path, options: TestSetOptions, workers: int = 2) -> tuple[Arrays, Arrays]:
    """The triplets and the gallery, rendered on first use.

    Args:
        directory: where they are kept.
        options: what decides them; another set of options is another file.
        workers: processes.

    Returns:
        Triplets: source, target, exact, recoloured (N, 256, 256, 3) uint8, their landmarks (N, 68, 2), identity, target_identity,
        yaw, tone, ... ; gallery: rgb, landmarks, identity, tone.
    """
    name = "-".join([*options.heads, str(options.identities), str(options.triplets), str(options.seed)])
    path = directory / f"swap-bench-{name}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            if json.loads(str(stored["options"])) != json.loads(json.dumps(asdict(options))):
                raise InputError(f"{path} was rendered with other options.", "Remove it; it is rendered anew.")
            split = {"t_": {}, "g_": {}}  # type: dict[str, Arrays]
            for key in stored.files:
                if key[:2] in split:
                    split[key[:2]][key[2:]] = stored[key]
        return split["t_"], split["g_"]
    per_head = options.identities // len(options.heads)
    sets, people = [], []
    for head in options.heads:
        seeds = tuple(SPLITS["test"][:per_head])
        people += [(options, head, seed) for seed in seeds]
        # Sets of four give three triplets each: the first is the target.
        count = -(-options.triplets // (3 * len(options.heads)))
        sets += [
            (options, head, four, i)
            for i, four in enumerate(member_sets(seeds, count, 4, [options.seed, head_index(head)]))
        ]
    with ProcessPoolExecutor(workers) as pool:
        rows = [row for part in track(pool.map(_render_set, sets), "test set", len(sets)) for row in part][
            : options.triplets
        ]
        gallery = list(track(pool.map(_render_gallery, people, chunksize=8), "gallery", len(people)))
    arrays = {f"t_{k}": np.stack([row[k] for row in rows]) for k in rows[0]}
    arrays |= {f"g_{k}": np.stack([row[k] for row in gallery]) for k in gallery[0]}
    directory.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, options=np.array(json.dumps(asdict(options))), **arrays)
    os.replace(temporary, path)
    return load_test_set(directory, options, workers)
