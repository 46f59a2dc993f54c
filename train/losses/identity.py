"""Identity loss: the result has the source's embedding."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def identity_loss(result: Tensor, source: Tensor) -> Tensor:
    """One minus the cosine of two embeddings, mean over the batch.

    Args:
        result: (B, E), F_id of the swapped picture.
        source: (B, E), F_id of the source.

    Returns:
        Scalar in [0, 2].

    Source: seed 000, eq. 8.
    """
    return (1 - F.cosine_similarity(result.float(), source.float(), dim=1)).mean()
