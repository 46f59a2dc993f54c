"""python -m bench ops --device cuda: each CUDA op against torch eager and torch.compile, and against a copy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.op_rivals import EPSILON, SLOPE, blending_layer
from bench.ops import ADAIN_SHAPES, CROP_PX, FRAME_HW, OpCase, case_figures
from bench.report import BenchReport, Figure
from bench.timing import time_in_turns
from facesdk.ops.cuda import native_cuda
from train.ops.adain import adain
from train.ops.attention import gated_attention, style_attention
from train.ops.pictures import warp_crop

GATE = tuple(f"tests/train/ops/test_{name}.py" for name in ("adain", "attention", "pictures"))
COPY_AIM = 80.0
"""Percent of the copy's bandwidth."""
# Tokens, heads and columns of a head of the UNet's depths at 512 px, and its extra tokens.
GATED_SHAPES = ((4096, 8, 40), (1024, 8, 80), (256, 8, 160))
EXTRA_TOKENS = 16
DEVICE = torch.device("cuda")


def measure_ops_cuda(rounds: int, tests: str) -> BenchReport:
    """Times every CUDA op and what stands against it in turns, in float16.

    Args:
        rounds: measured rounds of each op.
        tests: what the gate said.

    Returns:
        Times between two events on the stream, launches included, ratios of the best rounds, and shares of a copy.

    Raises:
        BackendError: the CUDA module is not there, or no device can run it.
    """
    native_cuda()
    figures: list[Figure] = []
    details = {}
    with torch.inference_mode():
        for case in op_cases(DEVICE, torch.float16):
            timings = time_in_turns({name: _timed(call) for name, call in case.calls.items()}, rounds)
            figures += [_aimed(figure) for figure in case_figures(case, timings)]
            details[case.name] = {name: timing.document()["total"] for name, timing in timings.items()}
    settings = {
        "device": torch.cuda.get_device_name(DEVICE),
        "dtype": "float16",
        "rounds": rounds,
        "extra_tokens": EXTRA_TOKENS,
        "tests": tests,
    }
    return BenchReport(f"CUDA ops, {settings['device']}", figures, settings, details)


def op_cases(device: torch.device, dtype: torch.dtype) -> list[OpCase]:
    """Every op at the sizes that the nets run it at."""
    cases = [_adain_case(*shape, device, dtype) for shape in ADAIN_SHAPES]
    cases += [_gated_case(*shape, device, dtype) for shape in GATED_SHAPES]
    return [*cases, _layer_case(device, dtype), _crop_case(device)]


def _adain_case(channels: int, side: int, device: torch.device, dtype: torch.dtype) -> OpCase:
    def draw(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(shape, device=device, dtype=kind)

    x, noise = draw(1, channels, side, side, kind=dtype), draw(1, 1, side, side, kind=dtype)
    gamma, beta, weight, bias = draw(1, channels), draw(1, channels), draw(channels), draw(channels)
    copied = torch.empty_like(x)
    # The chain in the data's type throughout, as a network in half precision runs it.
    scale, shift, grain, constant = (v.to(dtype).reshape(1, -1, 1, 1) for v in (gamma, beta, weight, bias))

    def chain() -> Tensor:
        return F.instance_norm(F.leaky_relu(x + noise * grain + constant, SLOPE), eps=EPSILON) * scale + shift

    # At 256 px and more the kernel must be worth its being.
    bounds: dict[str, tuple[float, float | None]] = {"torch eager": (3.0, None)} if side >= 256 else {}
    calls = {
        "native": lambda: adain(x, gamma, beta, noise, weight, bias, SLOPE, EPSILON),
        "torch eager": chain,
        "torch.compile": torch.compile(chain),
        "copy": lambda: copied.copy_(x),
    }
    return OpCase(f"adain {channels}x{side}x{side}", calls, 2 * x.nbytes, bounds)


def _gated_case(length: int, heads: int, width: int, device: torch.device, dtype: torch.dtype) -> OpCase:
    dim = heads * width
    query, key, value = (torch.randn(1, length, dim, device=device, dtype=dtype) for _ in range(3))
    extra_key, extra_value = (torch.randn(1, EXTRA_TOKENS, dim, device=device, dtype=dtype) for _ in range(2))
    alpha = torch.tensor(0.7, device=device)

    def chain() -> Tensor:
        split = [
            x.unflatten(-1, (heads, width)).transpose(1, 2)
            for x in (query, torch.cat([key, extra_key], 1), torch.cat([value, extra_value], 1))
        ]
        mixed = F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)
        return torch.tanh(alpha).to(dtype) * mixed

    calls = {
        "native": lambda: gated_attention(query, key, value, extra_key, extra_value, heads, alpha),
        "torch eager": chain,
        "torch.compile": torch.compile(chain),
    }
    return OpCase(f"gated_attention, {length} tokens, {heads} heads of {width}", calls)


def _layer_case(device: torch.device, dtype: torch.dtype) -> OpCase:
    dim, heads, ratio, length = 512, 8, 4, 18
    layer = blending_layer(dim, heads, ratio).to(device, dtype)
    weights = dict(layer.state_dict())
    tokens = [torch.randn(1, length, dim, device=device, dtype=dtype) for _ in range(2)]
    calls = {
        "native": lambda: style_attention(weights, heads, *tokens),
        "torch eager": lambda: layer(*tokens),
        "torch.compile": _called(torch.compile(layer), *tokens),
    }
    return OpCase(f"style_attention, {length} tokens of {dim}", calls)


def _crop_case(device: torch.device) -> OpCase:
    height, width = FRAME_HW
    frame = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, device=device)
    # Upright, in the middle, as large as the crop, so that no blur stands before it: grid_sample has none.
    matrix = np.array([[1.0, 0.0, (CROP_PX - width) / 2], [0.0, 1.0, (CROP_PX - height) / 2]])
    theta = torch.tensor([[[CROP_PX / width, 0.0, 0.0], [0.0, CROP_PX / height, 0.0]]], device=device)

    def chain() -> Tensor:
        grid = F.affine_grid(theta, [1, 3, CROP_PX, CROP_PX], align_corners=False)
        planes = frame.permute(2, 0, 1)[None].float()
        crop = F.grid_sample(planes, grid, padding_mode="border", align_corners=False)
        return crop.round().div(127.5).sub(1.0)

    calls = {
        "native": lambda: warp_crop(frame, [matrix], CROP_PX),
        "torch eager": chain,
        "torch.compile": torch.compile(chain),
    }
    return OpCase(f"warp_crop of {width}x{height} to {CROP_PX} px", calls)


def _called(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: function(*arguments)


def _timed(call: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        # A moment for the queue: what is timed is the device, unless the host cannot keep up.
        torch.cuda._sleep(1_000_000)
        begun = time.perf_counter()
        start.record()
        call()
        end.record()
        host_ms = (time.perf_counter() - begun) * 1e3
        end.synchronize()
        return {"total": start.elapsed_time(end), "host": host_ms}

    return run


def _aimed(figure: Figure) -> Figure:
    return replace(figure, aim=COPY_AIM) if figure.unit == "%" else figure
