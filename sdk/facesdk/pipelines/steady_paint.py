"""Swapped faces without flicker: what changes little from frame to frame is held still, what changes much is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.faces.crops import cut_crop
from facesdk.faces.track_state import Tensors
from facesdk.pipelines.base import FaceSwap
from facesdk.types import F32, U8


@dataclass(frozen=True)
class SteadyPaintSettings:
    """How much the past weighs.

    Attributes:
        mask_seconds: time constant of the mask's filter where the mask hardly changes.
        mask_change: change of the mask, 0 to 1, that is followed at once: a hand that comes in front.
        color_seconds: time constant of the colour's filter.
        color_change: change of colour, 0 to 255, that is followed at once.
    """

    mask_seconds: float = 0.15
    mask_change: float = 0.5
    color_seconds: float = 0.4
    color_change: float = 24.0


@dataclass(eq=False)
class SteadyPaintState:
    """What is remembered of each face, by its number.

    Attributes:
        masks: (size, size) float32, the last filtered mask.
        colors: (3,) float32, how much brighter the swapped face was than the target's, RGB, 0 to 255.
        seconds: when it was.
    """

    masks: dict[int, F32] = field(default_factory=dict)
    colors: dict[int, F32] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)

    def tensors(self) -> Tensors:
        """As arrays, for a file."""
        out: Tensors = {}
        for number, mask in self.masks.items():
            out[f"mask.{number}"] = mask
            out[f"color.{number}"] = self.colors[number]
            out[f"mask_seconds.{number}"] = np.array([self.seconds[number]])
        return out

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> SteadyPaintState:
        """Reads what `tensors` gave."""
        numbers = sorted(int(name.split(".")[1]) for name in tensors if name.startswith("mask."))
        return cls(
            {number: tensors[f"mask.{number}"] for number in numbers},
            {number: tensors[f"color.{number}"] for number in numbers},
            {number: float(tensors[f"mask_seconds.{number}"][0]) for number in numbers},
        )


def steady_paint(
    state: SteadyPaintState,
    number: int,
    swap: FaceSwap,
    image: U8,
    seconds: float,
    settings: SteadyPaintSettings,
) -> FaceSwap:
    """Filters a swapped face's mask and colour in time.

    The mask is filtered in the face's own crop, where it rests while the face moves. Of the colour only the offset to
    the target's is filtered: a change of the light shows in the target and is followed at once, a whim of the network
    is not. m = new + w (old - new), w = exp(-dt / T) max(0, 1 - |new - old| / change).

    Args:
        state: what is remembered; changed.
        number: the face's number in the film.
        swap: what the networks made of it in this frame.
        image: (H, W, 3) uint8, the frame.
        seconds: time of the frame.
        settings: how much the past weighs.

    Returns:
        The same face, steadier.
    """
    size = swap.mask.shape[0]
    total = float(swap.mask.sum())
    if total < 16.0:
        return swap
    target = cut_crop(image, swap.matrix, size).astype(np.float32)
    color = np.asarray(((swap.crop - target) * swap.mask[..., None]).sum((0, 1)) / total, np.float32)
    mask, shift = swap.mask, np.zeros(3, np.float32)
    before = state.seconds.get(number)
    if before is not None and seconds > before and state.masks[number].shape == mask.shape:
        step = seconds - before
        mask = _follow(state.masks[number], mask, step, settings.mask_seconds, settings.mask_change)
        steady = _follow(state.colors[number], color, step, settings.color_seconds, settings.color_change)
        shift, color = steady - color, steady
    state.masks[number], state.colors[number], state.seconds[number] = mask, color, seconds
    return FaceSwap(np.clip(swap.crop + shift, 0.0, 255.0), mask, swap.matrix)


def forget(state: SteadyPaintState, keep: set[int]) -> None:
    """Drops the faces that are not in `keep`."""
    for number in [number for number in state.seconds if number not in keep]:
        del state.masks[number], state.colors[number], state.seconds[number]


def _follow(old: F32, new: F32, step: float, seconds: float, change: float) -> F32:
    if seconds <= 0:
        return new
    weight = math.exp(-step / seconds) * np.maximum(0.0, 1.0 - np.abs(new - old) / change)
    return np.asarray(new + weight * (old - new), np.float32)
