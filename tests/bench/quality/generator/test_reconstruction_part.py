from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.pca import PicturePCA
from bench.quality.generator.pictures import GeneratorSet
from bench.quality.generator.reconstruction import Rate, Reconstruction
from bench.quality.generator.reconstruction_part import bounded_figures, measure_reconstruction
from tests.facesdk.tiny_generator import SIDE
from train.checkpoint import config_dict, save_weights
from train.models.latent_flow.vae import PRESETS, VAE


def test_bounds_are_of_the_generator_and_of_its_gain() -> None:
    linear = Reconstruction(24.0, 0.70, 23.0, 0.71, 0.3)
    figures = {f.name: f for f in bounded_figures(replace(linear, psnr=25.4, psnr_face=24.0), linear)}
    gain = figures["reconstruction: PSNR above that of PCA, whole crop"]
    # Good enough by itself, and not good enough beside a linear code.
    assert figures["reconstruction: PSNR, whole crop"].ok and gain.value == pytest.approx(1.4) and gain.ok is False
    assert figures["reconstruction: PSNR above that of PCA, face"].value == pytest.approx(1.0)


def test_another_vae_stands_beside_the_packs(tiny_pictures: GeneratorSet, judge: JudgeFeatures, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = VAE(replace(PRESETS["tiny"], image_size=SIDE))
    save_weights(tmp_path, network.state_dict(), {"net": "vae", "config": config_dict(network.config)})
    pca = PicturePCA.fit(tiny_pictures.rgb, 4)
    rate = Rate(600.0, 2.3, 256)
    part = measure_reconstruction(tiny_pictures.rgb.copy(), rate, tiny_pictures, pca, judge, tmp_path)
    found = {figure.name: figure.value for figure in part.figures}
    methods = ("mean face", "PCA", "generator", "other VAE")
    psnr = [found[f"reconstruction: PSNR, whole crop: {name}"] for name in methods]
    # The pictures themselves are the cap; a network that was never trained is worse than the mean of all.
    assert psnr[2] == 60 and psnr[3] < psnr[0] < psnr[1] < psnr[2]
    assert found["reconstruction: distance of the judge's maps: generator"] == 0
    assert found["rate"] == 600 and part.details["rate_of_other_vae"]["nats"] >= 0
    assert part.details["frechet_of_test_reconstructions_to_their_originals"] == pytest.approx(0, abs=1e-3)
    assert np.ptp(part.sheets["reconstructions"]) > 100
    alone = measure_reconstruction(tiny_pictures.rgb, rate, tiny_pictures, pca, judge, None)
    assert "rate_of_other_vae" not in alone.details and len(alone.figures) == len(part.figures) - 5
