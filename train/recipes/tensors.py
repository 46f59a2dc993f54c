"""Pictures as network inputs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def picture_tensor(images: NDArray[np.uint8]) -> Tensor:
    """(B, H, W, 3) uint8 RGB to (B, 3, H, W) float32 in [-1, 1], channels last in memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return tensor.float().div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


def picture_array(images: Tensor) -> NDArray[np.uint8]:
    """(B, 3, H, W) in [-1, 1] to (B, H, W, 3) uint8."""
    scaled = (images.detach().float().clamp(-1, 1) + 1) * 127.5 + 0.5
    return scaled.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
