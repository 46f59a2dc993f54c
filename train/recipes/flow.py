"""The flow: velocity net by flow matching, made straighter by reflow and short by average velocities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from facesdk.errors import InputError
from train.data.attributes import VOCABULARY
from train.data.face_world.types import Split
from train.flow.coupling import couple_unconditional
from train.flow.frechet import frechet_distance
from train.flow.guidance import conditioned
from train.flow.importance import picture_importance
from train.flow.path import path_point, path_velocity
from train.flow.solve import few_steps
from train.flow.times import logit_normal, time_spans
from train.models.latent_flow.vae import VAE
from train.models.latent_flow.velocity import VelocityConfig, VelocityNet
from train.recipe import TrainConfig
from train.recipes.flow_training import FlowStages, FlowTraining, draw_conditions
from train.recipes.latents import Latents, cached_latents, load_run, weights_digest
from train.recipes.tensors import picture_array

ReadSplit = Callable[[Split, int | None], dict[str, NDArray[Any]] | None]

IMPORTANCE_POINTS = 4
STEP_COUNTS = (1, 2, 4, 8)
# Rows of the sample grid: what is asked for.
WISHES: tuple[dict[str, float | str | bool], ...] = (
    {"smile": 0.9, "glasses": True},
    {"hair": "red", "masculine": 0.1},
    {"beard": True, "age": 0.9, "hair": "gray"},
    {"yaw": 35.0, "skin_tone": 0.9, "mouth_open": 0.6},
)
GUIDANCE = 2.0


SETTINGS: dict[str, tuple[TrainConfig, FlowStages]] = {
    "nano": (
        TrainConfig(
            steps=20_000, batch_size=512, learning_rate=1e-3, final_share=0.05, eval_every=2000,
            weight_decay=0.001, ema=0.998,
        ),
        FlowStages(),
    ),
    "paper": (
        TrainConfig(
            steps=400_000, batch_size=2048, learning_rate=2e-4, warmup_steps=5000, eval_every=10_000, save_every=5000,
            ema=0.9999, weight_decay=0.001,
        ),
        FlowStages(pairs=1_000_000, rounds=2, pair_steps=None, spans=0.25, teacher_decay=0.9999),
    ),
    "tiny": (
        TrainConfig(
            steps=6, batch_size=8, learning_rate=1e-3, warmup_steps=1, eval_every=6, save_every=2, precision="no"
        ),
        FlowStages(match_until=0.34, reflow_until=0.67, pairs=12, rounds=2, pair_steps=2),
    ),
}  # fmt: skip


class FlowRecipe:
    """Trains `VelocityNet` on the latents of a trained VAE.

    Args:
        preset: of the network and of SETTINGS.
        train: latents, or None for a dry run.
        validation: latents.
        data_options: what the pictures were rendered with, and which nets encoded them.
        vae: decodes the sample grid.
    """

    family, net = "latent_flow", "velocity"

    def __init__(
        self, preset: str, network_config: VelocityConfig, train: Latents | None, validation: Latents | None,
        data_options: dict[str, Any], vae: VAE | None = None,
    ) -> None:  # fmt: skip
        self.preset, self.network_config = preset, network_config
        self.config, self.stages = SETTINGS[preset]
        self.data_options, self.train, self.validation, self.vae = data_options, train, validation, vae
        if train is not None:
            found = (train.latent.shape[1], VOCABULARY.width, train.identity.shape[1])
            wanted = (network_config.latent, network_config.condition, network_config.identity)
            if found != wanted:
                raise InputError(
                    f"velocity net {preset}: widths of latent, condition and identity {wanted}, the data has {found}.",
                    "Name a VAE and a recogniser of the same preset.",
                )
        self.network = VelocityNet(network_config)
        importance = None
        if vae is not None and validation is not None:
            around = torch.from_numpy(validation.latent[:IMPORTANCE_POINTS])
            importance = picture_importance(lambda z: vae.decode(vae.denormalise(z)), around)
        self.module: nn.Module = FlowTraining(self.network, self.stages, train, importance)
        self.discriminator = None

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        count, stage = self.config.batch_size, self.stages.stage(progress)
        time = logit_normal(rng, count)
        end = time
        if stage == "mean":
            time, end = time_spans(rng, count, self.stages.spans)
        times = {"time": torch.from_numpy(time), "end": torch.from_numpy(end)}
        if stage != "match":
            return {**times, "pair": torch.from_numpy(rng.integers(0, self.stages.pairs, count))}
        rows = rng.integers(0, len(self.train), count)
        latent = self.train.latent[rows]
        condition, identity = draw_conditions(self.train, rows, rng, self.stages)
        says_nothing = ~(condition.any(1) | identity.any(1)).numpy()
        noise = rng.standard_normal(latent.shape, dtype=np.float32)
        noise = couple_unconditional(noise, latent, says_nothing)
        return {
            **times, "latent": torch.from_numpy(latent), "noise": torch.from_numpy(noise), "condition": condition,
            "identity": identity,
        }  # fmt: skip

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        """Validation loss of the instantaneous velocity, and the Frechet distance of samples by number of steps.

        The loss is that of the true latents: it rises when reflow begins, for then another flow is learned.
        Samples and validation latents share their conditions: what is asked for is what the latents have.
        """
        assert self.train is not None and self.validation is not None
        rng = np.random.default_rng(0)
        count = min(2048, len(self.validation))
        rows = rng.permutation(len(self.validation))[:count]
        real = torch.from_numpy(self.validation.latent[rows])
        condition, identity = draw_conditions(self.validation, rows, rng, self.stages)
        noise = torch.from_numpy(rng.standard_normal(real.shape, dtype=np.float32))
        time = torch.from_numpy(logit_normal(rng, count))
        velocity = conditioned(network, condition, identity)
        found = velocity(path_point(noise, real, time), time, time)
        figures = {"match": F.mse_loss(found, path_velocity(noise, real)).item()}
        for steps in STEP_COUNTS:
            sampled = few_steps(velocity, noise, steps)
            figures[f"frechet_{steps}"] = frechet_distance(sampled.numpy(), real.numpy())
        others = self.train.latent[rng.integers(0, len(self.train), count)]
        return {**figures, "frechet_floor": frechet_distance(others, real.numpy())}

    def grid(self, network: nn.Module) -> NDArray[np.uint8] | None:
        """Eight faces in each of: 1, 2, 4, 8 steps asking for nothing, then 4 guided steps for each of WISHES."""
        if self.vae is None:
            return None
        noise = torch.from_numpy(
            np.random.default_rng(7).standard_normal((8, self.network_config.latent), dtype=np.float32)
        )
        nobody = torch.zeros(len(noise), self.network_config.identity)
        rows = [(steps, torch.zeros(len(noise), VOCABULARY.width), 1.0) for steps in STEP_COUNTS]
        rows += [(4, torch.from_numpy(VOCABULARY.vector(w)).expand(len(noise), -1), GUIDANCE) for w in WISHES]
        tiles = []
        for steps, condition, guidance in rows:
            latent = few_steps(conditioned(network, condition, nobody, guidance), noise, steps)
            tiles.append(np.hstack(list(picture_array(self.vae.decode(self.vae.denormalise(latent))))))
        return np.vstack(tiles)


def load_flow(
    preset: str, network_config: VelocityConfig, arrays: ReadSplit, limit: int | None, data_options: dict[str, Any],
    vae: Path | None, recogniser: Path | None,
) -> FlowRecipe:  # fmt: skip
    """Encodes the data set, or reads what was encoded before, and builds the recipe on it.

    Args:
        preset: of the network and of SETTINGS.
        network_config: sizes.
        arrays: reads a split; None for a dry run.
        limit: shards of training data to load at most, of each folder.
        data_options: what the arrays were rendered with.
        vae: run folder.
        recogniser: run folder.

    Raises:
        InputError: a run folder is missing or holds another net.
    """
    if not data_options:
        return FlowRecipe(preset, network_config, None, None, data_options)
    if vae is None or recogniser is None:
        raise InputError(
            "a flow learns the latents of a VAE, and who is seen: run folders of both are needed.",
            "Give --vae and --recogniser.",
        )
    options = {**data_options, "vae": weights_digest(vae), "recogniser": weights_digest(recogniser)}
    sets = []
    for split, most in (("validation", None), ("train", limit)):
        found = arrays(split, most)
        assert found is not None
        sets.append(cached_latents(vae, recogniser, found, split))
    return FlowRecipe(preset, network_config, sets[1], sets[0], options, load_run(vae, VAE))
