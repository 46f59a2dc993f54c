"""What this machine can do at most, measured: products a second in two precisions, and bytes a second."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from facesdk.runtime.openvino_session import cpu_has_bf16, import_openvino, open_core

SIDE = 1536
COPY_BYTES = 256 << 20
REPEATS = 8


@dataclass(frozen=True)
class Ceilings:
    """The best that was seen.

    Attributes:
        flops: precision ("f32", "bf16") -> operations a second of a product of two large matrices, in torch or
            OpenVINO, whichever is faster: torch's float32 is slow on some CPUs.
        bytes_per_second: read and written while a large tensor is copied.
    """

    flops: dict[str, float]
    bytes_per_second: float


def measure_ceilings(threads: int) -> Ceilings:
    """Measures on so many threads; bf16 only where the CPU multiplies it in hardware."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        kinds = {"f32": torch.float32} | ({"bf16": torch.bfloat16} if cpu_has_bf16() else {})
        flops = {}
        for name, kind in kinds.items():
            a, b = (torch.randn(SIDE, SIDE).to(kind) for _ in range(2))
            seconds = _least_seconds(lambda a=a, b=b: torch.mm(a, b)), _least_seconds(_openvino_product(name, threads))
            flops[name] = 2.0 * SIDE**3 / min(seconds)
        source = torch.ones(COPY_BYTES // 4)
        target = torch.empty_like(source)
        return Ceilings(flops, 2.0 * COPY_BYTES / _least_seconds(lambda: target.copy_(source)))
    finally:
        torch.set_num_threads(before)


def _openvino_product(kind: str, threads: int) -> Callable[[], object]:
    ov = import_openvino()
    ops = importlib.import_module("openvino.opset13")
    matrix = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    given = ops.parameter([SIDE, SIDE], np.float32)
    model = ov.Model([ops.matmul(given, ops.constant(matrix), False, False)], [given], "product")
    config = {"INFERENCE_PRECISION_HINT": kind, "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    request = open_core().compile_model(model, "CPU", config).create_infer_request()
    return lambda: request.infer([matrix], share_inputs=True)


def _least_seconds(call: Callable[[], object]) -> float:
    call()
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best
