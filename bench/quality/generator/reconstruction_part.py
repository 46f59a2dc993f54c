"""Figures of the reconstruction: the generator beside a constant, a linear code, and another VAE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.part import Part
from bench.quality.generator.pca import PicturePCA
from bench.quality.generator.pictures import GeneratorSet
from bench.quality.generator.reconstruction import Rate, Reconstruction, score_reconstructions
from bench.quality.generator.sheets import reconstruction_sheet
from bench.quality.generator.trained_vae import reconstruct_with_run
from bench.report import Figure
from train.flow.frechet import FrechetReference

U8 = NDArray[np.uint8]
OWN = "generator"
METRICS = {
    "psnr": ("reconstruction: PSNR, whole crop", "dB"),
    "ssim": ("reconstruction: SSIM, whole crop", ""),
    "psnr_face": ("reconstruction: PSNR, face", "dB"),
    "ssim_face": ("reconstruction: SSIM, face", ""),
    "perceptual": ("reconstruction: distance of the judge's maps", ""),
}


def measure_reconstruction(
    made: U8, rate: Rate, test: GeneratorSet, pca: PicturePCA, judge: JudgeFeatures, other_vae: Path | None
) -> Part:
    """Measures reconstructions of unseen people.

    Args:
        made: what the generator made of the test pictures.
        rate: of its code.
        test: the pictures.
        pca: the linear code of as many numbers.
        judge: for the perceptual and the Frechet distance.
        other_vae: run folder of another VAE, or None.
    """
    methods = {"mean face": pca.mean_picture(test.rgb), "PCA": pca.reconstruct(test.rgb), OWN: made}
    details: dict[str, Any] = {"rate": asdict(rate)}
    if other_vae is not None:
        methods["other VAE"], other = reconstruct_with_run(other_vae, test.rgb)
        details["rate_of_other_vae"] = asdict(other)
    scores = {name: score_reconstructions(m, test.rgb, test.face, judge) for name, m in methods.items()}
    found = [
        *bounded_figures(scores[OWN], scores["PCA"]),
        Figure("rate", rate.nats, "nats"),
        Figure("rate, a number of the code", rate.nats_per_number, "nats"),
        *method_figures(scores),
    ]
    # Each against its own original, as autoencoders are reported; the floor of the samples is of other people.
    own = FrechetReference(judge.pooled(test.rgb))
    details["frechet_of_test_reconstructions_to_their_originals"] = own.distance(judge.pooled(made))
    return Part(found, details, {"reconstructions": reconstruction_sheet(test.rgb, methods["PCA"], made)})


def bounded_figures(own: Reconstruction, linear: Reconstruction) -> list[Figure]:
    """The figures of the reconstruction that have bounds."""
    return [
        Figure("reconstruction: PSNR, whole crop", own.psnr, "dB", 19, 25),
        Figure("reconstruction: SSIM, whole crop", own.ssim, "", 0.60, 0.80),
        Figure("reconstruction: PSNR, face", own.psnr_face, "dB", 21, 25),
        Figure("reconstruction: SSIM, face", own.ssim_face, "", None, 0.80),
        Figure("reconstruction: PSNR above that of PCA, whole crop", own.psnr - linear.psnr, "dB", 1.5),
        Figure("reconstruction: PSNR above that of PCA, face", own.psnr_face - linear.psnr_face, "dB"),
    ]


def method_figures(scores: Mapping[str, Reconstruction]) -> list[Figure]:
    """Every method's scores, metric by metric."""
    return [
        Figure(f"{text}: {name}", getattr(values, metric), unit, better="lower" if metric == "perceptual" else "higher")
        for metric, (text, unit) in METRICS.items()
        for name, values in scores.items()
    ]
