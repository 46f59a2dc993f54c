"""A pack of tiny graphs that obey the contract and whose answers can be worked out by hand.

What stands in for a face is a marker: a red square of 32 px over a blue one, on the grid of 32 px.
- detector: one face for each upright marker: box 96 px around the red square's centre, five points at "canon" in it.
- landmarks: always LANDMARKS of the crop; pose 5, -3, 2 degrees; on demand also presence: 1, and 0 where green is near.
- recogniser: (mean R, mean G, mean B, 0.5, 0, ...) of the crop.
- parser: what is greener than red is occluder, all else is face.
- encoder: the codes are the mean colour; blending takes the source's codes; decoder paints their colour, mask 1 but
  for one pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facesdk.faces.align import TEMPLATES
from facesdk.pack.manifest import FamilySpec, TensorSpec
from facesdk.pack.reader import Pack
from facesdk.pack.writer import GraphContent, PackContent, write_pack

Shape = tuple[int | str, ...]
U8 = NDArray[np.uint8]

CELL = 32
BOX_SIDE = 96
POSE = (5.0, -3.0, 2.0)
STYLES, WIDTH, SIZE = 2, 4, 128


def face_landmarks() -> NDArray[np.float32]:
    """68 points whose five points are exactly the "canon" template, in fractions of the face's box."""
    canon = TEMPLATES["canon"].astype(np.float64)
    points = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([0.5 + 0.36 * np.cos(angle), 0.45 + 0.45 * np.sin(angle)], 1)
    points[17:22] = canon[0] + np.stack([np.linspace(-0.08, 0.08, 5), np.full(5, -0.07)], 1)
    points[22:27] = canon[1] + np.stack([np.linspace(-0.08, 0.08, 5), np.full(5, -0.07)], 1)
    points[27:31] = np.stack([np.full(4, 0.5), np.linspace(0.4, canon[2, 1], 4)], 1)
    points[31:36] = np.stack([np.linspace(0.45, 0.55, 5), np.full(5, 0.56)], 1)
    ring = np.array([[-0.04, 0], [-0.02, -0.02], [0.02, -0.02], [0.04, 0], [0.02, 0.02], [-0.02, 0.02]])
    points[36:42], points[42:48] = canon[0] + ring, canon[1] + ring
    points[48:68] = np.linspace(canon[3], canon[4], 20)
    points[54] = canon[4]
    return points.astype(np.float32)


# The landmark crop is 1.5 boxes wide, about the same centre.
LANDMARKS = (face_landmarks() - 0.5) / 1.5 + 0.5


def picture(size_hw: tuple[int, int], cells: Sequence[tuple[int, int]], grey: int = 90) -> U8:
    """A grey picture with a marker for each (row, column) of the 32 px grid."""
    image = np.full((*size_hw, 3), grey, np.uint8)
    for row, column in cells:
        y, x = row * CELL, column * CELL
        image[y : y + CELL, x : x + CELL] = (255, 0, 0)
        image[y + CELL : y + 2 * CELL, x : x + CELL] = (0, 0, 255)
    return image


def box_of(row: int, column: int) -> NDArray[np.float32]:
    """The box that the detector gives to the marker at (row, column)."""
    x, y = column * CELL, row * CELL
    return np.array([x - CELL, y - CELL, x + 2 * CELL, y + 2 * CELL], np.float32)


def points_of(row: int, column: int) -> NDArray[np.float32]:
    """The five points that the detector gives to the marker at (row, column)."""
    return box_of(row, column)[:2] + TEMPLATES["canon"] * BOX_SIDE


class GraphMaker:
    """Collects nodes and constants of one graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: object, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: object) -> str:
        name = out or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant_output(self, image: str, values: NDArray[np.float32], out: str) -> None:
        """A constant with a batch axis, as many rows as the image has."""
        zero = self.op(
            "Mul", self.op("ReduceMean", image, self.constant([1, 2, 3], np.int64), keepdims=1), self.constant(0)
        )
        rows = self.op("Reshape", zero, self.constant([-1, *([1] * values.ndim)], np.int64))
        self.op("Add", rows, self.constant(values[None]), out=out)

    def content(self, inputs: dict[str, Shape], outputs: dict[str, Shape]) -> GraphContent:
        def infos(shapes: dict[str, Shape]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in shapes.items()]

        graph = helper.make_graph(self.nodes, "fake", infos(inputs), infos(outputs), self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.checker.check_model(model)
        specs = [tuple(TensorSpec(n, "float32", s) for n, s in shapes.items()) for shapes in (inputs, outputs)]
        return GraphContent(model.SerializeToString(), specs[0], specs[1], "fp32")


def detector() -> GraphContent:
    g = GraphMaker()
    outputs: dict[str, Shape] = {}
    points = ((TEMPLATES["canon"] - 0.5) * (BOX_SIDE / CELL) + 0.5).reshape(-1)
    for stride in (8, 16, 32):
        score_weight = np.zeros((2, 3, 2 * stride, stride), np.float32)
        if stride == CELL:
            # 4 over an upright marker, at most 2 over half of one, 0 over grey.
            score_weight[0, 0, :CELL], score_weight[0, 2, :CELL] = 1 / CELL**2, -1 / CELL**2
            score_weight[0, 0, CELL:], score_weight[0, 2, CELL:] = -1 / CELL**2, 1 / CELL**2
        maps = {
            "score": (score_weight, np.zeros(2), 1),
            "box": (np.zeros((8, 3, 2 * stride, stride)), np.tile([1.0, 1.0, 2.0, 2.0], 2), 4),
            "points": (np.zeros((20, 3, 2 * stride, stride)), np.tile(points, 2), 10),
        }
        for name, (weight, bias, width) in maps.items():
            at = g.op(
                "Conv", "image", g.constant(weight), g.constant(bias), strides=[stride, stride], pads=[0, 0, stride, 0]
            )
            if name == "score":
                half = g.op("Mul", g.op("Sub", at, g.constant(2)), g.constant(0.5))
                at = g.op("Clip", half, g.constant(0), g.constant(1))
            rows = g.op("Transpose", at, perm=[0, 2, 3, 1])
            g.op("Reshape", rows, g.constant([0, -1, width], np.int64), out=f"{name}_{stride}")
            outputs[f"{name}_{stride}"] = ("batch", f"cells_{stride}", width)
    return g.content({"image": ("batch", 3, "height", "width")}, outputs)


def landmarks(presence: bool = False) -> GraphContent:
    g = GraphMaker()
    g.constant_output("crop", LANDMARKS, "points")
    g.constant_output("crop", np.full(68, 0.9, np.float32), "visible")
    g.constant_output("crop", np.array(POSE, np.float32), "pose")
    shapes: dict[str, Shape] = {"points": ("batch", 68, 2), "visible": ("batch", 68), "pose": ("batch", 3)}
    if presence:
        # The mean green of a crop with a marker on grey is about -0.36.
        mean = g.op("ReduceMean", "crop", g.constant([2, 3], np.int64), keepdims=0)
        green = g.op("MatMul", mean, g.constant([[0.0], [1.0], [0.0]]))
        off = g.op("Sub", g.constant(0.5), g.op("Mul", g.op("Add", green, g.constant(0.3)), g.constant(10)))
        g.op("Clip", off, g.constant(0), g.constant(1), out="presence")
        shapes["presence"] = ("batch", 1)
    return g.content({"crop": ("batch", 3, 128, 128)}, shapes)


def recogniser() -> GraphContent:
    g = GraphMaker()
    mean = g.op("ReduceMean", "crop", g.constant([2, 3], np.int64), keepdims=0)
    bias = np.zeros(512)
    bias[3] = 0.5
    g.op("Gemm", mean, g.constant(np.eye(3, 512)), g.constant(bias), out="embedding")
    return g.content({"crop": ("batch", 3, 112, 112)}, {"embedding": ("batch", 512)})


def parser() -> GraphContent:
    g = GraphMaker()
    green = g.op("Conv", "crop", g.constant(np.array([-1.0, 1.0, 0.0]).reshape(1, 3, 1, 1)))
    occluder = g.op("Clip", green, g.constant(0), g.constant(1))
    zero = g.op("Mul", occluder, g.constant(0))
    face = g.op("Sub", g.constant(1), occluder)
    g.op("Concat", zero, face, zero, zero, occluder, axis=1, out="parts")
    return g.content({"crop": ("batch", 3, 128, 128)}, {"parts": ("batch", 5, 128, 128)})


def encoder() -> GraphContent:
    g = GraphMaker()
    mean = g.op("ReduceMean", "image", g.constant([2, 3], np.int64), keepdims=0)
    flat = g.op("MatMul", mean, g.constant(np.eye(3, STYLES * WIDTH)))
    g.op("Reshape", flat, g.constant([-1, STYLES, WIDTH], np.int64), out="codes")
    g.op("AveragePool", "image", kernel_shape=[8, 8], strides=[8, 8], out="feature_16")
    shapes: dict[str, Shape] = {"codes": ("batch", STYLES, WIDTH), "feature_16": ("batch", 3, 16, 16)}
    return g.content({"image": ("batch", 3, SIZE, SIZE)}, shapes)


def blending() -> GraphContent:
    g = GraphMaker()
    g.op("Add", g.op("Mul", "codes_target", g.constant(0)), "codes_source", out="codes")
    shape: Shape = ("batch", STYLES, WIDTH)
    return g.content({"codes_target": shape, "codes_source": shape}, {"codes": shape})


def shape_code() -> GraphContent:
    """The mean point."""
    g = GraphMaker()
    g.op("ReduceMean", "points", g.constant([1], np.int64), keepdims=0, out="shape")
    return g.content({"points": ("batch", 68, 2)}, {"shape": ("batch", 2)})


def shape() -> GraphContent:
    """The target's points moved by the source's mean; the map is the first of them, x everywhere."""
    g = GraphMaker()
    moved = g.op("Add", "points", g.op("Unsqueeze", "shape", g.constant([1], np.int64)), out="wanted")
    x = g.op("Slice", moved, *(g.constant(v, np.int64) for v in ([0, 0], [1, 1], [1, 2])))
    ones = g.constant(np.ones((1, 1, 16, 16)))
    g.op("Mul", g.op("Reshape", x, g.constant([-1, 1, 1, 1], np.int64)), ones, out="map_16")
    inputs: dict[str, Shape] = {"shape": ("batch", 2), "points": ("batch", 68, 2)}
    return g.content(inputs, {"wanted": ("batch", 68, 2), "map_16": ("batch", 1, 16, 16)})


def decoder(mask: bool = True, paint: float = 1.0, shaped: bool = False) -> GraphContent:
    """paint: what the colour is multiplied with; NaN makes a broken network. shaped: adds the map to the picture."""
    g = GraphMaker()
    flat = g.op("Reshape", "codes", g.constant([-1, STYLES * WIDTH], np.int64))
    color = g.op("MatMul", flat, g.constant(np.eye(STYLES * WIDTH, 3)))
    color = g.op("Reshape", g.op("Mul", color, g.constant(paint)), g.constant([-1, 3, 1, 1], np.int64))
    zero = g.op("Mul", "feature_16", g.constant(0))
    if shaped:
        zero = g.op("Add", zero, "map_16")
    ground = g.op("Resize", zero, "", g.constant([1, 1, 8, 8]), mode="nearest")
    # A constant is refused as what a broken network returns: one pixel of the corner differs.
    corner = np.zeros((1, 1, SIZE, SIZE))
    corner[..., 0, 0] = 0.1
    g.op("Add", g.op("Add", ground, color), g.constant(corner), out="image")
    outputs: dict[str, Shape] = {"image": ("batch", 3, SIZE, SIZE)}
    if mask:
        zeros = g.op("Conv", ground, g.constant(np.zeros((1, 3, 1, 1))))
        g.op("Add", zeros, g.constant(1 - corner), out="mask")
        outputs["mask"] = ("batch", 1, SIZE, SIZE)
    inputs: dict[str, Shape] = {"codes": ("batch", STYLES, WIDTH), "feature_16": ("batch", 3, 16, 16)}
    if shaped:
        inputs["map_16"] = ("batch", 1, 16, 16)
    return g.content(inputs, outputs)


def write_fake_pack(
    path: Path,
    mask: bool = True,
    paint: float = 1.0,
    presence: bool = False,
    evidence: dict[str, float] | None = None,
    shaped: bool = False,
) -> Pack:
    """Writes the fake pack into a folder that does not exist yet."""
    landmark_crop: dict[str, Any] = {"box_scale": 1.5, "size": 128}
    if presence:
        landmark_crop["presence_threshold"] = 0.5
    if evidence is not None:
        landmark_crop["evidence"] = evidence
    faces = FamilySpec(
        tasks=("detect", "landmarks", "recognise", "parse"),
        graphs={},
        preprocessing={
            "color": "rgb",
            "layout": "nchw",
            "mean": 127.5,
            "scale": 127.5,
            "crops": {
                "recogniser": {"template": "arcface", "size": 112},
                "parser": {"template": "canon", "size": 128},
                "landmarks": landmark_crop,
            },
            "detector": {"strides": [8, 16, 32], "anchors": 2, "score_threshold": 0.5, "nms_iou": 0.4},
        },
    )
    swap = FamilySpec(
        tasks=("swap",),
        graphs={},
        preprocessing={
            "color": "rgb",
            "layout": "nchw",
            "mean": 127.5,
            "scale": 127.5,
            "crops": {"swap": {"template": "canon", "size": SIZE}},
        },
        features=("feature_16", "map_16") if shaped else ("feature_16",),
        codes=(STYLES, WIDTH),
    )
    graphs = {
        ("faces", "detector"): detector(),
        ("faces", "landmarks"): landmarks(presence),
        ("faces", "recogniser"): recogniser(),
        ("faces", "parser"): parser(),
        ("style_swap", "encoder"): encoder(),
        ("style_swap", "blending"): blending(),
        ("style_swap", "decoder"): decoder(mask, paint, shaped),
    }
    if shaped:
        graphs |= {("style_swap", "shape_code"): shape_code(), ("style_swap", "shape"): shape()}
    content = PackContent(
        name="fake",
        version="0.0.1",
        preset="nano",
        license_spdx="Apache-2.0",
        families={"faces": faces, "style_swap": swap},
        graphs=graphs,
        files={"LICENSE": b"Apache-2.0"},
    )
    return write_pack(path, content)
