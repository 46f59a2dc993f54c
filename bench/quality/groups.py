"""Tables by group: the same measures for people and settings of one kind, so that no weak group hides in a mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.quality.test_set import Arrays
from train.data.attributes import hair_word
from train.data.face_world.sample import HEADS, SEEDS_PER_HEAD, sample_identity
from train.data.face_world.types import Identity, Part

Rows = NDArray[np.bool_]
Axes = dict[str, dict[str, Rows]]
"""Axis -> group -> (N,) bool, which pictures belong to it."""
GLASSES_SHARE = 0.003  # of a portrait's pixels: about what is still noticed


@dataclass(frozen=True, eq=False)
class Measure:
    """One number for each picture.

    Attributes:
        name: what was measured.
        values: (N,); NaN where a picture has none.
        unit: of the values.
        better: on which side the good values lie.
        judged: whether a group may be called worse than the mean by it; False for what only explains another one.
    """

    name: str
    values: NDArray[np.floating]
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    judged: bool = True


def group_tables(axes: Axes, measures: list[Measure]) -> dict[str, Any]:
    """Means by group as JSON values; the model card reads them.

    Args:
        axes: which pictures belong to which group.
        measures: over the same N pictures.

    Returns:
        measures: name, unit, better, judged, mean over all; tables: axis -> rows of group, count, values in the order
        of the measures. A group without a picture is left out, a mean of nothing is None.
    """
    described = [
        {"name": m.name, "unit": m.unit, "better": m.better, "judged": m.judged, "mean": _mean(m.values)}
        for m in measures
    ]
    tables = {
        axis: [
            {"group": name, "count": int(rows.sum()), "values": [_mean(m.values[rows]) for m in measures]}
            for name, rows in groups.items()
            if rows.any()
        ]
        for axis, groups in axes.items()
    }
    return {"measures": described, "tables": tables}


def person_axes(people: NDArray[np.integer], scalps: NDArray[np.integer]) -> Axes:
    """Skin tone, age and hair.

    Args:
        people: (N,) identity numbers of whose skin and age count.
        scalps: (N,) identity numbers of whose hair is seen.
    """
    known = {int(number): _person(int(number)) for number in np.unique(np.concatenate([people, scalps]))}
    tone = np.array([known[int(number)].tone for number in people])
    age = np.array([known[int(number)].age for number in people])
    words = np.array([hair_word(known[int(number)].hair) for number in scalps])
    return {
        "skin tone": {"light": tone < 1 / 3, "medium": (tone >= 1 / 3) & (tone < 2 / 3), "dark": tone >= 2 / 3},
        "age": {"young": age < 1 / 3, "middle": (age >= 1 / 3) & (age < 2 / 3), "old": age >= 2 / 3},
        "hair": {str(word): words == word for word in np.unique(words)},
    }


def yaw_axis(yaw_degrees: NDArray[np.floating]) -> Axes:
    """How far the head is turned, (N,) degrees."""
    turn = np.abs(yaw_degrees)
    return {
        "pose": {
            "yaw under 15": turn < 15,
            "yaw 15 to 30": (turn >= 15) & (turn < 30),
            "yaw 30 to 45": (turn >= 30) & (turn <= 45),
            "yaw above 45": turn > 45,
        }
    }


def glasses_axis(worn: Rows) -> Axes:
    """Whether glasses are worn, (N,) bool."""
    return {"glasses": {"glasses": worn, "no glasses": ~worn}}


def swap_axes(triplets: Arrays) -> Axes:
    """Groups of swaps: skin and age of the source, hair, pose and glasses of the target."""
    people = person_axes(triplets["identity"], triplets["target_identity"])
    return people | yaw_axis(triplets["yaw"]) | glasses_axis(np.asarray(triplets["glasses"], bool))


def portrait_axes(portraits: Arrays) -> Axes:
    """Groups of portraits; hair and glasses as they are seen."""
    share = (portraits["parts"] == Part.GLASSES).mean((1, 2))
    people = person_axes(portraits["identity"], portraits["identity"])
    return people | yaw_axis(portraits["pose"][:, 0]) | glasses_axis(share >= GLASSES_SHARE)


def _person(number: int) -> Identity:
    head, seed = divmod(number, SEEDS_PER_HEAD)
    return sample_identity(seed, HEADS[head])


def _mean(values: NDArray[np.floating]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
