"""The vocabulary: what the exact parameters say, as values and as condition vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from facesdk.errors import InputError
from train.data.attributes import (
    HAIR_CHOICES,
    INDEX,
    SCORED,
    VOCABULARY,
    AttributeTable,
    condition_vectors,
    drop_attributes,
    hair_word,
    shard_attributes,
    value_slots,
)
from train.data.face_world.sample import sample_identity
from train.data.face_world.types import Attributes, Hair, Part
from train.data.face_world.vectors import attribute_vector, identity_vector, mean_landmarks

PERSON, DONOR = 11, 23


def _arrays(beard: str = "full beard", parts: dict[Part, int] | None = None, **setting: Any) -> dict[str, Any]:
    """One picture of PERSON under DONOR's hair; `parts` gives rows of pixels to each part."""
    person = replace(sample_identity(PERSON, "own"), beard=beard)
    attributes = Attributes(**setting)
    labels, first = np.full((32, 32), Part.SKIN, np.uint8), 0
    for part, rows in (parts or {Part.HAIR: 4}).items():
        labels[first : first + rows] = part
        first += rows
    return {
        "parts": labels[None],
        "donor": np.array([DONOR]),
        "pose": np.array([[attributes.yaw_degrees, attributes.pitch_degrees, 0]], np.float32),
        "identity_vector": identity_vector(person, mean_landmarks())[None],
        "attribute_vector": attribute_vector(attributes)[None],
    }


def _values(table: AttributeTable) -> dict[str, float]:
    return dict(zip(VOCABULARY.names, table.values[0].tolist()))


def test_values_are_those_of_the_person_and_the_setting() -> None:
    smile = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.4, "jawOpen": 0.3}
    table = shard_attributes(_arrays(expression=smile, yaw_degrees=-30.0, pitch_degrees=5.0))
    person, found = sample_identity(PERSON, "own"), _values(table)
    expected = {
        "smile": 0.6, "mouth_open": 0.3, "age": person.age, "masculine": norm.cdf(person.masculinity),
        "skin_tone": person.tone, "glasses": 0, "hat": 0, "beard": 1, "yaw": -30, "pitch": 5,
        "hair": HAIR_CHOICES.index(hair_word(sample_identity(DONOR, "own").hair)),
    }  # fmt: skip
    assert found == pytest.approx(expected, abs=1e-5)
    assert table.known.all()


def test_hair_is_the_donors_not_the_persons() -> None:
    assert hair_word(sample_identity(DONOR, "own").hair) != hair_word(sample_identity(PERSON, "own").hair)


def test_what_is_worn_is_read_off_the_pixels() -> None:
    found = _values(shard_attributes(_arrays(parts={Part.HAT: 6, Part.GLASSES: 1})))
    assert found["hat"] == 1 and found["glasses"] == 1


def test_hidden_hair_and_stubble_are_unknown() -> None:
    hidden = shard_attributes(_arrays(beard="stubble", parts={Part.HAT: 6})).known[0]
    assert not hidden[INDEX["hair"]] and not hidden[INDEX["beard"]]
    assert hidden.sum() == len(VOCABULARY.names) - 2


def test_poses_beyond_the_range_are_its_end() -> None:
    assert _values(shard_attributes(_arrays(yaw_degrees=50.0)))["yaw"] == 45


@pytest.mark.parametrize(
    "style, color, grey, word",
    [
        ("long", "platinum", 0.0, "blond"),
        ("long", "light brown", 0.4, "brown"),
        ("long", "dark brown", 0.7, "gray"),
        ("crew", "white", 0.0, "gray"),
        ("bald", "red", 0.0, "bald"),
    ],
)
def test_hair_words(style: str, color: str, grey: float, word: str) -> None:
    assert hair_word(Hair(style, color, 0.5, 1, 0.5, 0, 0, grey, 0, 0)) == word


def test_an_unknown_colour_is_named() -> None:
    with pytest.raises(InputError, match="green"):
        hair_word(Hair("long", "green", 0.5, 1, 0.5, 0, 0, 0.0, 0, 0))


def test_missing_arrays_are_named() -> None:
    arrays = _arrays()
    del arrays["donor"]
    with pytest.raises(InputError, match="donor"):
        shard_attributes(arrays)


def _table(count: int = 5, seed: int = 0) -> AttributeTable:
    rng = np.random.default_rng(seed)
    columns = []
    for attribute in VOCABULARY.attributes:
        if attribute.kind == "scalar":
            columns.append(rng.uniform(attribute.low, attribute.high, count))
        else:
            columns.append(rng.integers(0, attribute.width if attribute.kind == "choice" else 2, count))
    return AttributeTable(np.stack(columns, 1).astype(np.float32), rng.random((count, len(columns))) < 0.6)


def test_condition_vectors_are_those_of_the_runtime() -> None:
    table = _table()
    for values, known, vector in zip(table.values, table.known, condition_vectors(table)):
        said: dict[str, Any] = {}
        for attribute, value, is_known in zip(VOCABULARY.attributes, values, known):
            if is_known:
                said[attribute.name] = attribute.choices[int(value)] if attribute.kind == "choice" else float(value)
        np.testing.assert_allclose(vector, VOCABULARY.vector(said), atol=1e-6)


def test_a_mirror_turns_the_yaw_alone() -> None:
    table = _table()
    changed = (table.mirrored().values != table.values).any(0)
    assert [name for name, differs in zip(VOCABULARY.names, changed) if differs] == ["yaw"]
    np.testing.assert_array_equal(table.mirrored().values[:, INDEX["yaw"]], -table.values[:, INDEX["yaw"]])


def test_forgetting_never_invents_and_leaves_every_number_of_attributes_about_as_often() -> None:
    known = np.ones((44_000, len(VOCABULARY.names)), bool)
    known[:, 3] = False
    kept = drop_attributes(known, np.random.default_rng(0))
    assert not kept[:, 3].any()
    share = np.bincount(kept.sum(1), minlength=11) / len(kept)
    # 10 attributes with a rate from 0 to 1: 0 to 10 of them stay, each number with probability 1 / 11.
    np.testing.assert_allclose(share, 1 / 11, atol=0.01)


def test_nothing_known_is_the_zero_vector() -> None:
    table = _table()
    assert not condition_vectors(AttributeTable(table.values, np.zeros_like(table.known))).any()


def test_widths() -> None:
    assert VOCABULARY.width == 27 and value_slots(_table().values).shape == (5, 16)
    assert len(SCORED) == 10 and set(SCORED) < set(VOCABULARY.names)


def test_a_table_by_name_says_what_the_condition_vectors_say() -> None:
    rng = np.random.default_rng(2)
    low = np.array([a.low if a.kind == "scalar" else 0 for a in VOCABULARY.attributes])
    high = np.array([a.high if a.kind == "scalar" else a.width - 1 for a in VOCABULARY.attributes])
    high[[INDEX[name] for name in ("glasses", "hat", "beard")]] = 1
    values = rng.uniform(low, high, (20, len(low)))
    for attribute in VOCABULARY.attributes:
        if attribute.kind != "scalar":
            values[:, INDEX[attribute.name]] = rng.integers(0, max(2, attribute.width), 20)
    table = AttributeTable(values.astype(np.float32), rng.random(values.shape) < 0.6)
    rows = table.by_name()
    assert any("hair" in row for row in rows) and any("hair" not in row for row in rows)
    np.testing.assert_allclose([VOCABULARY.vector(row) for row in rows], condition_vectors(table), atol=1e-6)
