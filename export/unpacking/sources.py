"""Where a graph's constants come from: the exporter folds parameters, and this finds them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

F32 = NDArray[np.float32]

# Of what a constant is larger than its parameter, from element to element: float32 rounding of one product.
SPREAD = 1e-4
FEW = 8  # a parameter of so few numbers may have been folded number by number


@dataclass(frozen=True)
class Source:
    """A parameter's numbers in a constant: `constant = factor * parameter`.

    Attributes:
        parameter: name in the state dict.
        factor: what the exporter multiplied by.
        turned: the constant is the parameter's transpose.
        element: the one number of the parameter that this is, or None for all.
    """

    parameter: str
    factor: float = 1.0
    turned: bool = False
    element: int | None = None


def draw_state(network: nn.Module, seed: int = 0) -> None:
    """Random numbers everywhere, in place, so that no two parameters can be taken for each other."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                drawn = torch.empty(value.shape).uniform_(0.5, 1.5, generator=generator)
                value.copy_(drawn if name.endswith(("running_var", "_std")) else (drawn - 1.0) * 0.2 + value * 0.1)


def find_sources(state: Mapping[str, F32], constants: Mapping[str, F32]) -> dict[str, Source]:
    """Each constant that one parameter makes.

    Args:
        state: parameters that no constant is named after, with drawn numbers.
        constants: of the graph that was traced with them, by name.
    """
    found: dict[str, Source] = {}
    for name, constant in constants.items():
        for parameter, value in state.items():
            source = _source(parameter, value, constant)
            if source is not None:
                found[name] = source
                break
    return found


def put_back(values: Mapping[str, F32], sources: Mapping[str, Source], state: Mapping[str, F32]) -> dict[str, F32]:
    """The parameters that all of whose numbers were found, by name.

    Args:
        values: the pack's constants.
        sources: of `find_sources`.
        state: parameters of the same shapes.
    """
    numbers = {source.parameter: np.full(state[source.parameter].shape, np.nan) for source in sources.values()}
    for name, source in sources.items():
        size = 1 if source.element is not None else state[source.parameter].size
        if name not in values or values[name].size != size:
            continue
        into, constant = numbers[source.parameter], values[name] / source.factor
        if source.element is not None:
            into.reshape(-1)[source.element] = constant.reshape(())
        else:
            into[...] = (constant.T if source.turned else constant).reshape(into.shape)
    return {name: value.astype(np.float32) for name, value in numbers.items() if not np.isnan(value).any()}


def _source(parameter: str, value: F32, constant: F32) -> Source | None:
    if constant.size == 1 < value.size <= FEW:
        same = np.flatnonzero(value.reshape(-1) == constant.reshape(-1)[0])
        return Source(parameter, element=int(same[0])) if len(same) == 1 else None
    if constant.size != value.size:
        return None
    ways = [(False, value.reshape(-1))]
    if value.ndim == 2 and constant.shape == value.shape[::-1]:
        ways.append((True, value.T.reshape(-1)))
    for turned, numbers in ways:
        factors = constant.reshape(-1) / numbers
        middle = float(np.median(factors))
        if middle and np.abs(factors / middle - 1).max() < SPREAD:
            return Source(parameter, middle, turned)
    return None
