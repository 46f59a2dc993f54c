"""Additive angular margin."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ArcFaceHead(nn.Module):
    """Cosines to one centre per identity; the true one's angle is widened by a margin.

    Args:
        embedding: width of the embedding.
        identities: number of identities.
        scale: s.

    Source: Deng et al. 2019, eq. 3 (arXiv:1801.07698); beyond theta + m = pi: insightface arcface_torch/losses.py.
    """

    def __init__(self, embedding: int, identities: int, scale: float = 64.0) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.randn(identities, embedding) * 0.01)

    def forward(self, embedding: Tensor, label: Tensor, margin: float) -> Tensor:
        """Logits for the cross entropy.

        Args:
            embedding: (B, E), not normalised.
            label: (B,) int64.
            margin: m in radians; 0 for a plain cosine softmax.

        Returns:
            (B, identities) s cos(theta + m) at the label, s cos(theta) elsewhere, float32.
        """
        with torch.autocast(embedding.device.type, enabled=False):
            cosine = F.linear(F.normalize(embedding.float()), F.normalize(self.weight.float())).clamp(
                -1 + 1e-7, 1 - 1e-7
            )
        true = cosine.gather(1, label[:, None])
        widened = true * math.cos(margin) - (1 - true * true).sqrt() * math.sin(margin)
        # Past pi the cosine would rise again: go on falling along a line.
        widened = torch.where(true > math.cos(math.pi - margin), widened, true - math.sin(margin) * margin)
        return self.scale * cosine.scatter(1, label[:, None], widened)
