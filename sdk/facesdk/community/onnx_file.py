"""What an ONNX file says of its edges and of its weights, read without the package onnx.

Source: the field numbers of onnx/onnx.proto, ONNX 1.20.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from facesdk.errors import PackError
from facesdk.pack.manifest import TensorSpec
from facesdk.pack.wire import BYTES, VARINT, WireError, fields
from facesdk.types import F32

_FLOAT, _HALF = 1, 10
_DTYPES = {_FLOAT: "float32", _HALF: "float16", 7: "int64", 6: "int32", 9: "bool"}
_MOST_RANK = 8


@dataclass(frozen=True)
class Weight:
    """A constant of the graph.

    Attributes:
        name: in the graph.
        shape: sizes.
        type: number in TensorProto.DataType.
        start, end: where its message stands in the file.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    start: int
    end: int


@dataclass(frozen=True)
class OnnxFile:
    """The edges of a graph.

    Attributes:
        inputs, outputs: its tensors; constants that old files list among the inputs are left out.
        weights: its constants.
        fed: names of the tensors that its nodes read.
        data: the file.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weights: tuple[Weight, ...]
    fed: frozenset[str]
    data: bytes

    @property
    def precision(self) -> str:
        """How most of its weights are kept, as the manifest calls it."""
        numbers = {kind: sum(int(np.prod(w.shape)) for w in self.weights if w.type == kind) for kind in (_FLOAT, _HALF)}
        return "fp16-weights" if numbers[_HALF] > numbers[_FLOAT] else "fp32"

    def values(self, weight: Weight) -> F32:
        """A constant's numbers as float32.

        Raises:
            PackError: it is none of floats, or holds other than its shape says.
        """
        raw, packed = b"", b""
        for number, wire, first, last in fields(self.data, weight.start, weight.end):
            if wire == BYTES and number == 9:
                raw = self.data[first:last]
            elif wire == BYTES and number == 4:
                packed = self.data[first:last]
        dtype = {_FLOAT: "<f4", _HALF: "<f2"}.get(weight.type)
        if dtype is None or len(raw or packed) != int(np.prod(weight.shape)) * np.dtype(dtype).itemsize:
            raise PackError(f"{weight.name} holds no {weight.shape} floats.", "Download the file again.")
        return np.frombuffer(raw or packed, dtype).astype(np.float32).reshape(weight.shape)


def read_onnx(data: bytes, where: str) -> OnnxFile:
    """Reads the edges of a graph.

    Args:
        data: the file.
        where: how errors call it.

    Raises:
        PackError: it is no ONNX file, or an edge is nothing that a session can feed.
    """
    try:
        graphs = [(first, last) for number, wire, first, last in fields(data, 0, len(data)) if (number, wire) == (7, 2)]
        if len(graphs) != 1:
            raise WireError(f"it holds {len(graphs)} graphs")
        return _read_graph(data, *graphs[0], where)
    except (WireError, UnicodeDecodeError) as error:
        raise PackError(f"{where} is no ONNX file: {error}.", "Download it again.") from error


def _read_graph(data: bytes, start: int, end: int, where: str) -> OnnxFile:
    edges: dict[int, list[TensorSpec]] = {11: [], 12: []}
    weights, fed = list[Weight](), set[str]()
    for number, wire, first, last in fields(data, start, end):
        if wire != BYTES:
            continue
        if number == 1:
            fed.update(_text(data, a, b) for n, w, a, b in fields(data, first, last) if (n, w) == (1, BYTES))
        elif number == 5:
            weights.append(_read_weight(data, first, last))
        elif number in edges:
            edges[number].append(_read_edge(data, first, last, where))
    constants = {weight.name for weight in weights}
    inputs = tuple(tensor for tensor in edges[11] if tensor.name not in constants)
    return OnnxFile(_named(inputs, "in"), _named(tuple(edges[12]), "out"), tuple(weights), frozenset(fed), data)


def _named(tensors: tuple[TensorSpec, ...], side: str) -> tuple[TensorSpec, ...]:
    """Gives every free axis a name of its own: files call two different ones "?", and a session takes equal names for
    equal sizes. The first axis of every input is the batch."""

    def axis(index: int, place: int) -> str:
        return "batch" if side == "in" and place == 0 else f"{side}_{index}_{place}"

    return tuple(
        replace(t, shape=tuple(d if isinstance(d, int) else axis(index, place) for place, d in enumerate(t.shape)))
        for index, t in enumerate(tensors)
    )


def _read_weight(data: bytes, start: int, end: int) -> Weight:
    name, kind, shape = "", 0, list[int]()
    for number, wire, first, last in fields(data, start, end):
        if number == 1:
            shape += [first] if wire == VARINT else list(_varints(data, first, last))
        elif number == 2 and wire == VARINT:
            kind = first
        elif number == 8 and wire == BYTES:
            name = _text(data, first, last)
    if len(shape) > _MOST_RANK or any(size >= 1 << 31 for size in shape):
        raise WireError(f"the constant {name[:40]!r} has an impossible shape")
    return Weight(name, tuple(shape), kind, start, end)


def _read_edge(data: bytes, start: int, end: int, where: str) -> TensorSpec:
    name, kind, shape = "", 0, list[int | str]()
    for number, wire, first, last in fields(data, start, end):
        if (number, wire) == (1, BYTES):
            name = _text(data, first, last)
        elif (number, wire) == (2, BYTES):
            for _, a, b in _messages(data, first, last, 1):
                for inner, inner_wire, c, d in fields(data, a, b):
                    if (inner, inner_wire) == (1, VARINT):
                        kind = c
                    elif (inner, inner_wire) == (2, BYTES):
                        shape = [_read_axis(data, e, f) for _, e, f in _messages(data, c, d, 1)]
    if kind not in _DTYPES or len(shape) > _MOST_RANK:
        raise PackError(
            f"{where}: its tensor {name[:40]!r} is of type {kind}, rank {len(shape)}, which no session feeds.",
            "Export the model with float32 inputs.",
        )
    return TensorSpec(name, _DTYPES[kind], tuple(shape))


def _read_axis(data: bytes, start: int, end: int) -> int | str:
    """A size, or "?" for a free one; its name, if it has one, is only a name."""
    for number, wire, first, _ in fields(data, start, end):
        if (number, wire) == (1, VARINT) and 0 < first < 1 << 31:
            return first
    return "?"


def _messages(data: bytes, start: int, end: int, number: int) -> Iterator[tuple[int, int, int]]:
    return ((n, a, b) for n, wire, a, b in fields(data, start, end) if (n, wire) == (number, BYTES))


def _varints(data: bytes, start: int, end: int) -> Iterator[int]:
    value = shift = 0
    for byte in data[start:end]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
        elif shift > 63:
            raise WireError("a size does not end")


def _text(data: bytes, start: int, end: int) -> str:
    return data[start:end].decode("utf-8")
