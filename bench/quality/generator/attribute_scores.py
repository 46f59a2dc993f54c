"""Does a sample show what was asked? A classifier that saw no generated picture in training says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.under_test import GeneratorUnderTest
from facesdk.errors import InputError
from train.checkpoint import load_model
from train.data.attributes import INDEX, VOCABULARY, AttributeTable
from train.models.faces.attributes import AttributeNet
from train.recipes.attributes import read_attributes

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Classify = Callable[[U8], F32]
Shares = dict[str, dict[str, float]]
"""Attribute -> asked value as text -> share of the pictures that show it."""
ATTRIBUTE_JUDGE = Path(__file__).parents[1] / "attribute_judge"
FIRST = 1_000_000  # number of the first face: other noise than that of the samples without a wish
CLEAR = 0.5  # of the way from the middle to an asked end: real pictures beyond it show the attribute clearly


@dataclass(frozen=True)
class Question:
    """What is asked of one attribute, and when a picture shows it.

    Attributes:
        name: of the attribute.
        asked: the values, two ends or every choice.
    """

    name: str
    asked: tuple[float | str, ...]

    @property
    def _ends(self) -> tuple[float, float]:
        low, high = self.asked
        return float(low), float(high)

    def shows(self, read: F32, value: float | str) -> NDArray[np.bool_]:
        """Whether pictures fall on the asked side of the middle, or into the asked class.

        Args:
            read: (N, A) what a classifier reads, or the truth.
            value: one of `asked`.
        """
        found = read[:, INDEX[self.name]]
        if isinstance(value, str):
            return np.asarray(found == VOCABULARY[self.name].choices.index(value))
        low, high = self._ends
        above = found > (low + high) / 2
        return np.asarray(above if value == high else ~above)

    def clear(self, truth: AttributeTable, value: float | str) -> NDArray[np.bool_]:
        """Real pictures that show a value beyond doubt: known, and of a scalar the half of its side that lies outside.

        Args:
            truth: of N pictures.
            value: one of `asked`.
        """
        known = truth.known[:, INDEX[self.name]] & self.shows(truth.values, value)
        if isinstance(value, str):
            return np.asarray(known)
        low, high = self._ends
        away = np.abs(truth.values[:, INDEX[self.name]] - (low + high) / 2)
        return np.asarray(known & (away >= CLEAR * (high - low) / 2))


# All attributes that are scored. The ends of the scalars lie where training had pictures.
QUESTIONS: tuple[Question, ...] = (
    Question("smile", (0.0, 1.0)),
    Question("mouth_open", (0.0, 1.0)),
    Question("age", (0.1, 0.9)),
    Question("masculine", (0.1, 0.9)),
    Question("skin_tone", (0.1, 0.9)),
    Question("glasses", (0.0, 1.0)),
    Question("hat", (0.0, 1.0)),
    Question("beard", (0.0, 1.0)),
    Question("hair", VOCABULARY["hair"].choices),
    Question("yaw", (-30.0, 30.0)),
)


def load_attribute_judge(run: Path = ATTRIBUTE_JUDGE) -> Classify:
    """The classifier as a function of aligned (N, S, S, 3) pictures to (N, A) values, see `read_attributes`.

    Args:
        run: run folder; by default the repository's.

    Raises:
        InputError: there is none, or it holds another network.
    """
    network, preset = load_model(run)
    if not isinstance(network, AttributeNet):
        raise InputError(f"{run} holds a {preset['net']}, and an attribute classifier is expected.", "Choose another.")
    return lambda pictures: read_attributes(network, pictures)


def ask(
    generator: GeneratorUnderTest, classify: Classify, each: int, steps: int | None = None, solver: str = "euler"
) -> Shares:
    """Asks for every value of every question, one attribute at a time, with the pack's own guidance.

    Args:
        generator: makes the samples.
        classify: reads them.
        each: samples of each value.
        steps: of the solver; by default the pack's.
        solver: its name.
    """
    shares: Shares = {}
    for question in QUESTIONS:
        for value in question.asked:
            batches = generator.samples(each, {question.name: value}, steps, solver, FIRST)
            read = np.concatenate([classify(part) for part in batches])
            shares.setdefault(question.name, {})[str(value)] = float(question.shows(read, value).mean())
    return shares


def ceiling(classify: Classify, pictures: U8, truth: AttributeTable) -> Shares:
    """What the classifier reaches on real pictures that show a value beyond doubt; values that none shows are left out.

    Args:
        classify: the classifier.
        pictures: (N, S, S, 3) uint8.
        truth: of them.
    """
    read = classify(pictures)
    shares: Shares = {}
    for question in QUESTIONS:
        for value in question.asked:
            rows = question.clear(truth, value)
            if rows.any():
                shares.setdefault(question.name, {})[str(value)] = float(question.shows(read[rows], value).mean())
    return shares


def mean_share(shares: Mapping[str, float]) -> float:
    """Mean over the attributes."""
    return float(np.mean(list(shares.values())))


def by_attribute(shares: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean over the values of each attribute, so that a rare value counts as much as a frequent one."""
    return {name: float(np.mean(list(values.values()))) for name, values in shares.items()}
