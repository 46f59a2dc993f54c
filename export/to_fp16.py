"""Half precision: as storage only (any runtime, computes in float32) or as the graph's own arithmetic (GPUs)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.to_int8 import store_int8
from facesdk.errors import FacesdkError

Precision = Literal["fp32", "fp16", "fp16-weights", "int8-weights"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "fp16-weights", "int8-weights")
# These round more than the weights' 11 bits, so every backend is held to the reduced floors.
REDUCED: tuple[Precision, ...] = ("fp16", "int8-weights")

# Tensors below this stay float32: they hold scales, roots and biases, and their bytes do not count.
MIN_ELEMENTS = 256
FP16_MAX = 65504.0

# Sums over many values, powers and exponentials: these lose their result in half precision, so they keep float32.
FP32_OPS = frozenset(
    {
        "InstanceNormalization", "LayerNormalization", "GroupNormalization", "BatchNormalization", "LpNormalization",
        "ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp",
        "Softmax", "LogSoftmax", "Softplus", "Exp", "Log", "Pow", "Sqrt", "Reciprocal",
        # Their sizes or scales are float32 by the ONNX specification, or they make values of their own type.
        "Resize", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Range", "CumSum", "Erf",
        # Coordinates in half precision are off by 0.03 px in a map of 64.
        "GridSample",
    }
)  # fmt: skip
# A square or a difference that only feeds one of the above belongs to its island.
ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Neg", "Abs"})


def convert(
    model: onnx.ModelProto, precision: Precision, finer: Collection[str] = (), unpacked: Collection[str] = ()
) -> onnx.ModelProto:
    """The same graph in the precision named; inputs and outputs stay float32.

    Args:
        model: a float32 graph.
        precision: "fp32" = as it is; "fp16-weights" = `store_fp16`; "int8-weights" = `store_int8` for matrices and
            filters and `store_fp16` for the rest; "fp16" = `compute_fp16`.
        finer: names of weights that int8 would spoil: they count among the rest.
        unpacked: names of matrices whose int8 is unpacked before it is multiplied by, see `store_int8`.
    """
    if precision == "fp32":
        return model
    if precision == "fp16-weights":
        return store_fp16(model)
    if precision == "int8-weights":
        packed = store_int8(model, keep=finer, unpacked=unpacked)
        known = {weight.name for weight in model.graph.initializer}
        # Runtimes look for the scales as they are, beside the int8.
        return store_fp16(packed, keep={weight.name for weight in packed.graph.initializer} - known)
    if precision == "fp16":
        return compute_fp16(model)
    raise FacesdkError(f"Precision {precision!r} is not known.", f"Use one of {', '.join(PRECISIONS)}.")


def store_fp16(model: onnx.ModelProto, min_elements: int = MIN_ELEMENTS, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Stores the large weights as float16, each followed by a Cast to float32.

    Runtimes fold such a Cast when they load the graph, so the file is half as large and the arithmetic is float32. ONNX
    Runtime on a CPU has no float16 convolution: a graph that computes in float16 would be slower there than this one.

    Args:
        model: a float32 graph; not changed.
        min_elements: smaller weights stay float32.
        keep: names of weights that stay as they are.

    Returns:
        A new graph with the same inputs, outputs and nodes.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    casts: list[onnx.NodeProto] = []
    for weight in out.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or weight.name in keep:
            continue
        values = numpy_helper.to_array(weight)
        if values.size < min_elements or not _fits(values):
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_fp16"))
        casts.append(helper.make_node("Cast", [f"{name}_fp16"], [name], name=f"{name}_cast", to=TensorProto.FLOAT))
    nodes = list(out.graph.node)
    del out.graph.node[:]
    out.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(out, full_check=True)
    return out


def compute_fp16(
    model: onnx.ModelProto, fp32_ops: Iterable[str] = FP32_OPS, fp32_nodes: Collection[str] = ()
) -> onnx.ModelProto:
    """Lets the graph compute in float16, with float32 islands around statistics and exponentials.

    ONNX Runtime on a CPU computes such nodes in float32 all the same, so parity measured there holds the rounding of
    the weights only; a GPU adds that of the activations.

    Args:
        model: a float32 graph without subgraphs and local functions; not changed.
        fp32_ops: operators that keep float32.
        fp32_nodes: names of single nodes that do, too.

    Returns:
        A new graph: float16 weights and activations, Cast nodes only at islands' borders, float32 inputs and outputs.

    Raises:
        FacesdkError: the graph has If, Loop or local functions.

    Source: strong typing in TensorRT 11, where the types in the ONNX graph are the precision of the engine.
    """
    if model.functions or any(a.HasField("g") for node in model.graph.node for a in node.attribute):
        raise FacesdkError(
            "compute_fp16 takes a flat graph, and this one has subgraphs or functions.", "Inline them first."
        )
    out = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    floats = _float_tensors(out.graph)
    islands = _islands(out.graph.node, frozenset(fp32_ops), frozenset(fp32_nodes), floats)
    _Rewriter(out.graph, floats, islands).rewrite()
    del out.graph.value_info[:]
    onnx.checker.check_model(out, full_check=True)
    return out


def _fits(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and np.abs(values).max(initial=0.0) <= FP16_MAX)


def _float_tensors(graph: onnx.GraphProto) -> set[str]:
    typed = [*graph.input, *graph.output, *graph.value_info]
    names = {v.name for v in typed if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return names | {w.name for w in graph.initializer if w.data_type == TensorProto.FLOAT}


def _islands(
    nodes: Iterable[onnx.NodeProto], fp32_ops: frozenset[str], fp32_nodes: frozenset[str], floats: set[str]
) -> set[int]:
    """Indices of the nodes that compute in float32."""
    listed = list(nodes)
    readers: dict[str, list[int]] = {}
    for i, node in enumerate(listed):
        for name in node.input:
            readers.setdefault(name, []).append(i)
    chosen = {i for i, node in enumerate(listed) if node.op_type in fp32_ops or node.name in fp32_nodes}
    # Backwards, since nodes are sorted: a node's readers are decided before the node itself.
    for i in reversed(range(len(listed))):
        node = listed[i]
        if node.op_type in ELEMENTWISE and any(name in floats for name in node.output):
            users = [r for name in node.output for r in readers.get(name, [])]
            if users and all(r in chosen for r in users):
                chosen.add(i)
    return chosen


class _Rewriter:
    """Changes the types of one graph; a tensor that both precisions read gets one Cast."""

    def __init__(self, graph: onnx.GraphProto, floats: set[str], islands: set[int]) -> None:
        self.graph = graph
        self.floats = floats
        self.islands = islands
        # Tensor name -> element type that it has so far.
        self.types: dict[str, int] = {v.name: TensorProto.FLOAT for v in graph.input if v.name in floats}
        self.weights = {w.name: w for w in graph.initializer if w.name in floats}
        self.done: dict[tuple[str, int], str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.stored: dict[str, onnx.TensorProto] = {}

    def rewrite(self) -> None:
        finals = {v.name for v in self.graph.output if v.name in self.floats}
        for i, node in enumerate(list(self.graph.node)):
            kind = TensorProto.FLOAT if i in self.islands else TensorProto.FLOAT16
            if node.op_type in ("Constant", "ConstantOfShape") and node.output[0] in self.floats:
                kind = self._constant(node, kind)
            elif node.op_type == "Cast" and node.output[0] in self.floats:
                _set_attribute(node, "to", kind)
            for k, name in enumerate(node.input):
                if name in self.floats and node.op_type != "Cast":
                    node.input[k] = self._typed(name, kind)
                elif name in self.floats:
                    # A Cast reads any type: take the tensor in the type that it has.
                    node.input[k] = self._typed(name, self.types.get(name, TensorProto.FLOAT))
            self.nodes.append(node)
            for k, name in enumerate(node.output):
                if name not in self.floats:
                    continue
                if name in finals and kind == TensorProto.FLOAT16:
                    node.output[k] = f"{name}_fp16"
                    cast = helper.make_node("Cast", [f"{name}_fp16"], [name], name=f"{name}_cast", to=TensorProto.FLOAT)
                    self.nodes.append(cast)
                    self.types[name] = TensorProto.FLOAT
                    self.done[name, TensorProto.FLOAT16] = f"{name}_fp16"
                else:
                    self.types[name] = kind
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        others = [w for w in self.graph.initializer if w.name not in self.weights]
        kept = [*others, *self.stored.values()]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def _typed(self, name: str, kind: int) -> str:
        """The name under which a tensor can be read as `kind`; adds a Cast or a converted weight where needed."""
        if name in self.weights:
            return self._weight(name, kind)
        if self.types[name] == kind:
            return name
        key = (name, kind)
        if key not in self.done:
            suffix = "fp16" if kind == TensorProto.FLOAT16 else "fp32"
            self.done[key] = f"{name}_{suffix}"
            self.nodes.append(
                helper.make_node("Cast", [name], [self.done[key]], name=f"{self.done[key]}_cast", to=kind)
            )
        return self.done[key]

    def _weight(self, name: str, kind: int) -> str:
        source = self.weights[name]
        if kind == TensorProto.FLOAT:
            self.stored.setdefault(name, source)
            return name
        values = numpy_helper.to_array(source)
        if not _fits(values):
            raise FacesdkError(
                f"The weight {name} reaches {np.abs(values).max():.3g}, above float16's {FP16_MAX:g}.",
                "Export this graph as fp32 or fp16-weights, which keeps such a weight in float32.",
            )
        half = f"{name}_fp16"
        self.stored.setdefault(half, numpy_helper.from_array(values.astype(np.float16), half))
        return half

    def _constant(self, node: onnx.NodeProto, kind: int) -> int:
        """Converts the value inside a constant; forms that hold Python floats stay float32."""
        for attribute in node.attribute:
            if attribute.name == "value" and attribute.t.data_type == TensorProto.FLOAT:
                dtype = np.float16 if kind == TensorProto.FLOAT16 else np.float32
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(dtype)))
                return kind
        return TensorProto.FLOAT


def _set_attribute(node: onnx.NodeProto, name: str, value: int) -> None:
    for attribute in node.attribute:
        if attribute.name == name:
            attribute.i = value
