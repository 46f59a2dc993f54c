"""Selection rules."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.faces.select import Rule, assign, parse_rule
from facesdk.types import Face


def _face(x: float, side: float, embedding: list[float] | None = None) -> Face:
    vector = None if embedding is None else np.array(embedding, np.float32)
    return Face(np.array([x, 0, x + side, side], np.float32), 0.9, np.zeros((5, 2), np.float32), embedding=vector)


FACES = [_face(0, 10, [1, 0]), _face(50, 30, [0.6, 0.8]), _face(90, 20, [0, 1])]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("largest", [1]), ("all", [0, 1, 2]), ("left", [0]), ("right", [2]), ("2", [2]), (1, [1]), (" 0 ", [0])],
)
def test_rules(rule: str | int, expected: list[int]):
    assert parse_rule(rule).choose(FACES) == expected


def test_like_takes_the_most_alike_face():
    embed = {"ann.jpg": np.array([0.8, 0.6], np.float32)}.__getitem__
    # Cosines 0.8, 0.96, 0.6.
    assert parse_rule("like ann.jpg", embed).choose(FACES) == [1]


def test_like_refuses_strangers_and_says_how_far_they_are():
    with pytest.raises(InputError, match=r"best: face 1, cosine -0.60; 0.35 needed"):
        Rule.like(np.array([-1.0, 0.0], np.float32)).choose(FACES[:2])


def test_a_number_that_is_not_there_says_how_many_are():
    with pytest.raises(InputError, match="face 3 was asked for, but 3 faces were found"):
        parse_rule(3).choose(FACES)
    with pytest.raises(InputError, match="but 1 face was found"):
        parse_rule(1).choose(FACES[:1])


@pytest.mark.parametrize("text", ["biggest", "-1", "1.5", "like", "", "like ann.jpg"])
def test_what_is_no_rule_is_refused(text: str):
    with pytest.raises(InputError, match="is no rule"):
        parse_rule(text)


def test_assign_gives_each_identity_its_face():
    pairs = [("ann", Rule("right")), ("bob", Rule("index", index=0))]
    assert assign(FACES, pairs) == [(2, "ann"), (0, "bob")]
    assert assign(FACES, [("ann", Rule("all"))]) == [(0, "ann"), (1, "ann"), (2, "ann")]


def test_assign_refuses_one_face_for_two():
    with pytest.raises(InputError, match="face 1 was chosen for two"):
        assign(FACES, [("ann", Rule("largest")), ("bob", Rule("index", index=1))])
