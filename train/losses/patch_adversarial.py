"""Adversarial losses of the generator's second stage: cross entropy on patch logits, and a weight to balance them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

REAL_LABEL, FAKE_LABEL = 0.9, 0.1


def _against(logits: Tensor, label: float) -> Tensor:
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def generator_cross_entropy(fake_logits: Tensor) -> Tensor:
    """Loss of the generator: -E log D(x_hat).

    Args:
        fake_logits: (B, 1, h, w), the critic on reconstructions; positive = real.

    Returns:
        Scalar >= 0.

    Source: Goodfellow et al. 2014, section 3, the non-saturating form (arXiv:1406.2661). Seed 003 adds the critic's
        own loss to the generator's instead, whose gradient makes reconstructions easier to tell.
    """
    return _against(fake_logits, 1.0)


def critic_cross_entropy(
    real_logits: Tensor, fake_logits: Tensor, real_label: float = REAL_LABEL, fake_label: float = FAKE_LABEL
) -> Tensor:
    """Loss of the critic, with smoothed labels.

    Args:
        real_logits: (B, 1, h, w).
        fake_logits: (B, 1, h, w), of detached reconstructions.
        real_label: what D is asked to say of pictures.
        fake_label: what it is asked to say of reconstructions.

    Returns:
        Scalar; the least is the labels' own entropy.

    Source: seed 003, "Adversarial Fine-tuning": 0.9 and 0.1; Salimans et al. 2016, section 3.4 (arXiv:1606.03498).
    """
    return _against(real_logits, real_label) + _against(fake_logits, fake_label)


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last: Tensor, most: float = 1e4) -> Tensor:
    """Weight that gives the adversarial loss as long a gradient as the reconstruction's, at the decoder's last layer.

    Args:
        reconstruction: scalar, pixel and perceptual terms.
        adversarial: scalar.
        last: parameter of the decoder's last layer.
        most: upper limit of the weight.

    Returns:
        Scalar without gradient: |d reconstruction / d last| / (|d adversarial / d last| + 1e-4).

    Source: Esser et al. 2021, eq. 7 (arXiv:2012.09841); taming-transformers vqperceptual.py,
        calculate_adaptive_weight, for the constants.
    """
    (of_reconstruction,) = torch.autograd.grad(reconstruction, last, retain_graph=True)
    (of_adversarial,) = torch.autograd.grad(adversarial, last, retain_graph=True)
    return (of_reconstruction.norm() / (of_adversarial.norm() + 1e-4)).clamp(0.0, most).detach()
