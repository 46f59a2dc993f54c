"""A graph with a free batch axis, run in batches of few fixed sizes: OpenVINO plans a fixed shape better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.pack.manifest import GraphSpec, TensorSpec

FIXED_BATCHES = (4, 1)
"""Sizes that a graph is compiled for, the largest first. Measured on the nano pack, bf16, per face: against the free
axis the encoder takes 0.8 of the time, the decoder 0.75, the landmarks 0.6; a batch of 8 gains nothing over one of 4.
Each size costs a fifth of a second once, when it is first needed."""

MOST_GRAPH_BYTES = 64 << 20
"""Larger graphs keep the free axis: each size holds its own copy of the weights, and their time is in the products."""


def batch_axis(spec: GraphSpec, graph_bytes: int) -> str | None:
    """The name of the axis that may be fixed: the first one of every tensor, and the only free one of the inputs.

    Args:
        spec: the graph's entry in the manifest.
        graph_bytes: size of the ONNX file.

    Returns:
        Its name, or None if the graph is to be compiled as it is.
    """
    if graph_bytes > MOST_GRAPH_BYTES or not spec.inputs:
        return None
    axis = spec.inputs[0].shape[0] if spec.inputs[0].shape else None
    tensors = (*spec.inputs, *spec.outputs)
    return axis if isinstance(axis, str) and all(_is_batch_of(tensor, axis) for tensor in tensors) else None


def fixed_shapes(inputs: tuple[TensorSpec, ...], size: int) -> dict[str, list[int]]:
    """The shape of every input with its batch axis fixed."""
    return {tensor.name: [size, *(int(axis) for axis in tensor.shape[1:])] for tensor in inputs}


def split_batch(count: int) -> Iterator[tuple[int, int]]:
    """Cuts a batch into pieces of the fixed sizes, the same ones whenever it has as many rows.

    Args:
        count: rows.

    Yields:
        First row and number of rows of each piece.
    """
    start = 0
    for size in FIXED_BATCHES:
        while count - start >= size:
            yield start, size
            start += size


def share_batch(count: int, threads: int) -> Iterator[tuple[int, int]]:
    """Cuts a batch into pieces that run at the same time, one thread each: large ones if there is one for each thread.

    Args:
        count: rows.
        threads: pieces that run at once.

    Yields:
        First row and number of rows of each piece.
    """
    whole = count if count >= FIXED_BATCHES[0] * threads else 0
    yield from split_batch(whole)
    yield from ((start, 1) for start in range(whole, count))


def rows(feeds: Mapping[str, Any], start: int, size: int) -> dict[str, Any]:
    """A piece of every input."""
    return {name: array[start : start + size] for name, array in feeds.items()}


def joined(parts: Sequence[dict[str, NDArray[np.float32]]]) -> dict[str, NDArray[np.float32]]:
    """The outputs of pieces as those of the whole batch."""
    return parts[0] if len(parts) == 1 else {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}


def has_rows(spec: GraphSpec) -> bool:
    """Whether every tensor begins with one free axis, the batch's."""
    tensors = (*spec.inputs, *spec.outputs)
    axis = tensors[0].shape[0] if tensors[0].shape else None
    return bool(spec.inputs) and isinstance(axis, str) and all(tensor.shape[:1] == (axis,) for tensor in tensors)


def _is_batch_of(tensor: TensorSpec, axis: str) -> bool:
    return tensor.shape[:1] == (axis,) and all(isinstance(size, int) for size in tensor.shape[1:])
