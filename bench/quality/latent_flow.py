"""Quality of the generator: its pictures of unseen people, its samples, and what of a wish they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from bench.quality.generator.amounts import Amounts
from bench.quality.generator.attribute_scores import Classify, ask, by_attribute, ceiling, mean_share
from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.interpolation import make_paths, path_jumps
from bench.quality.generator.part import Part
from bench.quality.generator.pictures import GeneratorSet, GeneratorSetOptions, load_generator_set
from bench.quality.generator.reconstruction import measure_rate
from bench.quality.generator.reconstruction_part import measure_reconstruction
from bench.quality.generator.reference import load_reference
from bench.quality.generator.sample_part import measure_samples
from bench.quality.generator.sheets import attribute_sheet, path_sheet
from bench.quality.generator.training import TrainingPictures
from bench.quality.generator.under_test import GeneratorUnderTest
from bench.report import BenchReport, Figure
from facesdk.errors import InputError
from facesdk.pack import Pack
from train.data.attributes import shard_attributes

U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class GeneratorQuality:
    """A report and what lies behind it.

    Attributes:
        report: the figures.
        sweep: the settings, as a table.
        sheets: pictures with generated pixels, by name.
        plots: PNG files, by name.
    """

    report: BenchReport
    sweep: Table
    sheets: Mapping[str, U8]
    plots: Mapping[str, bytes]


def measure_generator(
    pack: Pack,
    data: Path,
    train: Sequence[Path],
    options: GeneratorSetOptions,
    judge: JudgeFeatures,
    classify: Classify,
    amounts: Amounts | None = None,
    other_vae: Path | None = None,
    backend: str = "auto",
    workers: int = 2,
) -> GeneratorQuality:
    """Measures a pack.

    Args:
        pack: open pack with latent_flow.
        data: folder that keeps the rendered test set, and what is measured once of the training pictures.
        train: folders of the pictures that the pack was trained on.
        options: of the test set; its size must be that of the pack's pictures.
        judge: network that no loss of the training used.
        classify: reads attributes.
        amounts: how much is measured.
        other_vae: run folder of a VAE to put beside the pack's, such as one with the seed's weight of the KL.
        backend: runtime backend.
        workers: processes that render the test set on first use.

    Raises:
        InputError: the pictures have another size than the pack's, or there are too few.
    """
    amounts = amounts or Amounts()
    generator = GeneratorUnderTest(pack, backend, options.seed)
    pipeline = generator.pipeline
    training = TrainingPictures(train)
    first, _ = training.halves(amounts.samples)  # says at once, and not after minutes, whether there are enough
    sizes = {"test": options.size, "training": training.read(first[:1]).shape[1]}
    if set(sizes.values()) != {pipeline.size}:
        raise InputError(f"pack {pack.name} makes pictures of {pipeline.size} px, those to compare are {sizes}.")
    test = load_generator_set(data, options, workers)
    reference = load_reference(data, training, judge, pipeline.latent_size)
    latents, log_variance = generator.posterior(test.rgb)
    made = generator.decode(latents)
    scored, table, plot = measure_samples(generator, judge, classify, training, reference, test, amounts)
    parts = [
        measure_reconstruction(made, measure_rate(latents, log_variance), test, reference.pca, judge, other_vae),
        scored,
        _attributes(generator, classify, test, amounts.asked),
        _paths(generator, judge, latents, amounts.pairs, options.seed),
    ]
    report = BenchReport(
        f"Quality of latent_flow, pack {pack.name}: {len(test)} pictures of {test.people} unseen people",
        [figure for part in parts for figure in part.figures],
        {
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "backend": pipeline.backend,
            "heads": list(options.heads),
            "identities": test.people,
            "pictures": len(test),
            "training_pictures": len(training),
            "seed": options.seed,
            "guidance": pipeline.facts.guidance,
            "default_steps": pipeline.facts.steps,
            **asdict(amounts),
        },
        {name: value for part in parts for name, value in part.details.items()},
    )
    sheets = {name: sheet for part in parts for name, sheet in part.sheets.items()}
    return GeneratorQuality(report, table, sheets, {"sweep": plot})


def _attributes(generator: GeneratorUnderTest, classify: Classify, test: GeneratorSet, each: int) -> Part:
    shares = ask(generator, classify, each)
    real = ceiling(classify, test.rgb, shard_attributes(test.arrays))
    found, best = by_attribute(shares), by_attribute(real)
    figures = [
        Figure(f"attributes under guidance, mean of {len(found)}", mean_share(found), "", 0.90, 0.98),
        Figure("the same classifier on clear real pictures", mean_share(best)),
        *(Figure(f"attribute {name}, samples", share) for name, share in found.items()),
        *(Figure(f"attribute {name}, real pictures", share) for name, share in best.items()),
    ]
    details = {"attributes_by_value": shares, "attributes_by_value_on_real_pictures": real}
    return Part(figures, details, {"attributes": attribute_sheet(generator)})


def _paths(
    generator: GeneratorUnderTest, judge: JudgeFeatures, latents: NDArray[np.float32], pairs: int, seed: int
) -> Part:
    rng = np.random.default_rng([seed, pairs])
    ends = np.stack([rng.choice(len(latents), 2, replace=False) for _ in range(pairs)])
    paths = make_paths(generator, latents[ends[:, 0]], latents[ends[:, 1]])
    jumps = path_jumps(judge, paths)
    figures = [
        Figure("interpolation: largest jump over the mean jump", float(jumps.mean()), "x", 1.6, 1.2, "lower"),
        Figure("interpolation: the same, 95 % of pairs below", float(np.quantile(jumps, 0.95)), "x", better="lower"),
    ]
    return Part(figures, {"interpolation_pairs": pairs}, {"interpolations": path_sheet(paths)})
