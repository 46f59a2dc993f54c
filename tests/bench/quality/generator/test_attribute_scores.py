from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.generator.attribute_scores import (
    FIRST,
    QUESTIONS,
    Question,
    ask,
    by_attribute,
    ceiling,
    load_attribute_judge,
    mean_share,
)
from facesdk.errors import InputError
from train.checkpoint import config_dict, save_weights
from train.data.attributes import INDEX, SCORED, VOCABULARY, AttributeTable
from train.models.faces.attributes import PRESETS, AttributeNet
from train.models.faces.recogniser import PRESETS as RECOGNISERS
from train.models.faces.recogniser import Recogniser
from train.recipes.attributes import read_attributes

WIDTH = len(VOCABULARY.attributes)
Array = NDArray[np.float32]


def _table(name: str, values: list[float], known: list[bool] | None = None) -> AttributeTable:
    table = np.zeros((len(values), WIDTH), np.float32)
    table[:, INDEX[name]] = values
    seen = np.zeros((len(values), WIDTH), bool)
    seen[:, INDEX[name]] = True if known is None else known
    return AttributeTable(table, seen)


def test_every_scored_attribute_is_asked_at_values_that_it_can_have() -> None:
    assert tuple(question.name for question in QUESTIONS) == SCORED
    for question in QUESTIONS:
        for value in question.asked:
            VOCABULARY[question.name].parse(value)


def test_sides_of_the_middle() -> None:
    age, yaw = Question("age", (0.1, 0.9)), Question("yaw", (-30.0, 30.0))
    read = _table("age", [0.49, 0.51, 0.9]).values
    assert age.shows(read, 0.9).tolist() == [False, True, True]
    assert age.shows(read, 0.1).tolist() == [True, False, False]
    turned = _table("yaw", [-4, 4]).values
    assert yaw.shows(turned, -30.0).tolist() == [True, False] and yaw.shows(turned, 30.0).tolist() == [False, True]


def test_a_choice_is_its_class() -> None:
    hair = Question("hair", VOCABULARY["hair"].choices)
    read = _table("hair", [0, 3, 5]).values
    assert [hair.shows(read, word).argmax() for word in ("black", "red", "bald")] == [0, 1, 2]
    assert hair.shows(read, "blond").sum() == 0


def test_clear_pictures_leave_the_doubtful_out() -> None:
    age = Question("age", (0.1, 0.9))
    truth = _table("age", [0.0, 0.29, 0.31, 0.6, 0.71, 1.0], [True, True, True, True, True, False])
    assert age.clear(truth, 0.1).tolist() == [True, True, False, False, False, False]
    assert age.clear(truth, 0.9).tolist() == [False, False, False, False, True, False]
    hat = Question("hat", (0.0, 1.0))
    worn = _table("hat", [0, 1, 1], [True, True, False])
    assert hat.clear(worn, 1.0).tolist() == [False, True, False] and hat.clear(worn, 0.0).tolist() == [
        True,
        False,
        False,
    ]


class _Obedient:
    """Paints what is asked, as a share of its range, into every picture; one attribute it does not know."""

    def __init__(self, deaf: str) -> None:
        self.deaf = deaf
        self.asked: list[tuple[object, ...]] = []

    def samples(
        self, count: int, values: Mapping[str, object], steps: int | None, solver: str, first: int
    ) -> Iterator[NDArray[np.uint8]]:
        self.asked.append((dict(values), steps, solver, first))
        ((name, value),) = values.items()
        attribute = VOCABULARY[name]
        number = attribute.choices.index(value) / 5 if attribute.kind == "choice" else (
            (float(value) - attribute.low) / (attribute.high - attribute.low)  # type: ignore[arg-type]
        )  # fmt: skip
        level = 0 if name == self.deaf else round(200 * number)
        for part in (count // 2, count - count // 2):
            yield np.full((part, 4, 4, 3), level, np.uint8)


def _classify(pictures: NDArray[np.uint8]) -> Array:
    share = pictures[:, 0, 0, 0].astype(np.float32) / 200
    columns = [
        np.rint(share * 5) if a.kind == "choice" else share * (a.high - a.low) + a.low for a in VOCABULARY.attributes
    ]
    return np.stack(columns, 1).astype(np.float32)


def test_asking_a_generator_that_obeys_but_for_one_attribute() -> None:
    generator = _Obedient(deaf="beard")
    shares = ask(generator, _classify, 5, 8, "heun")  # type: ignore[arg-type]
    found = by_attribute(shares)
    # It never paints a beard, which is right when none is asked for.
    assert found == {**dict.fromkeys(SCORED, 1.0), "beard": 0.5} and mean_share(found) == pytest.approx(0.95)
    assert list(shares["hair"]) == list(VOCABULARY["hair"].choices)
    assert generator.asked[0] == ({"smile": 0.0}, 8, "heun", FIRST)
    assert len(generator.asked) == 24 and all(len(values) == 1 for values, *_ in generator.asked)


def test_a_deaf_generator_is_right_by_chance_only() -> None:
    class Deaf(_Obedient):
        def samples(self, count: int, values: object, *rest: object) -> Iterator[NDArray[np.uint8]]:
            yield np.full((count, 4, 4, 3), 150, np.uint8)

    found = by_attribute(ask(Deaf(""), _classify, 4))  # type: ignore[arg-type]
    assert found == {**dict.fromkeys(SCORED, 0.5), "hair": pytest.approx(1 / 6)}


def test_the_ceiling_weighs_values_alike() -> None:
    truth = _table("glasses", [0, 0, 0, 1])
    pictures = np.zeros((4, 4, 4, 3), np.uint8)  # read as "none" all over
    shares = ceiling(_classify, pictures, truth)
    assert shares == {"glasses": {"0.0": 1.0, "1.0": 0.0}} and by_attribute(shares) == {"glasses": 0.5}


def test_the_classifier_is_read_from_its_run(tmp_path: Path) -> None:
    network = AttributeNet(PRESETS["tiny"])
    save_weights(tmp_path / "run", network.state_dict(), {"net": "attributes", "config": config_dict(network.config)})
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    found = load_attribute_judge(tmp_path / "run")(pictures)
    assert found.shape == (3, WIDTH) and np.array_equal(found, read_attributes(network.eval(), pictures))
    other = Recogniser(RECOGNISERS["tiny"])
    save_weights(tmp_path / "other", other.state_dict(), {"net": "recogniser", "config": config_dict(other.config)})
    with pytest.raises(InputError, match="holds a recogniser"):
        load_attribute_judge(tmp_path / "other")
    with pytest.raises(InputError, match="no run found"):
        load_attribute_judge(tmp_path / "none")
