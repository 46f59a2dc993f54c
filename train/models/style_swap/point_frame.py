"""A frame for each face's landmarks: how its crop was cut must not tell anything, and in training it would.

Pictures of a group share the crop of one of its people: where another lies in it says how the two differ.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facesdk.faces.align import TEMPLATES

LEAST = 0.25  # scale; points that are no face have hardly any, and would be moved out of the picture


class Frame(NamedTuple):
    """Where faces stand: the similarity that lays five of their points on the template of crops, B of each.

    Attributes:
        turn: (B, 2) scale times cosine and sine.
        centre: (B, 2) mean of the five points.
    """

    turn: Tensor
    centre: Tensor


def frame(points: Tensor) -> Frame:
    """The frame of (B, 68, 2) points, whatever their unit.

    Source: Umeyama 1991 (doi.org/10.1109/34.88573), in the plane, where it needs no singular values.
    """
    eyes = [points[:, 36:42].mean(1), points[:, 42:48].mean(1)]
    five = torch.stack([*eyes, points[:, 30], points[:, 48], points[:, 54]], 1)
    centre = five.mean(1)
    x, y = (five - centre[:, None]).unbind(-1)
    template = TEMPLATES["canon"] - TEMPLATES["canon"].mean(0)
    u, v = torch.from_numpy(template).to(points).unbind(-1)
    size = (x.square() + y.square()).sum(1).clamp_min(1e-8)
    return Frame(torch.stack([(x * u + y * v).sum(1), (x * v - y * u).sum(1)], 1) / size[:, None], centre)


def to_frame(points: Tensor, own: Frame) -> Tensor:
    """(B, 68, 2) points as they lie in a frame, about the template's centre."""
    return _turned(points - own.centre[:, None], own.turn)


def from_frame(moved: Tensor, own: Frame) -> Tensor:
    """(B, 68, 2) differences in a frame as they are outside of it."""
    back = own.turn * own.turn.new_tensor([1.0, -1.0]) / own.turn.square().sum(1, keepdim=True).clamp_min(LEAST**2)
    return _turned(moved, back)


def _turned(points: Tensor, turn: Tensor) -> Tensor:
    x, y = points.unbind(-1)
    cos, sin = turn[:, :1], turn[:, 1:]
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
