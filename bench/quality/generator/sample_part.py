"""Figures of the samples: Frechet distances, coverage, and the sweep over solvers and steps."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from bench.quality.generator.amounts import Amounts
from bench.quality.generator.attribute_scores import Classify
from bench.quality.generator.coverage import neighbour_distance
from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.part import Part
from bench.quality.generator.pictures import GeneratorSet
from bench.quality.generator.plots import sweep_plot
from bench.quality.generator.reference import TrainingReference
from bench.quality.generator.sample_scores import SampleScorer
from bench.quality.generator.sheets import sample_sheet, step_sheet
from bench.quality.generator.sweep import Setting, sample_features, sweep, sweep_table
from bench.quality.generator.training import TrainingPictures
from bench.quality.generator.under_test import GeneratorUnderTest
from bench.report import Figure

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
HEADLINE_STEPS = (1, 4, 8)  # Euler steps that are measured with all samples
BLOCK = 500  # pictures that are held at once


def measure_samples(
    generator: GeneratorUnderTest,
    judge: JudgeFeatures,
    classify: Classify,
    training: TrainingPictures,
    reference: TrainingReference,
    test: GeneratorSet,
    amounts: Amounts,
) -> tuple[Part, Table, bytes]:
    """Measures samples.

    The real pictures are training pictures: they are what a generator should make more of, they show thousands of
    people where a test set shows some hundred, and the test set has hair styles that training never showed. The
    reconstructions are of other training people, which is a harder floor than unseen people would be.

    Args:
        generator: makes samples and reconstructions.
        judge: looks at them.
        classify: reads attributes.
        training: the pictures.
        reference: their features.
        test: unseen people, for the nearest training neighbour.
        amounts: how much is measured.

    Returns:
        The figures, the sweep as a table, and as a PNG.
    """
    real, others = training.halves(amounts.samples)
    again = reconstruction_features(generator, judge, training, others)
    known = reference.features
    unseen = neighbour_distance(judge.pooled(test.rgb), known)

    def scorer(count: int) -> SampleScorer:
        return SampleScorer(known[real[:count]], again[:count], known[others[:count]], known, unseen)

    whole, part = scorer(amounts.samples), scorer(amounts.grid)
    default = generator.pipeline.facts.steps
    found: dict[Setting, NDArray[np.float32]] = {}
    for steps in sorted({*HEADLINE_STEPS, default}):
        found["euler", steps] = sample_features(generator, judge, amounts.samples, "euler", steps)
    scores = {steps: whole.score(features) for (_, steps), features in found.items()}
    cells = sweep(generator, judge, part, classify, amounts.asked_grid, found, amounts.steps, amounts.solvers)
    usual = scores[default]
    figures = [
        Figure("Frechet distance of samples over reconstructions', 8 steps", scores[8].ratio, "x", 2.0, 1.2, "lower"),
        Figure("Frechet distance of samples over reconstructions', 1 step", scores[1].ratio, "x", None, 1.2, "lower"),
        Figure("the same with that of real pictures taken off, 8 steps", scores[8].excess_ratio, "x", better="lower"),
        Figure("Frechet distance of real pictures of other people", whole.real_to_real, better="lower"),
        Figure("Frechet distance of reconstructions (the floor)", whole.floor, better="lower"),
        *(
            Figure(f"Frechet distance of samples, {steps} steps", score.frechet, better="lower")
            for steps, score in scores.items()
        ),
        Figure(f"precision, {default} steps", usual.precision),
        Figure(f"recall, {default} steps", usual.recall),
        Figure(f"diversity over real pictures', {default} steps", usual.diversity),
        Figure("distance to the nearest training picture over unseen pictures'", usual.nearest),
        Figure("samples nearer to training than 1 % of unseen pictures", usual.too_near, better="lower"),
    ]
    details = {
        "samples_by_steps": {str(steps): asdict(score) for steps, score in scores.items()},
        "sweep": [cell.document() for cell in cells],
        "sweep_floor": part.floor,
        "sweep_real_to_real": part.real_to_real,
    }
    sheets = {"samples": sample_sheet(generator), "steps": step_sheet(generator, amounts.steps)}
    return Part(figures, details, sheets), sweep_table(cells, part.count), sweep_plot(cells, part.count)


def reconstruction_features(
    generator: GeneratorUnderTest, judge: JudgeFeatures, training: TrainingPictures, rows: I64
) -> F32:
    """The judge's features of reconstructed training pictures, in the order of `rows`."""
    order = np.argsort(rows)  # so that each file is read once
    blocks = np.array_split(order, -(-len(rows) // BLOCK))
    found = [judge.pooled(generator.reconstruct(training.read(rows[block]))) for block in blocks]
    features = np.concatenate(found)
    out = np.empty_like(features)
    out[order] = features
    return out
