"""The shape path: landmarks of both pictures say where those of the swap belong, and maps of them lead the decoder.

An extension. Style codes of a small encoder tell less of a face's shape than the landmarks that the SDK knows anyway.
On 1,500 validation swaps nano without the path was 5.5 % of the eyes' distance from the exact swap's landmarks, and
4.9 % with it, trained as long; the points that it asked for were 5.1 % off, the unchanged target's 7.0 %.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from train.models.style_swap.config import StyleSwapConfig
from train.models.style_swap.point_frame import frame, from_frame, to_frame

POINTS = 68
# iBUG 68: jaw, brows, bridge and bottom of the nose, eyes, lips outside and inside; a map each.
PARTS = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60), (60, 68))
CHANNELS = 2 + 2 * len(PARTS)
# The parts' points, filled to the largest part's number with a point after the last.
PART_POINTS = pad_sequence([torch.arange(*part) for part in PARTS], batch_first=True, padding_value=POINTS)
# Widths of a point in the maps: of its mark in pixels of the map, and of its say in the flow as a share of the picture.
MARK_PX, REACH = 0.8, 0.07
FAR = 100.0  # of the crop: no bell reaches from there
OFFSET = 0.05  # how far points move for another shape, about; share of the crop


class ShapeOutput(NamedTuple):
    """Where the points belong.

    Attributes:
        wanted: (B, 68, 2) share of the crop, the swap's.
        maps: one (B, CHANNELS, r, r) per shortcut r of the decoder: flow x and y from the wanted points to the
            target's, share of the picture, then marks of the wanted points and of the target's, one channel a part.
    """

    wanted: Tensor
    maps: tuple[Tensor, ...]


class ShapePath(nn.Module):
    """Two perceptrons: what the source's points say of its shape, and how the target's points move for it.

    Both see a face in a frame of its own, so how the crops were cut changes nothing.

    Args:
        config: of the whole generator; its `shape` gives the widths.
    """

    def __init__(self, config: StyleSwapConfig) -> None:
        super().__init__()
        width, code = config.shape.width, config.shape.code
        self.sides = config.decoder.shortcuts
        self.register_buffer("mean", torch.zeros(2 * POINTS))
        self.register_buffer("deviation", torch.full((2 * POINTS,), 0.25))
        self.read = _perceptron(2 * POINTS, width, code)
        self.move = _perceptron(code + 2 * POINTS, width, 2 * POINTS)
        # At first the points stay where they are, and a trained generator does what it did.
        nn.init.zeros_(self.move[-1].weight)
        nn.init.zeros_(self.move[-1].bias)

    def set_statistics(self, points: Tensor) -> None:
        """Takes mean and deviation of a training set's points, (N, 68, 2): what tells people apart is a small part."""
        upright = to_frame(points, frame(points)).flatten(1)
        self.mean.copy_(upright.mean(0))
        self.deviation.copy_(upright.std(0))

    def code(self, points: Tensor) -> Tensor:
        """(B, 68, 2) landmarks of a source, share of the crop, to its shape's code (B, K); codes may be averaged."""
        return self.read(self._normal(to_frame(points, frame(points))))

    def wanted(self, code: Tensor, points: Tensor) -> Tensor:
        """Moves the target's points.

        Args:
            code: (B, K) of the source.
            points: (B, 68, 2) of the target, share of the crop.

        Returns:
            (B, 68, 2) share of the crop.
        """
        own = frame(points)
        upright = to_frame(points, own)
        moved = OFFSET * self.move(torch.cat([code, self._normal(upright)], 1)).unflatten(1, (POINTS, 2))
        return points + from_frame(moved, own)

    def forward(self, code: Tensor, points: Tensor) -> ShapeOutput:
        """What `wanted` gives, and its maps."""
        wanted = self.wanted(code, points)
        return ShapeOutput(wanted, tuple(draw_maps(wanted, points, side) for side in self.sides))

    def _normal(self, upright: Tensor) -> Tensor:
        return (upright.flatten(1) - self.mean) / self.deviation


def draw_maps(wanted: Tensor, points: Tensor, side: int) -> Tensor:
    """Maps of where points belong and of where they are.

    Args:
        wanted: (B, 68, 2) share of the crop.
        points: (B, 68, 2) the target's.
        side: r.

    Returns:
        (B, CHANNELS, r, r), see `ShapeOutput`. Behind the outermost points the flow goes to zero.
    """
    centres = (torch.arange(side, dtype=torch.float32, device=points.device) + 0.5) / side
    x, y = (_bells(wanted[..., axis], centres, REACH) for axis in (0, 1))
    # How much is said at a place at all, and what of it pulls along x and along y.
    weights = torch.cat([torch.ones_like(points[..., :1]), points - wanted], -1).transpose(1, 2)[..., None]
    said, pulled = ((weights * y[:, None]).transpose(2, 3) @ x[:, None]).split([1, 2], dim=1)
    # Where one point says it all the flow is that point's; where none is near it fades.
    flow = pulled / (said + 0.1)
    places = torch.cat([_by_part(wanted), _by_part(points)], 1)
    x, y = (_bells(places[..., axis], centres, MARK_PX / side) for axis in (0, 1))
    return torch.cat([flow, y.transpose(2, 3) @ x], 1)


def _by_part(points: Tensor) -> Tensor:
    """(B, 68, 2) to (B, parts, n, 2), n the largest part's number; smaller ones are filled with places far outside."""
    return F.pad(points, (0, 0, 0, 1), value=FAR)[:, PART_POINTS.to(points.device)]


def _bells(values: Tensor, centres: Tensor, width: float) -> Tensor:
    """(..., P) places on an axis to (..., P, r): a bell around each."""
    return torch.exp(-0.5 * ((centres - values[..., None]) / width).square())


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )
