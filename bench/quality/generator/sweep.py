"""Every solver with every number of steps, on the same noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.progress import track
from rich.table import Table

from bench.quality.generator.attribute_scores import Classify, ask, by_attribute, mean_share
from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.sample_scores import SampleScorer, SampleScores
from bench.quality.generator.under_test import GeneratorUnderTest

F32 = NDArray[np.float32]
STEPS = (1, 2, 4, 8, 16, 32)
SOLVERS = ("euler", "midpoint", "heun")
EVALUATIONS = {"euler": 1, "midpoint": 2, "heun": 2}  # of the network, for a step
Setting = tuple[str, int]


@dataclass(frozen=True)
class Cell:
    """One solver with one number of steps.

    Attributes:
        solver: its name.
        steps: how many.
        scores: of the samples.
        attributes: share of the samples that show what was asked, mean over the attributes.
    """

    solver: str
    steps: int
    scores: SampleScores
    attributes: float

    @property
    def evaluations(self) -> int:
        """How often the network runs for a face."""
        return self.steps * EVALUATIONS[self.solver]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "solver": self.solver,
            "steps": self.steps,
            "evaluations": self.evaluations,
            **asdict(self.scores),
            "attributes": self.attributes,
        }


def sample_features(generator: GeneratorUnderTest, judge: JudgeFeatures, count: int, solver: str, steps: int) -> F32:
    """The judge's features of `count` samples without a wish, (count, F)."""
    batches = generator.samples(count, None, steps, solver)
    total = -(-count // generator.batch)
    return np.concatenate([judge.pooled(part) for part in track(batches, f"{solver} {steps}", total)])


def sweep(
    generator: GeneratorUnderTest,
    judge: JudgeFeatures,
    scorer: SampleScorer,
    classify: Classify,
    each: int,
    known: dict[Setting, F32],
    steps: Sequence[int] = STEPS,
    solvers: Sequence[str] = SOLVERS,
) -> list[Cell]:
    """Scores all settings.

    Args:
        generator: makes the samples.
        judge: looks at them.
        scorer: decides how many.
        classify: reads attributes.
        each: samples of each asked value.
        known: features of settings that were sampled before, of `scorer.count` samples or more.
        steps, solvers: the settings.
    """
    cells = []
    for solver in solvers:
        for count in steps:
            found = known.get((solver, count))
            if found is None:
                found = sample_features(generator, judge, scorer.count, solver, count)
            right = mean_share(by_attribute(ask(generator, classify, each, count, solver)))
            cells.append(Cell(solver, count, scorer.score(found), right))
    return cells


def sweep_table(cells: Sequence[Cell], count: int) -> Table:
    """The settings for the terminal.

    Args:
        cells: of `sweep`.
        count: samples of each.
    """
    table = Table(title=f"Samples by solver and steps, {count} of each", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column("setting", no_wrap=True)
    # Short, so that the table fits a terminal of 80 columns; Cell and SampleScores say what they mean.
    for column in ("runs", "Frechet", "ratio", "prec.", "recall", "div.", "near", "copy", "attr."):
        table.add_column(column, justify="right", no_wrap=True)
    for cell in cells:
        s = cell.scores
        scores = (s.frechet, s.ratio, s.precision, s.recall, s.diversity, s.nearest, s.too_near, cell.attributes)
        table.add_row(f"{cell.solver} {cell.steps}", str(cell.evaluations), *(f"{score:.3g}" for score in scores))
    return table
