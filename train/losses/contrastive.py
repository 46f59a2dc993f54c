"""Contrastive identity loss: nearer to the source than to the target and to others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.07  # seed 000, section 3


def contrastive_identity_loss(
    result: Tensor,
    source: Tensor,
    target: Tensor,
    same: Tensor | None = None,
    queue: Tensor | None = None,
    temperature: float = TEMPERATURE,
    decoupled: bool = False,
    same_person_cosine: float = 0.4,
) -> Tensor:
    """InfoNCE over identities.

    Args:
        result: (B, E), embeddings of the swapped pictures.
        source: (B, E), the positives.
        target: (B, E), each picture's own hard negative; sources and targets of the other rows are negatives too.
        same: (B,) bool, rows with I_t = I_s, which are left out.
        queue: (N, E) further negatives.
        temperature: tau.
        decoupled: the form as printed, whose denominator lacks the positive and which can go negative.
        same_person_cosine: a negative nearer than this to a row's source is taken for the same person and left out.

    Returns:
        Mean over the rows that count, 0 if there are none.

    Source: seed 000, eq. 9; positive in the denominator: van den Oord et al. 2018, eq. 4 (arXiv:1807.03748), decision
        of the specification, A6.
    """
    batch = result.shape[0]
    unit_result, unit_source, unit_target = (F.normalize(x.float(), dim=1) for x in (result, source, target))
    positive = (unit_result * unit_source).sum(1, keepdim=True) / temperature
    own_target = (unit_result * unit_target).sum(1, keepdim=True) / temperature
    others = torch.cat([unit_source, unit_target] + ([] if queue is None else [F.normalize(queue.float(), dim=1)]))
    similar = unit_result @ others.T / temperature
    own = torch.eye(batch, dtype=torch.bool, device=result.device)
    left_out = unit_source @ others.T > same_person_cosine
    left_out[:, : 2 * batch] |= torch.cat([own, own], dim=1)
    negatives = torch.cat([own_target, similar.masked_fill(left_out, -torch.inf)], dim=1)
    denominator = negatives if decoupled else torch.cat([positive, negatives], dim=1)
    value = torch.logsumexp(denominator, dim=1) - positive[:, 0]
    keep = torch.ones_like(value) if same is None else (~same).to(value.dtype)
    return (value * keep).sum() / keep.sum().clamp_min(1.0)
