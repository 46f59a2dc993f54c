"""Attention as one operator of ONNX Runtime's own domain: its GPU kernels keep no table of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

DOMAIN, OPERATOR, VERSION = "com.microsoft", "MultiHeadAttention", 1
# (B, L, heads, dim) to (B, heads, L, dim), and back.
HEADS_FIRST = [0, 2, 1, 3]


def fuse_attention(model: onnx.ModelProto) -> onnx.ModelProto:
    """Makes com.microsoft::MultiHeadAttention of every softmax(q k^T scale) v over heads that the tracer wrote.

    For ONNX Runtime alone, on a CPU or a GPU: no other runtime knows the operator.

    Args:
        model: a flat float32 graph; not changed.

    Returns:
        A new graph, equal up to float32 rounding; the same graph where there is no attention.

    Source: ONNX Runtime, docs/ContribOperators.md, com.microsoft.MultiHeadAttention.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    found = _Finder(out.graph).attentions()
    if not found:
        return out
    nodes = [found.get(node.output[0], node) for node in out.graph.node]
    del out.graph.node[:]
    out.graph.node.extend(_needed(nodes, [value.name for value in out.graph.output]))
    names = {name for node in out.graph.node for name in node.input}
    kept = [weight for weight in out.graph.initializer if weight.name in names]
    del out.graph.initializer[:]
    out.graph.initializer.extend(kept)
    out.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))
    onnx.checker.check_model(out)
    return out


class _Finder:
    """Looks backwards from each softmax, and forwards to where the heads are joined."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.makers = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.values = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
        self.nodes = list(graph.node)
        self.edges = Counter(value.name for value in graph.output)

    def attentions(self) -> dict[str, onnx.NodeProto]:
        """Name of what joins the heads -> the operator that makes it."""
        fused = [self._fused(node) for node in self.nodes if node.op_type == "Softmax"]
        return {node.output[0]: node for node in fused if node is not None}

    def _fused(self, softmax: onnx.NodeProto) -> onnx.NodeProto | None:
        scores, mixed = self._maker(softmax.input[0], "MatMul"), self._reader(softmax.output[0], "MatMul")
        if scores is None or mixed is None or mixed.input[0] != softmax.output[0] or _axis(softmax) not in (-1, 3):
            return None
        query, query_scale = self._scaled(scores.input[0])
        key, key_scale = self._scaled(scores.input[1])
        untransposed = self._untransposed(key)
        turned = self._reader(mixed.output[0], "Transpose")
        joined = self._reader(turned.output[0], "Reshape") if turned is not None else None
        if untransposed is None or turned is None or joined is None or _perm(turned) != HEADS_FIRST:
            return None
        parts = [self._split(name) for name in (query, untransposed, mixed.input[1])]
        known = [part for part in parts if part is not None]
        if len(known) < 3 or len({heads for _, heads, _ in known}) > 1 or known[0][2] != known[1][2]:
            return None
        _, heads, _ = known[0]
        shape = self.values.get(joined.input[1], np.empty(0))
        if shape.size != 3 or shape[2] != heads * known[2][2]:
            return None
        return helper.make_node(
            OPERATOR, [name for name, _, _ in known], list(joined.output), name=f"{joined.name}/attention",
            domain=DOMAIN, num_heads=heads, scale=query_scale * key_scale,
        )  # fmt: skip

    def _split(self, name: str) -> tuple[str, int, int] | None:
        """The (B, L, heads * dim) that a (B, heads, L, dim) was made of, heads and dim."""
        turned = self._maker(name, "Transpose")
        shaped = (
            self._maker(turned.input[0], "Reshape") if turned is not None and _perm(turned) == HEADS_FIRST else None
        )
        shape = self.values.get(shaped.input[1], np.empty(0)) if shaped is not None else np.empty(0)
        if shaped is None or shape.size != 4 or min(shape[2:]) < 1:
            return None
        return shaped.input[0], int(shape[2]), int(shape[3])

    def _scaled(self, name: str) -> tuple[str, float]:
        """What a tensor is a multiple of, and the factor."""
        node = self._maker(name, "Mul")
        for place in (0, 1) if node is not None else ():
            factor: NDArray[np.float32] | None = self.values.get(node.input[place])
            if factor is not None and factor.size == 1:
                return node.input[1 - place], float(factor.ravel()[0])
        return name, 1.0

    def _untransposed(self, name: str) -> str | None:
        """The keys of transposed keys; the tracer turns them with their heads and the batch in one axis."""
        turned = self._maker(name, "Transpose")
        if turned is not None:
            return turned.input[0] if _perm(turned) == [0, 1, 3, 2] else None
        apart = self._maker(name, "Reshape")
        flat = self._maker(apart.input[0], "Transpose") if apart is not None else None
        together = self._maker(flat.input[0], "Reshape") if flat is not None and _perm(flat) == [0, 2, 1] else None
        return together.input[0] if together is not None else None

    def _maker(self, name: str, kind: str) -> onnx.NodeProto | None:
        node = self.makers.get(name)
        return node if node is not None and node.op_type == kind else None

    def _reader(self, name: str, kind: str) -> onnx.NodeProto | None:
        """The one node that reads a tensor, if it is of a kind."""
        nodes = self.readers.get(name, [])
        return nodes[0] if len(nodes) == 1 and nodes[0].op_type == kind and name not in self.edges else None


def _needed(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _perm(node: onnx.NodeProto) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == "perm"), [])


def _axis(node: onnx.NodeProto) -> int:
    return next((a.i for a in node.attribute if a.name == "axis"), -1)
