"""The pack's probe: small inputs and torch's outputs, so that a user's machine can say whether its results agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.torch_graph import TorchGraph

Arrays = dict[str, NDArray[Any]]

SEED = 11
# Inputs are what we say they are, so a few bits do.
INPUT_BITS = 6
# Of the largest value: half of what `facesdk doctor` lets pass on top of the parity.
EXPECTED_SHARE = 5e-7
MAP_CELLS = 8


def probe_arrays(
    graphs: Sequence[TorchGraph],
    before: tuple[Arrays, Arrays] | None = None,
    errors: Mapping[str, float] | None = None,
) -> tuple[Arrays, Arrays]:
    """Inputs and expected outputs of graphs, keyed "family.graph.tensor".

    Args:
        graphs: graphs to compute with torch, float32.
        before: a probe to extend; the arrays of these graphs in it are replaced.
        errors: key of a graph -> mean absolute error that the runtimes make anyway: what is below it is not kept.

    Returns:
        Inputs and expected outputs, float32.
    """
    stale = tuple(f"{graph.key}." for graph in graphs)
    inputs, expected = ({k: v for k, v in arrays.items() if not k.startswith(stale)} for arrays in before or ({}, {}))
    for graph in graphs:
        feeds = probe_feeds(graph)
        inputs.update({f"{graph.key}.{name}": value for name, value in feeds.items()})
        outputs = graph.run_torch(feeds)
        error = (errors or {}).get(graph.key, 0.0)
        expected.update({f"{graph.key}.{name}": _shortened(value, error) for name, value in outputs.items()})
    return inputs, expected


def probe_feeds(graph: TorchGraph) -> Arrays:
    """The probe's inputs of one graph, by tensor; always the same."""
    sampled = graph.sample(np.random.default_rng(SEED), graph.probe_sizes)
    return {name: short_mantissa(_blocky(name, value, graph), INPUT_BITS) for name, value in sampled.items()}


def _shortened(values: NDArray[np.float32], error: float) -> NDArray[np.float32]:
    error = max(error, EXPECTED_SHARE * float(np.abs(values).max(initial=0.0)))
    return short_steps(values, error) if error > 0 else values


def short_steps(values: NDArray[np.float32], error: float) -> NDArray[np.float32]:
    """Rounds to multiples of a power of two, so that the archive compresses; by at most `error`, or 1.4 times it."""
    step = 2.0 ** np.rint(np.log2(2.0 * error))
    return (np.rint(values / step) * step).astype(np.float32)


def short_mantissa(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Rounds to `bits` significant bits, so that the archive compresses; the relative error is at most 2**-bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits).astype(np.float32)


def _blocky(name: str, values: NDArray[np.float32], graph: TorchGraph) -> NDArray[np.float32]:
    """Large feature maps as blocks of their mean: a map that a decoder takes would else be most of the archive."""
    if values.ndim != 4 or name == graph.picture.name or values.shape[-1] <= MAP_CELLS:
        return values
    batch, channels, height, width = values.shape
    if height % MAP_CELLS or width % MAP_CELLS:
        return values
    rows, columns = height // MAP_CELLS, width // MAP_CELLS
    means = values.reshape(batch, channels, MAP_CELLS, rows, MAP_CELLS, columns).mean((3, 5))
    return means.repeat(rows, 2).repeat(columns, 3)
