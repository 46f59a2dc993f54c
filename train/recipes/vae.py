"""The generator's VAE: reconstruction at a rate that is held, then features and an adversary."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.errors import InputError
from train.data.color_jitter import ColorJitter
from train.data.portrait_data import face_masks, portrait_batch, portraits, rows_with_glasses
from train.losses.kl import kl_per_dimension
from train.models.latent_flow import patch_discriminator
from train.models.latent_flow.vae import VAE, VAEConfig
from train.recipe import TrainConfig
from train.recipes.feature_nets import load_features
from train.recipes.tensors import picture_array, picture_tensor
from train.recipes.vae_losses import LOSSES, Critic, VAETraining
from train.recipes.vae_start import start_from_principal, start_from_run

# Seed 003, "Training Configuration": 180 epochs of 63,000 pictures, 24 a step.
_PAPER = TrainConfig(
    steps=472_500, batch_size=24, learning_rate=1e-4, final_share=0.05, warmup_steps=47_250, betas=(0.9, 0.999),
    weight_decay=0.01, ema=0.999, clip=1.0, eval_every=10_000, save_every=10_000,
)  # fmt: skip
_NANO = TrainConfig(
    steps=6000, batch_size=32, learning_rate=1.5e-3, eval_every=500, save_every=250, weight_decay=0.0
)  # fmt: skip
_SHARP = replace(_NANO, steps=2000, learning_rate=3e-4, warmup_steps=100, final_share=0.05)
_TINY = TrainConfig(steps=4, batch_size=8, learning_rate=1e-3, eval_every=4, save_every=2, precision="no")
SETTINGS = {
    "paper": _PAPER,
    # The seed does not say how long: 20 epochs.
    "paper_adversarial": replace(_PAPER, steps=52_500, warmup_steps=5_250),
    "nano": _NANO,
    "nano_decoder": replace(_NANO, steps=1500, learning_rate=5e-4, warmup_steps=50),
    "nano_sharp": _SHARP,
    "nano_sharp_decoder": _SHARP,
    "nano_seed": replace(_PAPER, steps=1000, batch_size=32, learning_rate=1e-3, warmup_steps=100, eval_every=100),
    "tiny": _TINY,
    "tiny_sharp": _TINY,
}
# The seed's network has no linear part, and a tanh.
NETWORK_CHANGES: dict[str, dict[str, Any]] = {"nano_seed": {"base_size": 0, "tanh": True}}
JITTER = {"paper": ColorJitter(), "paper_adversarial": ColorJitter(), "nano_seed": ColorJitter()}


class VAERecipe:
    """Trains `VAE` on portraits cut from swap shards.

    Args:
        preset: of SETTINGS and LOSSES.
        network_config: sizes.
        train: swap arrays with rgb and parts, or None for a dry run.
        validation: swap arrays.
        data_options: what the arrays were rendered with.
        parser: run folder of a parser, for the perceptual loss.
        recogniser: run folder of a recogniser, for the same.
        vgg: weights file of torchvision's VGG-19, for the same.
        start: run folder of a VAE whose weights are the start; a second stage needs one.

    Raises:
        InputError: no such preset, pictures of another size, a second stage without a start, or no such networks.
    """

    family, net = "latent_flow", "vae"

    def __init__(
        self, preset: str, network_config: VAEConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any], parser: Path | None = None,
        recogniser: Path | None = None, vgg: Path | None = None, start: Path | None = None,
    ) -> None:  # fmt: skip
        if preset not in SETTINGS:
            raise InputError(f"vae has no preset {preset!r}: expected one of {', '.join(SETTINGS)}.")
        losses = LOSSES[preset]
        self.preset, self.config = preset, SETTINGS[preset]
        self.network_config = replace(network_config, **NETWORK_CHANGES.get(preset, {}))
        if train is not None and train["rgb"].shape[1] != network_config.image_size:
            raise InputError(
                f"vae {preset} takes {network_config.image_size} px, the data has {train['rgb'].shape[1]} px.",
                "Render with --size.",
            )
        if train is not None and start is None and (losses.adversarial or losses.phase == "decoder"):
            raise InputError(
                f"vae {preset} is a second stage and starts from the weights of a first one.",
                f"Train the preset {preset.split('_')[0]!r}, then give its run folder with --start.",
            )
        self.features = load_features(parser, recogniser, vgg)
        if losses.perceptual and not self.features:
            warnings.warn("vae: no network was given for the perceptual loss; it is left out.", stacklevel=2)
        given = {"start": start, "parser": parser, "recogniser": recogniser, "vgg": vgg}
        self.data_options = {**data_options, **{name: path.name for name, path in given.items() if path is not None}}
        self.network = VAE(self.network_config).to(memory_format=torch.channels_last)
        critic = None
        if losses.adversarial:
            sizes = patch_discriminator.PRESETS[preset.split("_")[0]]
            critic = Critic(patch_discriminator.PatchDiscriminator(sizes)).to(memory_format=torch.channels_last)
        self.discriminator: nn.Module | None = critic
        training = VAETraining(self.network, losses, self.features, critic)
        self.module: nn.Module = training
        self.train, self.validation = train, validation
        self.often = rows_with_glasses(train) if train is not None and losses.glasses_share else None
        if start is not None:
            start_from_run(training, start)
        elif train is not None and self.network_config.base_size:
            start_from_principal(training, train)

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        raw = portrait_batch(self.train, rng, self.config.batch_size, self.often, LOSSES[self.preset].glasses_share)
        jitter = JITTER.get(self.preset)
        # The changed picture is what is coded and what is asked for.
        images = raw["image"] if jitter is None else np.stack([jitter(image, rng) for image in raw["image"]])
        weights = {name: torch.from_numpy(np.ascontiguousarray(raw[name])) for name in ("face", "detail")}
        return {"image": picture_tensor(images), **weights}

    def _validation(self, most: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        assert self.validation is not None
        count = len(self.validation["rgb"])
        rows = np.linspace(0, count - 1, min(most, count)).astype(np.int64)
        return portraits(self.validation, rows, 0), face_masks(self.validation, rows)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        assert isinstance(network, VAE)
        images, faces = self._validation(480)
        made, rates = [], []
        distances: dict[str, list[float]] = {name: [] for name in self.features}
        for i in range(0, len(images), 48):
            target = picture_tensor(images[i : i + 48])
            posterior = network.encode(target)
            rates.append(kl_per_dimension(posterior.mean, posterior.log_variance).mean(1))
            picture = network.decode(posterior.mean)
            for name, loss in self.features.items():
                distances[name].append(float(loss(picture, target)))
            made.append(picture_array(picture))
        error = (np.concatenate(made).astype(np.float32) - images).__pow__(2).mean(-1)
        face = np.array([e[m].mean() for e, m in zip(error, faces) if m.any()])
        return {
            "psnr": float(10 * np.log10(255**2 / error.mean((1, 2))).mean()),
            "psnr_face": float(10 * np.log10(255**2 / face).mean()),
            "rate_nats": float(torch.cat(rates).mean()),
            **{f"distance_{name}": float(np.mean(values)) for name, values in distances.items()},
        }

    def grid(self, network: nn.Module) -> NDArray[np.uint8]:
        images, _ = self._validation(24)
        made = picture_array(network(picture_tensor(images)))
        columns = min(12, len(images))
        whole = range(0, len(images) - columns + 1, columns)
        rows = [np.hstack(list(part[i : i + columns])) for i in whole for part in (images, made)]
        return np.vstack(rows)
