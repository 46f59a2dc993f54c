"""Supervision by the exact swap that the rendered world knows; an extension, off for the paper's recipe."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def changed_region(exact: Tensor, target: Tensor, threshold: float = 16 / 255, grow: int = 3) -> Tensor:
    """Where the exact swap differs from the target.

    Args:
        exact: (B, 3, S, S) in [-1, 1].
        target: (B, 3, S, S) in [-1, 1].
        threshold: least difference of any channel.
        grow: odd, side of the square that the region is grown with.

    Returns:
        (B, 1, S, S) float, 0 or 1.
    """
    changed = ((exact - target).abs().amax(1, keepdim=True) > threshold).float()
    return F.max_pool2d(changed, grow, 1, grow // 2)


def picture_loss(
    image: Tensor, exact: Tensor, changed: Tensor, inside: float = 3.0, gradient: float = 1.0, scales: int = 3
) -> Tensor:
    """L1 with weight 1 outside and 1 + `inside` within the changed region, and L1 of the gradients at several scales.

    Args:
        image: (B, 3, S, S), the raw picture, before compositing: a composite lets the mask close and the gradient die.
        exact: (B, 3, S, S) in [-1, 1].
        changed: (B, 1, S, S) in [0, 1].
        inside: extra weight of the changed region.
        gradient: weight of the gradients.
        scales: number of scales, each half the one before.

    Returns:
        Scalar >= 0.
    """
    weight = 1 + inside * changed
    weight = weight / weight.mean()
    error = image.float() - exact.float()
    value = (weight * error.abs()).mean()
    for scale in range(scales):
        if scale:
            error, weight = F.avg_pool2d(error, 2), F.avg_pool2d(weight, 2)
        across = (weight[..., 1:] * (error[..., 1:] - error[..., :-1]).abs()).mean()
        down = (weight[..., 1:, :] * (error[..., 1:, :] - error[..., :-1, :]).abs()).mean()
        value = value + gradient * (across + down) / scales
    return value


def mask_loss(mask_logit: Tensor, changed: Tensor) -> Tensor:
    """Binary cross entropy of the composite mask; both (B, 1, S, S)."""
    return F.binary_cross_entropy_with_logits(mask_logit.float(), changed)


def gate_loss(gates: Sequence[Tensor], changed: Tensor, finest_from: int = 0) -> Tensor:
    """Binary cross entropy of the shortcuts' gates against the unchanged region, mean over the shortcuts.

    Args:
        gates: (B, 1, r, r) in [0, 1] each; 1 lets the target's feature through.
        changed: (B, 1, S, S) in [0, 1], where the target must not come through.
        finest_from: least r of a gate that is supervised. A coarse feature tells pose and expression better than a
            code does, and is too coarse to show the target's eyes.

    Returns:
        Scalar >= 0; 0 without such gates.
    """
    supervised = [gate for gate in gates if gate.shape[-1] >= finest_from]
    if not supervised:
        return changed.new_zeros(())
    values = []
    for gate in supervised:
        wanted = 1 - F.adaptive_avg_pool2d(changed, gate.shape[-2:])
        open_share = gate.float().clamp(1e-6, 1 - 1e-6)
        # Written out: autocast forbids binary_cross_entropy on probabilities.
        values.append(-(wanted * open_share.log() + (1 - wanted) * (1 - open_share).log()).mean())
    return torch.stack(values).mean()


def oracle_losses(
    image: Tensor,
    mask_logit: Tensor | None,
    gates: Sequence[Tensor],
    exact: Tensor,
    target: Tensor,
    changed: Tensor,
    face: Tensor | None = None,
    gates_from: int = 0,
) -> dict[str, Tensor]:
    """All terms by name, unweighted.

    Args:
        image: (B, 3, S, S), the raw picture.
        mask_logit: (B, 1, S, S) or None.
        gates: of the shortcuts, may be empty.
        exact: (B, 3, S, S), the exact swap.
        target: (B, 3, S, S).
        changed: (B, 1, S, S), where they differ.
        face: (B, 1, S, S), where the shortcuts' gates should close, and where the picture is asked for even if nothing
            changes (I_t = I_s); None takes `changed`.
        gates_from: least side of a gate that is told to.

    Returns:
        "picture", "mask" and "composite" (with a mask), "gates" (with gates).
    """
    asked = changed if face is None else torch.maximum(changed, face)
    terms = {"picture": picture_loss(image, exact, asked)}
    if mask_logit is not None:
        terms["mask"] = mask_loss(mask_logit, changed)
        share = mask_logit.float().sigmoid()
        terms["composite"] = (target + share * (image.float() - target) - exact).abs().mean()
    if gates:
        terms["gates"] = gate_loss(gates, changed if face is None else face, gates_from)
    return terms
