"""python -m bench ops: each native op against what a user has instead, and against the machine's memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch

from bench.op_rivals import (
    EPSILON,
    SLOPE,
    AdainInput,
    adain_onnx,
    adain_torch,
    blending_layer,
    blob_crop,
    layer_onnx,
    paste_whole_picture,
)
from bench.report import BenchReport, Figure
from bench.timing import Timing, time_in_turns
from facesdk.faces.align import TEMPLATES, crop_matrix
from facesdk.ops.adain import adain, aligned_empty
from facesdk.ops.blend import paste_into
from facesdk.ops.feather import feather
from facesdk.ops.native import native
from facesdk.ops.nms import nms
from facesdk.ops.style_attention import StyleAttention
from facesdk.ops.warp_crop import warp_crop

GATE = tuple(
    f"tests/facesdk/ops/test_{name}.py"
    for name in ("native", "adain", "warp_crop", "blend", "nms", "style_attention", "tile_mark")
)
# Channels and side of the style decoder's layers.
ADAIN_SHAPES = ((512, 32), (256, 64), (128, 128), (64, 256), (16, 1024))
FRAME_HW = (1080, 1920)
FACE_PX = 300.0
"""Distance from the brows to the chin, which is about the height of a detector's box."""
CROP_PX = 128
BOXES = 300
TURN_SECONDS = 0.01
"""Each turn is as many calls as fit, and counts as the best of them: the first one meets what the rival left in the
caches, which is no property of the op."""


@dataclass(frozen=True)
class OpCase:
    """One op at one size.

    Attributes:
        name: what the figures call it.
        calls: "native" and the others by name; each does the same work once.
        moved_bytes: what has to be read once and written once, or 0 if memory is not what bounds it.
        bounds: rival -> least and wanted ratio, where the project promises one.
    """

    name: str
    calls: Mapping[str, Callable[[], object]]
    moved_bytes: int = 0
    bounds: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)


def measure_ops(rounds: int, threads: int, tests: str) -> BenchReport:
    """Times every op and what stands against it in turns.

    Args:
        rounds: measured rounds of each op.
        threads: of every alternative.
        tests: what the gate said.

    Returns:
        Times, ratios and shares of the memory's bandwidth. A ratio is that of the best rounds, since other work on the
        machine can only add to a time; the medians are in the details.

    Raises:
        BackendError: the native module is not there.
    """
    module = native()
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    figures: list[Figure] = []
    details = {}
    try:
        for case in op_cases(threads):
            timings = time_in_turns({name: _timed(call) for name, call in case.calls.items()}, rounds)
            figures += case_figures(case, timings)
            details[case.name] = {
                name: {**timing.document()["total"], "best_ms": round(_best_ms(timing), 4)}
                for name, timing in timings.items()
            }
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
    settings = {
        "level": module.level(),
        "threads": threads,
        "rounds": rounds,
        "frame_hw": list(FRAME_HW),
        "face_px": FACE_PX,
        "crop_px": CROP_PX,
        "boxes": BOXES,
        "tests": tests,
    }
    return BenchReport(f"Native ops, {module.level()}, {threads} thread(s)", figures, settings, details)


def op_cases(threads: int) -> list[OpCase]:
    """Every op at the sizes that the swap runs it at."""
    layers = [case for shape in ADAIN_SHAPES for case in _adain_cases(*shape, threads)]
    return [*layers, *_picture_cases(threads), _layer_case(threads)]


def case_figures(case: OpCase, timings: Mapping[str, Timing]) -> list[Figure]:
    """Time of the native op, its ratio to each rival, and its share of what the memory could do."""
    best = {name: _best_ms(timing) for name, timing in timings.items()}
    figures = [Figure(f"{case.name}, best", best["native"], "ms", better="lower")]
    for name, value in best.items():
        if name in ("native", "copy"):
            continue
        must, aim = case.bounds.get(name, (None, None))
        figures.append(Figure(f"  times faster than {name}", value / best["native"], "x", must=must, aim=aim))
    if "copy" in best:
        rate = case.moved_bytes / best["copy"] / 1e6
        share = best["copy"] / best["native"]
        figures.append(Figure(f"  share of copying as much ({rate:.0f} GB/s)", 100 * share, "%", aim=100))
    return figures


def _adain_cases(channels: int, side: int, threads: int) -> list[OpCase]:
    """Into another array, and over the input, as a layer may do that needs it no more."""
    name = f"adain {channels}x{side}x{side}"
    given = AdainInput.random(channels, side)
    out, copied = aligned_empty(given.x.shape), aligned_empty(given.x.shape)
    rest = (given.gamma, given.beta, given.noise, given.noise_weight, given.bias, SLOPE, EPSILON)
    calls = {
        "native": lambda: adain(given.x, *rest, out, threads, impl="native"),
        "ONNX Runtime": adain_onnx(given, threads),
        "torch eager": adain_torch(given),
        "copy": lambda: np.copyto(copied, given.x),
    }
    mine, theirs = (AdainInput.random(channels, side) for _ in range(2))
    in_place = {
        "native": lambda: adain(mine.x, *rest, mine.x, threads, impl="native"),
        "ONNX Runtime": adain_onnx(theirs, threads, theirs.x),
    }
    return [
        OpCase(name, calls, 2 * given.x.nbytes, {"ONNX Runtime": (7.0, None)}),
        OpCase(f"{name} in place", in_place),
    ]


def _picture_cases(threads: int) -> list[OpCase]:
    rng = np.random.default_rng(0)
    frame = cv2.GaussianBlur(rng.integers(0, 256, (*FRAME_HW, 3), np.uint8), (0, 0), 2.0)
    # The template spans from the eyes to the mouth; brows to chin is 1.9 times as much.
    template = TEMPLATES["canon"]
    points = (template - 0.5) * (FACE_PX / 1.9 / float(np.ptp(template[:, 1]))) + np.array(FRAME_HW[::-1]) / 2
    turn = np.deg2rad(10.0)
    turned = (points - points.mean(0)) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = crop_matrix(turned + points.mean(0), "canon", CROP_PX)
    crop = rng.random((CROP_PX, CROP_PX, 3), np.float32) * np.float32(255)
    disc = np.zeros((CROP_PX, CROP_PX), np.float32)
    cv2.ellipse(disc, (CROP_PX // 2, CROP_PX // 2), (46, 56), 0, 0, 360, 1.0, -1)
    mask = feather(disc)
    canvas = frame.copy()
    corner = rng.uniform(0, 600, (BOXES, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 120, (BOXES, 2))], 1).astype(np.float32)
    scores = rng.random(BOXES, np.float32)
    sides = np.concatenate([corner, boxes[:, 2:] - boxes[:, :2]], 1).tolist()
    warp = {
        "native": lambda: warp_crop(frame, [matrix], CROP_PX, threads=threads, impl="native"),
        "OpenCV, equal pixels": lambda: warp_crop(frame, [matrix], CROP_PX, impl="numpy"),
        "OpenCV, no blur": lambda: blob_crop(frame, matrix, CROP_PX),
    }
    blend = {
        "native": lambda: paste_into(canvas, crop, mask, matrix, threads, impl="native"),
        "OpenCV, face only": lambda: paste_into(canvas, crop, mask, matrix, impl="numpy"),
        "OpenCV, whole picture": lambda: paste_whole_picture(frame, crop, mask, matrix),
    }
    select = {
        "native": lambda: nms(boxes, scores, impl="native"),
        "NumPy": lambda: nms(boxes, scores, impl="numpy"),
        "OpenCV": lambda: cv2.dnn.NMSBoxes(sides, scores.tolist(), 0.0, 0.4),
    }
    height, width = FRAME_HW
    return [
        OpCase(f"warp_crop, {FACE_PX:.0f} px face of {width}x{height} to {CROP_PX} px", warp),
        OpCase(f"paste, {FACE_PX:.0f} px face into {width}x{height}", blend),
        OpCase(f"nms, {BOXES} boxes", select),
    ]


def _layer_case(threads: int) -> OpCase:
    dim, heads, ratio, length = 512, 8, 4, 18
    layer = blending_layer(dim, heads, ratio)
    weights = {name: value.detach().numpy() for name, value in layer.state_dict().items()}
    rng = np.random.default_rng(0)
    target, source = (rng.standard_normal((1, length, dim), np.float32) for _ in range(2))
    ours = StyleAttention(weights, heads, impl="native")
    tokens = torch.from_numpy(target), torch.from_numpy(source)

    @torch.inference_mode()
    def eager() -> object:
        return layer(*tokens)

    calls = {
        "native": lambda: ours(target, source, threads),
        "ONNX Runtime": layer_onnx(layer, target, source, threads),
        "torch eager": eager,
    }
    return OpCase(f"style_attention, {length} tokens of {dim}", calls)


def _timed(call: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        best, now = np.inf, time.perf_counter()
        end = now + TURN_SECONDS
        while now < end:
            start = now
            call()
            now = time.perf_counter()
            best = min(best, now - start)
        return {"total": best * 1e3}

    return run


def _best_ms(timing: Timing) -> float:
    return min(timing.stages_ms["total"])
