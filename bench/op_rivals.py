"""What a user has instead of the project's ops: torch in eager mode, an ONNX Runtime chain, OpenCV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.to_onnx import to_onnx
from export.torch_graph import TorchGraph, float32
from facesdk.ops.adain import aligned_empty
from facesdk.runtime.onnx_session import PROVIDER, import_onnxruntime
from facesdk.types import F32, U8
from train.models.style_swap.blending import BlendingLayer

SLOPE, EPSILON = 0.2, 1e-5


@dataclass(frozen=True, eq=False)
class AdainInput:
    """One call of adain: x (1, C, S, S), noise (S, S), the rest (C,) or (1, C); float32."""

    x: F32
    noise: F32
    noise_weight: F32
    bias: F32
    gamma: F32
    beta: F32

    @classmethod
    def random(cls, channels: int, side: int) -> AdainInput:
        """Numbers of a normal distribution."""
        rng = np.random.default_rng(0)

        def draw(*shape: int) -> F32:
            # Where a runtime's own allocator would put a tensor.
            out = aligned_empty(shape)
            rng.standard_normal(dtype=np.float32, out=out)
            return out

        return cls(
            draw(1, channels, side, side),
            draw(side, side),
            draw(channels),
            draw(channels),
            draw(1, channels),
            draw(1, channels),
        )

    def broadcast(self) -> dict[str, F32]:
        """The tensors, each with four axes."""
        vectors = {"noise_weight": self.noise_weight, "bias": self.bias, "gamma": self.gamma, "beta": self.beta}
        out = {name: vector.reshape(1, -1, 1, 1) for name, vector in vectors.items()}
        return {"x": self.x, "noise": self.noise[None, None], **out}


def adain_onnx(given: AdainInput, threads: int, out: F32 | None = None) -> Callable[[], F32]:
    """The chain as the exporter writes it, in ONNX Runtime, with its output bound to one array.

    Args:
        given: the input.
        threads: of the session.
        out: the array, by default a new one; may be the input's x, which the chain reads once, before it is written.
    """
    tensors = given.broadcast()
    channels = given.x.shape[1]
    steps = [
        ("Mul", ["noise", "noise_weight"], "grain"),
        ("Add", ["x", "grain"], "grainy"),
        ("Add", ["grainy", "bias"], "biased"),
        ("LeakyRelu", ["biased"], "active"),
        ("InstanceNormalization", ["active", "ones", "zeros"], "normed"),
        ("Mul", ["normed", "gamma"], "scaled"),
        ("Add", ["scaled", "beta"], "y"),
    ]
    attributes = {"LeakyRelu": {"alpha": SLOPE}, "InstanceNormalization": {"epsilon": EPSILON}}
    edges = {"ones": np.ones(channels, np.float32), "zeros": np.zeros(channels, np.float32)}
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **attributes.get(kind, {})) for kind, inputs, output in steps],
        "adain",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(a.shape)) for n, a in tensors.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(given.x.shape))],
        [numpy_helper.from_array(value, name) for name, value in edges.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    session = _open(model, threads)
    out = aligned_empty(given.x.shape) if out is None else out
    binding = session.io_binding()
    for name, array in tensors.items():
        binding.bind_cpu_input(name, array)
    binding.bind_output("y", "cpu", 0, np.float32, out.shape, out.ctypes.data)
    # The binding holds addresses only: the call keeps what lies there alive.
    held = (*tensors.values(), out)

    def call() -> F32:
        session.run_with_iobinding(binding)
        return held[-1]

    return call


def adain_torch(given: AdainInput) -> Callable[[], torch.Tensor]:
    """The chain in torch's eager mode."""
    tensors = {name: torch.from_numpy(array) for name, array in given.broadcast().items()}

    @torch.inference_mode()
    def call() -> torch.Tensor:
        y = tensors["x"] + tensors["noise"] * tensors["noise_weight"] + tensors["bias"]
        y = torch.nn.functional.instance_norm(torch.nn.functional.leaky_relu(y, SLOPE), eps=EPSILON)
        return y * tensors["gamma"] + tensors["beta"]

    return call


def blob_crop(image: U8, matrix: NDArray[np.floating], size: int) -> F32:
    """The usual way to a network's input: warpAffine and blobFromImage. It blurs nothing, so large faces alias."""
    crop = cv2.warpAffine(image, matrix.astype(np.float64), (size, size))
    return np.asarray(cv2.dnn.blobFromImage(crop, 1 / 127.5, (size, size), (127.5, 127.5, 127.5)), np.float32)


def paste_whole_picture(image: U8, crop: F32, mask: F32, matrix: NDArray[np.floating]) -> U8:
    """The usual way back: crop and mask are warped to the picture's size, and every pixel is blended in float32.

    Source: insightface python-package/insightface/model_zoo/inswapper.py, `get` with paste_back, without its masks.
    """
    size_wh = (image.shape[1], image.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    face = cv2.warpAffine(crop, matrix.astype(np.float64), size_wh, flags=flags)
    soft = cv2.warpAffine(mask, matrix.astype(np.float64), size_wh, flags=flags)[..., None]
    return np.asarray(soft * face + (1 - soft) * image.astype(np.float32), np.float32).astype(np.uint8)


def blending_layer(dim: int, heads: int, ratio: int) -> BlendingLayer:
    """The layer as torch trains it, with weights that are not zero."""
    torch.manual_seed(0)
    return BlendingLayer(dim, heads, ratio).eval()


def layer_onnx(layer: BlendingLayer, target: F32, source: F32, threads: int) -> Callable[[], object]:
    """The same layer, exported as the pack's graphs are, in ONNX Runtime."""
    inputs = tuple(float32(name, *target.shape) for name in ("target", "source"))
    outputs = tuple(float32(f"update_{tensor.name}", *target.shape) for tensor in inputs)
    graph = TorchGraph(
        "style_swap",
        "blending_layer",
        layer,
        inputs,
        outputs,
        (layer,),
        picture=float32("picture", 1, 3, 8, 8),
        from_pictures=lambda _: (torch.from_numpy(target), torch.from_numpy(source)),
    )
    session = _open(to_onnx(graph), threads)
    return lambda: session.run(None, {"target": target, "source": source})


def _open(model: onnx.ModelProto, threads: int) -> Any:
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    # As the project's own sessions: threads that wait must not take the core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(model.SerializeToString(), options, providers=[PROVIDER])
