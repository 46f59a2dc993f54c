"""Losses of the attribute classifier, one a kind of attribute, over what is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from facesdk.attributes import Attribute


def attribute_losses(
    outputs: Tensor, values: Tensor, known: Tensor, attributes: Sequence[Attribute]
) -> dict[str, Tensor]:
    """Smooth L1 on scaled scalars, cross entropy on flags and choices; rows where an attribute is unknown do not count.

    Args:
        outputs: (B, V) of `AttributeNet`.
        values: (B, A) float, scalars in their own units, flags 0 or 1, a choice's index.
        known: (B, A) bool.
        attributes: in the order of the columns.

    Returns:
        Scalars by name of the attribute; 0 where no row knows it.
    """
    losses, first = {}, 0
    for index, attribute in enumerate(attributes):
        found, truth = outputs[:, first : first + attribute.width], values[:, index]
        first += attribute.width
        if attribute.kind == "choice":
            each = F.cross_entropy(found, truth.long(), reduction="none")
        elif attribute.kind == "flag":
            each = F.binary_cross_entropy_with_logits(found[:, 0], truth, reduction="none")
        else:
            scaled = 2 * (truth - attribute.low) / (attribute.high - attribute.low) - 1
            each = F.smooth_l1_loss(found[:, 0], scaled, reduction="none", beta=0.2)
        weight = known[:, index].to(each.dtype)
        losses[attribute.name] = (each * weight).sum() / torch.clamp(weight.sum(), min=1.0)
    return losses
