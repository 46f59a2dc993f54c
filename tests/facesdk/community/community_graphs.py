"""Tiny ONNX files with the tensors of community models, and weights of which the answers are known.

A swapper gives its picture back, brighter by GAIN times the first three numbers of its source (for a frame, its mean):
so the round trip, the ranges and the change of the face can be worked out by hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facesdk.community.convention import Convention
from facesdk.community.crop_rule import RANGES
from facesdk.community.table import CONVENTIONS
from tests.facesdk.fake_pack import GraphMaker

Shape = tuple[int | str | None, ...]
GAIN = 0.25


def model_bytes(
    maker: GraphMaker,
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    extra: tuple[onnx.TensorProto, ...] = (),
    dtype: int = TensorProto.FLOAT,
) -> bytes:
    """A whole file; extra initializers feed nothing."""
    edges = [
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in shapes.items()]
        for shapes in (inputs, outputs)
    ]
    graph = helper.make_graph(maker.nodes, "community", *edges, [*maker.constants, *extra])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def random_emap(seed: int = 5) -> NDArray[np.float32]:
    """(512, 512) float32 whose rows have different lengths."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, (512, 512)) * rng.uniform(0.5, 2, (512, 1))).astype(np.float32)


def emap_tensor(matrix: NDArray[np.generic], name: str = "emap") -> onnx.TensorProto:
    """The matrix as an initializer."""
    return numpy_helper.from_array(matrix, name)


def swapper(
    name: str,
    emap: NDArray[np.generic] | None = None,
    *,
    gain: float = GAIN,
    batch: int | str = 1,
    emap_name: str = "emap",
    extra: tuple[onnx.TensorProto, ...] = (),
    names: tuple[str, str] = ("source", "target"),
) -> bytes:
    """A swapper's file."""
    convention = CONVENTIONS[name]
    assert convention.picture is not None and convention.output is not None and convention.source is not None
    size, frame = convention.picture.size, convention.source.crop
    g = GraphMaker()
    if frame is None:
        color = g.op("MatMul", names[0], g.constant(np.eye(512, 3) * gain))
    else:
        mean = g.op("ReduceMean", names[0], g.constant([2, 3], np.int64), keepdims=0)
        color = g.op("Mul", mean, g.constant(gain))
    moved = g.op(
        "Add", _to_output(g, convention, names[1]), g.op("Reshape", color, g.constant([-1, 3, 1, 1], np.int64))
    )
    g.op("Identity", moved, out="output")
    source: Shape = (batch, 512) if frame is None else (batch, 3, frame.size, frame.size)
    picture: Shape = (batch, 3, size, size)
    unread = () if emap is None else (emap_tensor(emap, emap_name),)
    inputs = {names[1]: picture, names[0]: source}
    return model_bytes(g, inputs, {"output": picture}, (*unread, *extra))


def _to_output(g: GraphMaker, convention: Convention, picture: str) -> str:
    """From the input's range to the output's: (x std_in + mean_in - mean_out) / std_out."""
    assert convention.picture is not None and convention.output is not None
    (mean_in, std_in), (mean_out, std_out) = (RANGES[r.range] for r in (convention.picture, convention.output))
    if convention.picture.range == convention.output.range:
        return picture
    scale = np.array(std_in) / np.array(std_out)
    offset = (np.array(mean_in) - np.array(mean_out)) / np.array(std_out)
    scaled = g.op("Mul", picture, g.constant(scale.reshape(1, 3, 1, 1)))
    return g.op("Add", scaled, g.constant(offset.reshape(1, 3, 1, 1)))


def converter(factor: float = 3.0) -> bytes:
    """Turns the embedding round and scales it: the first number comes last."""
    g = GraphMaker()
    g.op("MatMul", "input", g.constant(np.roll(np.eye(512), 1, 0) * factor), out="output")
    return model_bytes(g, {"input": (1, 512)}, {"output": (1, 512)})


def recogniser(batch: int | str | None = "None") -> bytes:
    """w600k_r50's tensors; the embedding is 20 times the crop's mean colour, and 0.5."""
    g = GraphMaker()
    mean = g.op("ReduceMean", "input.1", g.constant([2, 3], np.int64), keepdims=0)
    bias = np.zeros(512)
    bias[3] = 10.0
    g.op("Gemm", mean, g.constant(np.eye(3, 512) * 20), g.constant(bias), out="683")
    return model_bytes(g, {"input.1": (batch, 3, 112, 112)}, {"683": (1, 512)})


def enhancer(name: str, shift: float) -> bytes:
    """Brighter by shift, in the model's own range."""
    rule = CONVENTIONS[name].picture
    assert rule is not None
    g = GraphMaker()
    g.op("Add", "input", g.constant(shift), out="output")
    shape: Shape = (1, 3, rule.size, rule.size)
    return model_bytes(g, {"input": shape}, {"output": shape})


def write(folder: Path, name: str, data: bytes) -> Path:
    """A file in the folder."""
    path = folder / name
    path.write_bytes(data)
    return path
