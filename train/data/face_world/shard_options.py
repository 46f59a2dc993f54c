"""What decides every byte of a data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from facesdk.errors import InputError
from train.data.face_world.groups import Jitter
from train.data.face_world.prepare import Quality
from train.data.face_world.sample import HEADS, SPLITS
from train.data.face_world.types import HeadName, Richness, Split

Kind = Literal["swap", "portrait", "points"]
KINDS: tuple[Kind, ...] = ("swap", "portrait", "points")


@dataclass(frozen=True)
class ShardOptions:
    """What decides every byte of a data set, apart from its length.

    Attributes:
        kind: swap (groups in aligned crops), portrait (single people with alpha) or points (the landmarks of groups in
            aligned crops, without a picture; of the plain world).
        split: train, validation or test.
        size: side of the pictures in pixels.
        seed: of the data set; another seed gives other settings and other company.
        heads: head models, used in turn set by set.
        identities: people of each head model that are used, from the start of the split's seeds.
        members: people of a swap group.
        settings_per_set: settings that a prepared person is rendered in.
        sets_per_shard: sets of people in a shard.
        supersample: sub-samples per pixel and axis.
        quality: of the renderer, train or full.
        hair_strands: strands on the scalp.
        truth: basic, or full with depth and normals.
        questions: questions kept for each picture.
        jitter: detector noise of the swap crops.
        crop_scale: zoom of the swap crops about their centre; < 1 shows more around the face.
        richness: rich has skin texture, softer hair, clothes, hats, earrings, places and lenses that plain lacks; the
            people, their poses, hair and main light are the same.
    """

    kind: Kind = "swap"
    split: Split = "train"
    size: int = 128
    seed: int = 0
    heads: tuple[HeadName, ...] = ("own",)
    identities: int = 4000
    members: int = 4
    settings_per_set: int = 6
    sets_per_shard: int = 4
    supersample: int = 2
    quality: Quality = "train"
    hair_strands: int = 5000
    truth: Literal["basic", "full"] = "basic"
    questions: int = 6
    jitter: Jitter = field(default_factory=Jitter)
    crop_scale: float = 1.0
    richness: Richness = "plain"

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.split not in SPLITS:
            raise InputError(f"no data set {self.kind!r}, {self.split!r}: expected {KINDS} and {tuple(SPLITS)}.")
        if not self.heads or any(head not in HEADS for head in self.heads):
            raise InputError(f"heads {self.heads}: expected one or more of {HEADS}.")
        if not 1 <= self.identities <= len(SPLITS[self.split]):
            raise InputError(f"identities {self.identities}: the split {self.split} has {len(SPLITS[self.split])}.")
        if self.richness not in ("plain", "rich"):
            raise InputError(f"richness {self.richness!r}: expected plain or rich.")
        if self.kind == "points" and self.richness != "plain":
            raise InputError("points are of the plain world: a rich one's lenses would move them.")
        if not 0.1 <= self.crop_scale <= 10:
            raise InputError(f"crop_scale {self.crop_scale}: expected 0.1 to 10.")
        if min(self.size, self.members, self.settings_per_set, self.sets_per_shard, self.supersample) < 1:
            raise InputError("size, members, settings_per_set, sets_per_shard and supersample must be 1 or more.")

    @property
    def images_per_shard(self) -> int:
        """Pictures in every shard."""
        return self.members * self.settings_per_set * self.sets_per_shard

    @property
    def name(self) -> str:
        """Stem of the shards, such as swap-train."""
        return f"{self.kind}-{self.split}"
