from __future__ import annotations

import numpy as np
import pytest

from bench.quality.groups import Measure, glasses_axis, group_tables, person_axes, portrait_axes, swap_axes, yaw_axis
from bench.quality.test_set import Arrays
from train.data.attributes import HAIR_CHOICES
from train.data.face_world.sample import SPLITS, sample_identity
from train.data.face_world.types import Part

PEOPLE = np.array(SPLITS["test"][:40])


def test_tables_hold_means_counts_and_no_empty_group() -> None:
    axes = {"pose": {"front": np.array([True, True, False]), "back": np.zeros(3, bool)}}
    tables = group_tables(axes, [Measure("gain", np.array([1.0, 2.0, np.nan]), "dB"), Measure("n", np.full(3, np.nan))])
    assert tables["measures"][0] == {"name": "gain", "unit": "dB", "better": "higher", "judged": True, "mean": 1.5}
    assert tables["tables"] == {"pose": [{"group": "front", "count": 2, "values": [1.5, None]}]}


def test_people_fall_into_one_group_of_each_axis() -> None:
    axes = person_axes(PEOPLE, PEOPLE[::-1])
    for groups in axes.values():
        assert (np.sum(list(groups.values()), axis=0) == 1).all()
    assert set(axes["hair"]) <= set(HAIR_CHOICES)
    light = [sample_identity(int(seed), "own").tone < 1 / 3 for seed in PEOPLE]
    assert axes["skin tone"]["light"].tolist() == light
    # Hair is of the other person.
    bald = [sample_identity(int(seed), "own").hair.style == "bald" for seed in PEOPLE[::-1]]
    assert axes["hair"].get("bald", np.zeros(40, bool)).tolist() == bald


def test_yaw_is_taken_without_its_sign() -> None:
    groups = yaw_axis(np.array([-10.0, 20, -40, 70]))["pose"]
    assert [np.flatnonzero(rows).tolist() for rows in groups.values()] == [[0], [1], [2], [3]]


def test_portraits_wear_glasses_where_they_are_seen() -> None:
    parts = np.zeros((2, 10, 10), np.uint8)
    parts[1, 4] = Part.GLASSES
    axes = portrait_axes({"parts": parts, "identity": PEOPLE[:2], "pose": np.zeros((2, 3))})
    assert axes["glasses"]["glasses"].tolist() == [False, True]
    assert glasses_axis(np.array([True]))["glasses"]["no glasses"].tolist() == [False]


def test_swaps_have_all_axes(tiny_set: tuple[Arrays, Arrays]) -> None:
    axes = swap_axes(tiny_set[0])
    assert list(axes) == ["skin tone", "age", "hair", "pose", "glasses"]
    for groups in axes.values():
        assert sum(rows.sum() for rows in groups.values()) == pytest.approx(len(tiny_set[0]["target"]))
