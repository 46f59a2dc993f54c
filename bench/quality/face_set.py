"""The face test set: portraits in wide poses and aligned groups that exchange hair, of people training never showed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from bench.quality.test_set import Arrays
from facesdk.errors import InputError
from train.data.face_world.shard_options import Kind, ShardOptions
from train.data.face_world.shards import load_shards, write_shards
from train.data.face_world.types import HeadName

FIELDS = ("rgb", "landmarks", "visible", "identity", "group", "pose", "parts")


@dataclass(frozen=True)
class FaceSetOptions:
    """What decides the test set.

    Attributes:
        heads: head models, used in turn.
        identities: test identities in all, shared evenly by the heads.
        pictures: of each kind, filled up to whole shards.
        seed: of the settings.
        portrait_px: side of a portrait.
        swap_px: side of an aligned picture.
        members, settings: people of a set, and settings that each set is rendered in.
        supersample, hair_strands: of the renderer.
    """

    heads: tuple[HeadName, ...]
    identities: int = 80
    pictures: int = 480
    seed: int = 7
    portrait_px: int = 256
    swap_px: int = 128
    members: int = 4
    settings: int = 3
    supersample: int = 2
    hair_strands: int = 5000

    def __post_init__(self) -> None:
        least = 2 * self.members * max(1, len(self.heads))
        if not self.heads or self.identities < least or self.pictures < 1:
            raise InputError(
                f"face test set: {self.identities} identities, {self.pictures} pictures of heads {self.heads}.",
                f"Ask for a head model, a picture and {least} identities at least.",
            )

    def shards(self, kind: Kind) -> ShardOptions:
        """The options of one kind's shards: one set of each head in a shard."""
        return ShardOptions(
            kind=kind,
            split="test",
            size=self.portrait_px if kind == "portrait" else self.swap_px,
            seed=self.seed,
            heads=self.heads,
            identities=self.identities // len(self.heads),
            members=self.members,
            settings_per_set=self.settings,
            sets_per_shard=len(self.heads),
            supersample=self.supersample,
            hair_strands=self.hair_strands,
        )


def load_face_set(directory: Path, options: FaceSetOptions, workers: int = 2) -> tuple[Arrays, Arrays]:
    """Portraits and aligned groups, rendered on first use.

    Args:
        directory: where they are kept, a folder for each set of options.
        options: what decides them.
        workers: processes.

    Returns:
        Portraits and aligned groups: arrays as of `render_shard`, FIELDS of them; portraits also alpha.

    Raises:
        InputError: a head model is not here, or the folder holds another version's pictures.
    """
    folder = directory / f"faces-{'-'.join(options.heads)}-i{options.identities}-s{options.seed}"
    portraits = _load(folder, options.shards("portrait"), options.pictures, workers, (*FIELDS, "alpha"))
    return portraits, _load(folder, options.shards("swap"), options.pictures, workers, FIELDS)


def _load(folder: Path, shards: ShardOptions, pictures: int, workers: int, fields: tuple[str, ...]) -> Arrays:
    with Progress() as bar:
        task = bar.add_task(shards.name, total=None)
        write_shards(
            folder,
            shards,
            pictures,
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return load_shards(folder, shards.kind, "test", fields, most=-(-pictures // shards.images_per_shard))
