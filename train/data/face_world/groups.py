"""What to render: groups that share hair, setting and crop, and portraits; a schedule that uses people evenly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facesdk.errors import InputError
from facesdk.faces.align import compose
from train.data.face_world.render import aligned_crop
from train.data.face_world.rich_sample import enrich_attributes, enrich_identity
from train.data.face_world.sample import sample_attributes, sample_identity
from train.data.face_world.swap import exact_swap
from train.data.face_world.types import F32, Attributes, HeadName, Identity, Split


@dataclass(frozen=True)
class Member:
    """One picture to render.

    Attributes:
        identity: the person, with the hair that the picture shows.
        donor_seed: seed of the person whose hair it is.
        attributes: setting of the picture.
        group: number of the group, unique in its data set.
    """

    identity: Identity
    donor_seed: int
    attributes: Attributes
    group: int


@dataclass(frozen=True)
class Group:
    """Pictures with one hair, one setting and one crop: each is the exact swap of each other.

    Attributes:
        members: the first is the hair donor in person.
        jitter: (2, 3) float32, moves the aligned crop as a detector's noise would.
    """

    members: tuple[Member, ...]
    jitter: F32


@dataclass(frozen=True)
class Jitter:
    """Spread of the detector noise on a crop, standard deviations."""

    rotation: float = 0.03  # radians
    scale: float = 0.03
    shift: float = 0.012  # of the crop's side


def member_sets(seeds: Sequence[int], count: int, size: int, stream: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Sets of different people; after any number of sets, the use of two people differs by one at most.

    Args:
        seeds: identity seeds to choose from, at least 2 * size.
        count: number of sets.
        size: people in a set.
        stream: integers that seed the random order.

    Yields:
        Tuples of `size` different seeds.

    Raises:
        InputError: too few seeds.
    """
    if len(seeds) < 2 * size:
        raise InputError(
            f"{len(seeds)} identities are too few for sets of {size}, expected at least {2 * size}.",
            "Ask for more identities.",
        )
    rng = np.random.default_rng(list(stream))
    queue: list[int] = []
    start = 0
    for _ in range(count):
        if len(queue) < start + size:
            # A set may reach over the end of a round: who is still in the queue goes to the back of the next round.
            queue, start = queue[start:], 0
            fresh = rng.permutation(np.asarray(seeds)).tolist()
            waiting = set(queue)
            queue += [s for s in fresh if s not in waiting] + [s for s in fresh if s in waiting]
        yield tuple(queue[start : start + size])
        start += size


def draw_jitter(rng: np.random.Generator, size: int, spread: Jitter) -> F32:
    """A small similarity about the centre of a square crop.

    Args:
        rng: moves on by this draw.
        size: side of the crop in pixels.
        spread: standard deviations; draws are cut at 2.5 of them.

    Returns:
        (2, 3) float32, crop pixels to crop pixels.
    """
    draw = np.clip(rng.normal(size=4), -2.5, 2.5)
    angle, scale = draw[0] * spread.rotation, math.exp(draw[1] * spread.scale)
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.full(2, size / 2)
    move = centre - linear @ centre + draw[2:] * spread.shift * size
    return np.concatenate([linear, move[:, None]], 1).astype(np.float32)


def group_set(
    rng: np.random.Generator,
    seeds: tuple[int, ...],
    head: HeadName,
    split: Split,
    *,
    size: int,
    settings: int,
    first_group: int,
    spread: Jitter,
    rich: np.random.Generator | None = None,
) -> Iterator[Group]:
    """The groups of one set of people: one hair donor in several settings, so that prepared people are used again.

    Args:
        rng: moves on by this draw.
        seeds: the people, hair donor first.
        head: head model of all of them.
        split: decides on the backgrounds.
        size: side of the crop in pixels.
        settings: number of groups.
        first_group: number of the first group.
        spread: detector noise of the crop.
        rich: draws what the rich world adds and moves on by it; None = the plain world.
    """
    people = [_person(seed, head, rich) for seed in seeds]
    donor = people[0]
    wearing = [donor, *(exact_swap(person, donor) for person in people[1:])]
    for k in range(settings):
        attributes = _setting(sample_attributes(rng, split), rich)
        members = tuple(Member(person, donor.seed, attributes, first_group + k) for person in wearing)
        yield Group(members, draw_jitter(rng, size, spread))


def group_crop(group: Group, size: int, scale: float = 1.0) -> F32:
    """The crop that all pictures of a group share: aligned to the hair donor, then jittered.

    Args:
        group: with its jitter.
        size: side of the crop in pixels.
        scale: zoom about the crop's centre; < 1 shows more around the face.

    Returns:
        (2, 3) float32 from frame pixels to crop pixels.
    """
    first = group.members[0]
    return compose(group.jitter, aligned_crop(first.identity, first.attributes, size, "canon", scale=scale))


def portrait_set(
    rng: np.random.Generator,
    seeds: tuple[int, ...],
    head: HeadName,
    split: Split,
    *,
    settings: int,
    first_group: int,
    rich: np.random.Generator | None = None,
) -> Iterator[Member]:
    """Single people with their own hair in wide poses, for detection, landmarks and parsing.

    Args:
        rng: moves on by this draw.
        seeds: the people.
        head: head model of all of them.
        split: decides on the backgrounds.
        settings: pictures of each person.
        first_group: number of the first picture; each picture is a group of its own.
        rich: draws what the rich world adds and moves on by it; None = the plain world.
    """
    for i, seed in enumerate(seeds):
        person = _person(seed, head, rich)
        for k in range(settings):
            attributes = _setting(sample_attributes(rng, split, wide=True), rich)
            yield Member(person, seed, attributes, first_group + i * settings + k)


def _person(seed: int, head: HeadName, rich: np.random.Generator | None) -> Identity:
    person = sample_identity(seed, head)
    return person if rich is None else enrich_identity(person)


def _setting(attributes: Attributes, rich: np.random.Generator | None) -> Attributes:
    return attributes if rich is None else enrich_attributes(attributes, rich)
