"""Resemblance: ranks in closed form, people with one picture left out, and faces of a generator that obeys or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.resemblance import Resembled, first_and_second, resembled
from facesdk.errors import InputError

PEOPLE = 6
FACE = np.zeros((68, 2), np.float32)


def _pictures() -> dict[str, NDArray[Any]]:
    """Two pictures of each person, who is a shade of one colour."""
    rgb = np.zeros((2 * PEOPLE, 8, 8, 3), np.uint8)
    identity = np.tile(np.arange(PEOPLE), 2)
    rgb[..., 0] = (identity * 40)[:, None, None]
    return {"rgb": rgb, "identity": identity, "landmarks": np.zeros((2 * PEOPLE, 68, 2), np.float32)}


def _judge(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    angle = pictures[:, 0, 0, 0] / 255.0
    return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32) * 3


def test_ranks_and_cosines() -> None:
    found = Resembled(np.array([0, 1]), np.array([[0.9, 0.1, 0.2], [0.8, 0.5, 0.6]], np.float32))
    assert found.rank.tolist() == [0, 2] and (found.top(1), found.top(3)) == (0.5, 1.0)
    assert found.cosine(own=True) == pytest.approx(0.7) and found.cosine(own=False) == pytest.approx(1.7 / 4)
    nothing = Resembled(np.zeros(0, np.int64), np.zeros((0, 3), np.float32))
    assert nothing.top(1) is None and nothing.cosine(own=True) is None


def test_who_has_one_picture_is_left_out() -> None:
    identity = np.array([7, 3, 3, 9, 9, 9, 5])
    first, second = first_and_second({"identity": identity}, people=10)
    assert identity[first].tolist() == identity[second].tolist() == [3, 9] and (first != second).all()
    with pytest.raises(InputError, match="1 people"):
        first_and_second({"identity": np.array([7, 3, 3])}, people=10)


def test_a_generator_that_obeys_is_told_from_chance() -> None:
    pictures = _pictures()

    def make(seed: int, identity: Any) -> NDArray[np.uint8]:
        return pictures["rgb"][0] if identity is None else np.asarray(identity, np.uint8)

    def wish(picture: NDArray[np.uint8]) -> Any:
        return None if picture[0, 0, 0] == 80 else picture  # the third person's face is not found

    asked, chance = resembled(pictures, np.arange(PEOPLE), wish, make, lambda face: FACE, _judge)
    assert asked.person.tolist() == chance.person.tolist() == [0, 1, 3, 4, 5]
    assert asked.top(1) == 1 and asked.cosine(own=True) == pytest.approx(1, abs=1e-6)
    assert chance.top(1) == pytest.approx(1 / 5)  # always the first person, whom one of five wishes meant


def test_a_face_that_is_none_is_not_counted() -> None:
    pictures = _pictures()
    asked, _ = resembled(
        pictures, np.arange(PEOPLE), lambda picture: picture, lambda seed, who: pictures["rgb"][0],  # type: ignore
        lambda face: None, _judge,
    )  # fmt: skip
    assert len(asked.person) == 0 and asked.cosines.shape == (0, PEOPLE)
