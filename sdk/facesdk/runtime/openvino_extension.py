"""The project's own operations inside OpenVINO: which are there, and how they get into a graph when it is loaded."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.runtime.device import read_cpu
from facesdk.runtime.style_weights import doubled_products, pack_products, winograd_products

F32 = NDArray[np.float32]
# setup.py writes the version of OpenVINO into the name: the library fits no other one.
PREFIX = "_openvino_ext_"
FOLDER = Path(__file__).resolve().parents[1]
CURE = "pip install --force-reinstall --no-deps --no-build-isolation facesdk"
LANES = 16
# Below this many pixels a layer's time is that of reading its weights, and OpenVINO's are fewer.
LEAST_PIXELS = 16 * 16

_log = logging.getLogger("facesdk.runtime")

TO_CHANNELS_LAST, TO_CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True)
class Extension:
    """The compiled extension.

    Attributes:
        path: of the library; None if it cannot be used here.
        reason: why it cannot, or "".
    """

    path: Path | None
    reason: str = ""


def find_extension(folder: Path = FOLDER, installed: str | None = None) -> Extension:
    """Looks for the library that was built for the installed OpenVINO, without loading anything.

    Args:
        folder: where it is.
        installed: version of OpenVINO; None = the one that is installed.
    """
    if installed is None:
        try:
            installed = importlib.metadata.version("openvino")
        except importlib.metadata.PackageNotFoundError:
            return Extension(None, "openvino is not installed")
    built = {_version(path): path for path in sorted(folder.glob(f"{PREFIX}*"))}
    if not built:
        return Extension(None, f"it was not built: OpenVINO has to be there when facesdk is built ({CURE})")
    if installed not in built:
        names = ", ".join(built)
        return Extension(None, f"it was built for OpenVINO {names}, and {installed} is installed ({CURE})")
    return Extension(built[installed])


@lru_cache(maxsize=1)
def own_layers() -> Extension:
    """The extension, if the layer of the style decoder gains by it here: measured on AVX-512 BF16.

    AMX multiplies bfloat16 so much faster that OpenVINO's own convolutions win; without either there is no bfloat16.
    """
    flags = read_cpu().flags
    if "avx512_bf16" not in flags:
        return Extension(None, "this CPU has no AVX-512 BF16")
    if "amx_bf16" in flags:
        return Extension(None, "this CPU has AMX, which OpenVINO's own convolutions use")
    return find_extension()


def describe_extension() -> str:
    """One line for `facesdk doctor`."""
    found = own_layers()
    return f"style layers in bf16 ({found.path.name})" if found.path else f"not used: {found.reason}"


def fuse_style_layers(core: Any, model: Any, name: str = "graph") -> int:
    """Puts facesdk::StyleLayer where a graph has a convolution, noise, bias, leaky ReLU and AdaIN; for bf16.

    Args:
        core: the `openvino.Core`; it gets the extension.
        model: an `openvino.Model` as it was read; changed in place.
        name: how the log calls it.

    Returns:
        How many layers were replaced; 0 leaves the model as it was.
    """
    found = own_layers()
    if not _norms(model):
        return 0
    if found.path is None:
        _log.info("%s: keeps the standard operations: %s", name, found.reason)
        return 0
    # Weights that the exporter computes in the graph become constants, as they would when it is compiled.
    passes = importlib.import_module("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)
    norms = _norms(model)
    layers = [layer for node in norms if (layer := match_layer(node)) is not None]
    if not layers:
        return 0
    graph = _Rewriter(_factory(core, found.path))
    for layer in layers:
        graph.replace(layer)
    graph.multiply_pixels(model)
    model.validate_nodes_and_infer_types()
    _log.info("%s: %d style layers in facesdk::StyleLayer", name, len(layers))
    return len(layers)


@dataclass(frozen=True)
class Layer:
    """One layer of a style decoder inside a graph.

    Attributes:
        convolution: the node; its input may be replaced while other layers are.
        y, gamma, beta: outputs of nodes: the layer's output, (N, C) scale and shift.
        products: (products, in, out) weights.
        bias, noise_weight: (out,); noise: (pixels of y,).
        slope, epsilon: of the activation and of the norm.
        doubled: the convolution doubles both sides.
    """

    convolution: Any
    y: Any
    gamma: Any
    beta: Any
    products: F32
    bias: F32
    noise: F32
    noise_weight: F32
    slope: float
    epsilon: float
    doubled: bool


def match_layer(norm: Any) -> Layer | None:
    """The layer around an MVN, or None."""
    attributes = norm.get_attributes()
    axes = constant(norm.input_value(1))
    if axes is None or sorted(axes.ravel().tolist()) != [2, 3] or not attributes["normalize_variance"]:
        return None
    styled = _styled(norm)
    activation = norm.input_value(0).get_node()
    slope = constant(activation.input_value(1)) if activation.get_type_name() == "PRelu" else None
    shape = norm.get_output_partial_shape(0)
    if styled is None or slope is None or slope.size != 1 or not 0 <= float(slope.ravel()[0]) <= 1:
        return None
    if any(shape[i].is_dynamic for i in (1, 2, 3)) or not _read_once(activation):
        return None
    channels, height, width = (shape[i].get_length() for i in (1, 2, 3))
    bias, noise, noise_weight = np.zeros(channels, np.float32), np.zeros(height * width, np.float32), None
    x = activation.input_value(0)
    while x.get_node().get_type_name() == "Add" and _read_once(x.get_node()):
        added = next(((a, c) for a, b in _both_orders(x.get_node()) if (c := constant(b)) is not None), None)
        if added is None:
            break
        x, value = added
        if value.size == channels and value.shape[-3:] == (channels, 1, 1):
            bias = bias + value.ravel()
        elif value.size == channels * height * width and noise_weight is None:
            rank_one = _rank_one(value.reshape(channels, -1))
            if rank_one is None:
                return None
            noise_weight, noise = rank_one
        else:
            return None
    convolution = x.get_node()
    products = _products(convolution) if _read_once(convolution) else None
    if products is None or products.shape[1] % LANES or channels % LANES or height * width < LEAST_PIXELS:
        return None
    y, gamma, beta = styled
    return Layer(
        convolution=convolution,
        y=y,
        gamma=gamma,
        beta=beta,
        products=products,
        bias=bias,
        noise=noise,
        noise_weight=np.zeros(channels, np.float32) if noise_weight is None else noise_weight,
        slope=float(slope.ravel()[0]),
        epsilon=float(attributes["eps"]),
        doubled=convolution.get_type_name() == "ConvolutionBackpropData",
    )


def constant(output: Any) -> NDArray[Any] | None:
    """The value of an output that depends on nothing, or None; through what the exporter puts behind weights."""
    node = output.get_node()
    kind = node.get_type_name()
    if kind == "Constant":
        return np.asarray(node.data)
    if kind == "Convert" and (value := constant(node.input_value(0))) is not None:
        return value.astype(np.float32)
    if kind == "Transpose" and (value := constant(node.input_value(0))) is not None:
        order = constant(node.input_value(1))
        return None if order is None else value.transpose(order.ravel())
    if kind == "Multiply":
        a, b = (constant(node.input_value(i)) for i in (0, 1))
        return None if a is None or b is None else a * b
    return None


class _Rewriter:
    """Puts layers into a graph, and keeps what flows between them channels last."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.ops: Any = importlib.import_module("openvino.opset13")
        # Name of a node whose output is channels first -> the same, channels last, bf16.
        self.last: dict[str, Any] = {}

    def replace(self, layer: Layer) -> None:
        """Takes one layer out and the operation in."""
        x = layer.convolution.input_value(0)
        own = self.last.get(x.get_node().get_friendly_name())
        if own is None:
            own = self.ops.convert(self.channels_last(x), "bf16").output(0)
        given = [pack_products(layer.products), layer.noise, layer.noise_weight, layer.bias]
        inputs = [self.ops.constant(np.ascontiguousarray(value)).output(0) for value in given]
        attributes = {
            "out_channels": layer.products.shape[2],
            "doubled": layer.doubled,
            "slope": layer.slope,
            "epsilon": layer.epsilon,
        }
        own = self.factory.create("StyleLayer", [own, *inputs, layer.gamma, layer.beta], attributes).output(0)
        first = self._transposed(self.ops.convert(own, "f32").output(0), TO_CHANNELS_FIRST)
        layer.y.replace(first)
        self.last[first.get_node().get_friendly_name()] = own

    def channels_last(self, output: Any) -> Any:
        """A float32 output, channels last."""
        node = output.get_node()
        if node.get_friendly_name() in self.last:
            return self.ops.convert(self.last[node.get_friendly_name()], "f32").output(0)
        if node.get_type_name() == "Add" and any(
            a.get_node().get_friendly_name() in self.last
            and a.get_partial_shape() == b.get_partial_shape() == output.get_partial_shape()
            for a, b in _both_orders(node)
        ):
            return self.ops.add(*(self.channels_last(node.input_value(i)) for i in (0, 1))).output(0)
        return self._transposed(output, TO_CHANNELS_LAST)

    def multiply_pixels(self, model: Any) -> None:
        """Turns 1x1 convolutions behind a layer into matrix products, which take channels last as they come."""
        for node in model.get_ordered_ops():
            if node.get_type_name() != "Convolution":
                continue
            weight = constant(node.input_value(1))
            known = node.input_value(0).get_node().get_friendly_name() in self.last
            if (
                not known
                or weight is None
                or weight.shape[2:] != (1, 1)
                or set(node.get_attributes()["strides"]) != {1}
            ):
                continue
            matrix = self.ops.constant(np.ascontiguousarray(weight[:, :, 0, 0], np.float32))
            product = self.ops.matmul(self.channels_last(node.input_value(0)), matrix, False, True)
            node.output(0).replace(self._transposed(product.output(0), TO_CHANNELS_FIRST))

    def _transposed(self, output: Any, order: tuple[int, ...]) -> Any:
        return self.ops.transpose(output, self.ops.constant(np.array(order))).output(0)


@lru_cache(maxsize=1)
def _factory(core: Any, path: Path) -> Any:
    core.add_extension(str(path))
    factory = importlib.import_module("openvino.utils.node_factory").NodeFactory()
    factory.add_extension(str(path))
    return factory


def _norms(model: Any) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "MVN"]


def _version(path: Path) -> str:
    return path.name.removeprefix(PREFIX).split(".", 1)[0].replace("_", ".")


def _styled(norm: Any) -> tuple[Any, Any, Any] | None:
    """Output, gamma and beta of normed * 1 + 0, times gamma, plus beta; gamma and beta (N, C) behind an Unsqueeze."""
    out = norm.output(0)
    for kind, neutral in (("Multiply", 1.0), ("Add", 0.0)):
        step = _only_reader(out, kind)
        if step is None:
            return None
        other = next(b for a, b in _both_orders(step) if a == out)
        value = constant(other)
        if value is None or not (value == neutral).all():
            return None
        out = step.output(0)
    found = []
    for kind in ("Multiply", "Add"):
        step = _only_reader(out, kind)
        if step is None:
            return None
        other = next(b for a, b in _both_orders(step) if a == out)
        node = other.get_node()
        if node.get_type_name() != "Unsqueeze" or len(node.input_value(0).get_partial_shape()) != 2:
            return None
        found.append(node.input_value(0))
        out = step.output(0)
    return out, found[0], found[1]


def _products(node: Any) -> F32 | None:
    """Weights of the products that a convolution becomes, or None if it is of another kind."""
    kind = node.get_type_name()
    sizes = {"Convolution": (3, 1), "ConvolutionBackpropData": (4, 2)}
    if kind not in sizes or len(node.inputs()) != 2:
        return None
    side, stride = sizes[kind]
    weight = constant(node.input_value(1))
    if weight is None or weight.shape[2:] != (side, side):
        return None
    attributes = node.get_attributes()
    edges = [*attributes["pads_begin"], *attributes["pads_end"]]
    plain = set(edges) == {1} and set(attributes["strides"]) == {stride} and set(attributes["dilations"]) == {1}
    if not plain or str(attributes["auto_pad"]).lower() != "explicit" or any(attributes.get("output_padding", ())):
        return None
    return winograd_products(weight) if kind == "Convolution" else doubled_products(weight)


def _rank_one(values: F32) -> tuple[F32, F32] | None:
    """weight (C,) and picture (pixels,) whose outer product the values are, or None."""
    strongest = int(np.abs(values).sum(1).argmax())
    picture = values[strongest].astype(np.float64)
    energy = float(picture @ picture)
    if energy == 0.0:
        return np.zeros(len(values), np.float32), np.zeros(values.shape[1], np.float32)
    weight = values @ picture / energy
    if np.abs(np.outer(weight, picture) - values).max() > 1e-5 * np.abs(values).max():
        return None
    return weight.astype(np.float32), picture.astype(np.float32)


def _both_orders(node: Any) -> Iterator[tuple[Any, Any]]:
    yield node.input_value(0), node.input_value(1)
    yield node.input_value(1), node.input_value(0)


def _readers(output: Any) -> list[Any]:
    """Nodes that read an output's values; its shape may be read besides."""
    nodes = [reader.get_node() for reader in output.get_target_inputs()]
    return [node for node in nodes if node.get_type_name() != "ShapeOf"]


def _only_reader(output: Any, kind: str) -> Any | None:
    nodes = _readers(output)
    return nodes[0] if len(nodes) == 1 and nodes[0].get_type_name() == kind else None


def _read_once(node: Any) -> bool:
    return len(_readers(node.output(0))) == 1
