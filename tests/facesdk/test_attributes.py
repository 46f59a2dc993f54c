"""Attributes: what may be said, what it becomes, and what is said about what may not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facesdk.attributes import Attribute, Vocabulary
from facesdk.errors import InputError, PackError

WORDS = Vocabulary(
    [
        Attribute("smile", "scalar"),
        Attribute("hair", "choice", choices=("black", "red", "bald")),
        Attribute("hat", "flag"),
        Attribute("yaw", "scalar", -45.0, 45.0),
    ]
)


def test_the_vector_holds_values_and_then_what_is_known():
    assert WORDS.width == 1 + 3 + 1 + 1 + 4
    np.testing.assert_array_equal(
        WORDS.vector({"yaw": 22.5, "hair": "red", "smile": 0.0, "hat": True}), [-1, 0, 1, 0, 1, 0.5, 1, 1, 1, 1]
    )
    np.testing.assert_array_equal(WORDS.vector({"hat": 0}), [0, 0, 0, 0, -1, 0, 0, 0, 1, 0])
    nothing = WORDS.vector({})
    assert nothing.dtype == np.float32 and not nothing.any()


def test_slots_say_where_an_attribute_stands():
    vector = WORDS.vector({"hair": "bald"})
    assert WORDS.value_slots("hair") == slice(1, 4) and WORDS.known_slot("hair") == 7
    assert vector[WORDS.value_slots("hair")].tolist() == [0, 0, 1] and vector[WORDS.known_slot("hair")] == 1
    taken = sorted([i for n in WORDS.names for i in range(10)[WORDS.value_slots(n)]] + [7, 6, 8, 9])
    assert taken == list(range(10)) and sorted(map(WORDS.known_slot, WORDS.names)) == [6, 7, 8, 9]


def test_text_from_a_command_line_is_read():
    assert WORDS.parse({"hat": "yes", "smile": "0.25", "yaw": "-45", "hair": " Red "}) == {
        "smile": 0.25,
        "hair": "red",
        "hat": 1.0,
        "yaw": -45.0,
    }
    assert list(WORDS.parse({"yaw": 0, "smile": 0})) == ["smile", "yaw"]
    assert WORDS.parse({"hat": "off"}) == WORDS.parse({"hat": False}) == WORDS.parse({"hat": 0.0}) == {"hat": 0.0}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"smle": 1}, "no attribute 'smle'.*smile 0..1, hair black|red|bald, hat 0|1, yaw -45..45"),
        ({"smile": 1.01}, "smile=1.01 cannot be.*smile 0..1"),
        ({"smile": float("nan")}, "smile=nan"),
        ({"smile": True}, "smile=True"),
        ({"smile": "much"}, "smile='much'"),
        ({"yaw": -46}, "yaw -45..45"),
        ({"hat": 0.5}, "hat 0|1"),
        ({"hair": "green"}, "hair black|red|bald"),
        ({"hair": 1}, "hair black|red|bald"),
        ({"smile": None}, "smile=None"),
    ],
)
def test_what_cannot_be_is_refused_with_what_exists(values: dict[str, float], text: str):
    with pytest.raises(InputError, match=f"(?s){text.replace('|', '[|]')}"):
        WORDS.vector(values)


def test_the_manifest_keeps_it():
    text = json.dumps(WORDS.to_manifest())
    assert Vocabulary.from_manifest(json.loads(text)) == WORDS
    assert Vocabulary(WORDS.attributes[:2]) != WORDS


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        ["smile"],
        [{"name": "smile"}],
        [{"name": "smile", "kind": "number"}],
        [{"name": "smile", "kind": "scalar", "low": 1.0, "high": 1.0}],
        [{"name": "smile", "kind": "scalar", "low": "much"}],
        [{"name": "hair", "kind": "choice", "choices": ["red"]}],
        [{"name": "hair", "kind": "choice", "choices": ["red", "red"]}],
        [{"name": "hat", "kind": "flag", "choices": ["no", "yes"]}],
        [{"name": "hat", "kind": "flag"}, {"name": "hat", "kind": "flag"}],
    ],
)
def test_a_faulty_manifest_is_a_pack_error(document: object):
    with pytest.raises(PackError):
        Vocabulary.from_manifest(document)
