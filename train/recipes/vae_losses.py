"""What the generator's VAE is trained for: pixels, rate, features and an adversary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from train.losses.kl import RateController, free_bits, kl_per_dimension
from train.losses.patch_adversarial import adaptive_weight, critic_cross_entropy, generator_cross_entropy
from train.losses.perceptual import PerceptualLoss
from train.models.latent_flow.vae import VAE
from train.recipe import StepOutput

STATISTICS_MOMENTUM = 0.01


@dataclass(frozen=True)
class VAELosses:
    """Weights of a training.

    Attributes:
        l1: mean absolute error.
        l2: mean squared error.
        face: how much more a pixel of the face counts.
        detail: how much the weights of small parts count on top (`portrait_data.DETAIL_WEIGHT`).
        glasses_share: share of the batch that is drawn from pictures with glasses; in the world it is one in ten.
        rate_nats: wanted mean KL a dimension, held by a controller; None keeps `kl_weight` fixed.
        kl_weight: weight of the summed KL, the first one where a controller moves it.
        kl_anneal: share of the steps over which that weight rises from 0 by a cosine; the controller waits for its end.
        free_nats: KL a dimension that costs nothing.
        perceptual: distance in the features of the networks that are given, added up.
        adversarial: the critic's word; above 0 the training goes on from another run's weights.
        adversarial_from: share of the steps that the critic learns before it is listened to.
        adaptive: multiply `adversarial` with the ratio of the gradients' lengths.
        judged: share of the batch that the feature networks and the critic are shown.
        phase: "joint" trains all; "decoder" leaves the encoder, and so every code, as it is.
    """

    l1: float = 1.0
    l2: float = 0.0
    face: float = 0.0
    detail: float = 0.0
    glasses_share: float = 0.0
    rate_nats: float | None = None
    kl_weight: float = 1e-6
    kl_anneal: float = 0.0
    free_nats: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    adversarial_from: float = 0.0
    adaptive: bool = False
    judged: float = 1.0
    phase: Literal["joint", "decoder"] = "joint"


_NANO = VAELosses(
    l1=0.5, l2=20.0, face=1.0, detail=1.0, glasses_share=0.35, rate_nats=2.5, free_nats=0.05
)  # fmt: skip
_PAPER = VAELosses(l1=1.0, rate_nats=2.5, kl_weight=1e-5, kl_anneal=0.3, free_nats=0.1, perceptual=0.1)
# Half a batch for the judges: so a step takes less than twice as long as one of the first stage (measured).
_SHARP = replace(_NANO, perceptual=0.6, adversarial=0.03, adversarial_from=0.05, judged=0.5)
LOSSES = {
    # Seed 003, "Loss Function", with the KL's sign put right and its weight held by the rate.
    "paper": _PAPER,
    "nano": _NANO,
    # Seed 003 as written but for the sign: the weight is so large that the code says next to nothing.
    "nano_seed": VAELosses(l1=1.0, kl_weight=0.05, kl_anneal=0.3),
    "tiny": _NANO,
    # Second stages. Seed 003, "Adversarial Fine-tuning", with the generator's own loss.
    "paper_adversarial": replace(_PAPER, kl_anneal=0.0, adversarial=0.1),
    # The codes stay; the pictures come as often as in the world, and their pixels count alike but for the face's.
    "nano_decoder": replace(_NANO, detail=0.2, glasses_share=0.1, phase="decoder"),
    "nano_sharp": _SHARP,
    "nano_sharp_decoder": replace(_SHARP, phase="decoder"),
    "tiny_sharp": replace(_NANO, perceptual=0.3, adversarial=0.1, adversarial_from=0.25, adaptive=True),
}


def anneal(progress: float, share: float) -> float:
    """Rises from 0 to 1 by a half cosine over the first `share` of the steps; 1 where `share` is 0."""
    return 1.0 if progress >= share else 0.5 * (1 - math.cos(math.pi * progress / share))


class Critic(nn.Module):
    """The patch discriminator with its own loss, as the loop calls it."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def logits(self, pictures: Tensor) -> Tensor:
        """Logits for the generator's loss: its gradient goes to the pictures and not to the critic."""
        self.discriminator.requires_grad_(False)
        return torch.as_tensor(self.discriminator(pictures))

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        self.discriminator.requires_grad_(True)
        return critic_cross_entropy(self.discriminator(real), self.discriminator(fake))


class VAETraining(nn.Module):
    """Reconstruction from a draw of the posterior, its rate, and how it looks to other networks.

    Args:
        network: what is trained.
        losses: which and how strong.
        features: perceptual losses by name; no part of the training's state.
        critic: trained by the loop, no part of this state either.
    """

    def __init__(
        self,
        network: VAE,
        losses: VAELosses,
        features: Mapping[str, PerceptualLoss] | None = None,
        critic: Critic | None = None,
    ) -> None:
        super().__init__()
        self.network, self.losses = network, losses
        self.rate = RateController(losses.rate_nats or 1.0, losses.kl_weight)
        self._features = dict(features or {}) if losses.perceptual else {}
        # In a tuple, so that torch does not register it.
        self._critic = (critic,)
        network.encoder.requires_grad_(losses.phase == "joint")

    def train(self, mode: bool = True) -> VAETraining:
        """As of nn.Module; an encoder that is left as it is also keeps its statistics."""
        super().train(mode)
        if self.losses.phase == "decoder":
            self.network.encoder.eval()
        return self

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        image, losses = batch["image"], self.losses
        posterior = self.network.encode(image)
        # A decoder alone is fitted to what the flow makes: means of codes, without their noise.
        picture = self.network.decode(posterior.sample() if losses.phase == "joint" else posterior.mean)
        weight = 1 + losses.face * batch["face"][:, None].float() + losses.detail * batch["detail"][:, None]
        weight = weight / weight.mean()
        error = picture - image
        terms = {"l1": losses.l1 * (weight * error.abs()).mean(), "l2": losses.l2 * (weight * error.square()).mean()}
        kl = kl_per_dimension(posterior.mean, posterior.log_variance)
        rate = kl.mean().detach()
        if losses.phase == "joint":
            self._follow(posterior.mean.detach().float())
            kl_weight = self._kl_weight(rate, progress)
        shown = max(1, round(losses.judged * len(image)))
        fake, real = picture[:shown], image[:shown]
        if self._features:
            distances = [loss(fake, real) for loss in self._features.values()]
            terms["perceptual"] = losses.perceptual * torch.stack(distances).sum()
        logs = {"rate_nats": rate, "log_kl_weight": self.rate.log_weight.detach().clone()}
        (critic,) = self._critic
        if critic is not None:
            logs |= self._add_adversarial(terms, critic.logits(fake), progress)
        if losses.phase == "joint":
            terms["kl"] = kl_weight * free_bits(kl, losses.free_nats)
        return StepOutput(terms, logs, *((fake, real) if critic is not None else (None, None)))

    def _kl_weight(self, rate: Tensor, progress: float) -> Tensor:
        losses = self.losses
        if losses.rate_nats is not None and self.training and progress >= losses.kl_anneal:
            return self.rate.step(rate)
        return self.rate.log_weight.exp() * anneal(progress, losses.kl_anneal)

    def _add_adversarial(self, terms: dict[str, Tensor], logits: Tensor, progress: float) -> dict[str, Tensor]:
        """Adds the term where it is due; gives what is worth a curve."""
        logs = {"fake_real_chance": logits.detach().sigmoid().mean()}
        if progress < self.losses.adversarial_from:
            return logs
        adversarial = generator_cross_entropy(logits)
        weight: Tensor | float = self.losses.adversarial
        if self.losses.adaptive:
            reconstruction = torch.stack(list(terms.values())).sum()
            balance = adaptive_weight(reconstruction, adversarial, self.network.decoder.out.weight)
            logs["adaptive_weight"] = balance
            weight = weight * balance
        terms["adversarial"] = weight * adversarial
        return logs

    @torch.no_grad()
    def _follow(self, mean: Tensor) -> None:
        """Running mean and deviation of the codes, which the flow's normalisation uses."""
        network, m = self.network, STATISTICS_MOMENTUM
        old = network.latent_std.square() + network.latent_mean.square()
        second = (1 - m) * old + m * mean.square().mean(0)
        network.latent_mean.lerp_(mean.mean(0), m)
        network.latent_std.copy_((second - network.latent_mean.square()).clamp(min=1e-6).sqrt())
