"""A pack of one small convolution, built here: no torch, no trained weights. Tests import its fixtures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facesdk.pack import FamilySpec, Pack, TensorSpec
from facesdk.pack.writer import GraphContent, PackContent, probe_bytes, write_pack

INPUT = TensorSpec("image", "float32", ("batch", 3, "height", "width"))
OUTPUT = TensorSpec("edges", "float32", ("batch", 4, "height", "width"))


def tiny_weights() -> NDArray[np.float32]:
    """(4, 3, 3, 3) float32."""
    return np.random.default_rng(0).normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)


def tiny_convolution(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the graph computes, written out: 3x3, zero padding, no bias."""
    weights = tiny_weights()
    padded = np.pad(image.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = image.shape[2:]
    out = np.zeros((len(image), 4, height, width))
    for row in range(3):
        for column in range(3):
            window = padded[:, :, row : row + height, column : column + width]
            out += np.einsum("oc,nchw->nohw", weights[:, :, row, column], window)
    return out.astype(np.float32)


def tiny_graph() -> bytes:
    """The graph's ONNX bytes."""
    node = helper.make_node("Conv", ["image", "weight"], ["edges"], pads=[1, 1, 1, 1])
    values = [helper.make_tensor_value_info(s.name, TensorProto.FLOAT, list(s.shape)) for s in (INPUT, OUTPUT)]
    graph = helper.make_graph(
        [node], "tiny", values[:1], values[1:], [numpy_helper.from_array(tiny_weights(), "weight")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def tiny_content() -> PackContent:
    """A whole pack of the family "faces" with the one graph "edges"."""
    image = np.random.default_rng(1).uniform(-1, 1, (1, 3, 8, 12)).astype(np.float32)
    parity = {
        "onnxruntime": {"max_abs": 1e-6, "mean_abs": 1e-7},
        "openvino_f32": {"max_abs": 1e-6, "mean_abs": 1e-7},
        "openvino_bf16": {"max_abs": 2e-2, "mean_abs": 2e-3},
    }
    return PackContent(
        name="tiny",
        version="0.1.0",
        preset="nano",
        license_spdx="Apache-2.0",
        families={"faces": FamilySpec(("detect",), {}, {"color": "rgb", "layout": "nchw"}, codes=(12, 256))},
        graphs={("faces", "edges"): GraphContent(tiny_graph(), (INPUT,), (OUTPUT,), "fp32", parity)},
        files={
            "LICENSE": b"Apache License, Version 2.0",
            "probe/input.npz": probe_bytes({"faces.edges.image": image}),
            "probe/expected.npz": probe_bytes({"faces.edges.edges": tiny_convolution(image)}),
        },
        training={"steps": 0},
    )


@pytest.fixture
def tiny_pack(tiny_content: PackContent, tmp_path: Path) -> Pack:
    """The same pack, written and opened; its folder may be damaged by the test."""
    return write_pack(tmp_path / "tiny", tiny_content)


@pytest.fixture
def tiny_pack_without_bf16(tiny_content: PackContent, tmp_path: Path) -> Pack:
    """The same pack, but its export did not measure bfloat16."""
    graph = tiny_content.graphs["faces", "edges"]
    parity = {key: value for key, value in graph.parity.items() if key != "openvino_bf16"}
    content = replace(tiny_content, graphs={("faces", "edges"): replace(graph, parity=parity)})
    return write_pack(tmp_path / "tiny_f32", content)
