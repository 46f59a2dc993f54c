"""python -m bench peers: everything around the networks, against insightface's INSwapper.get around the same ones."""

from __future__ import annotations

import contextlib
import importlib
import io
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bench.gate import GateError
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES, crop_matrix
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.crops import crop_planes
from facesdk.faces.parse import Parser
from facesdk.identity import Identity
from facesdk.ops.blend import paste_into
from facesdk.ops.warp_crop import cut_crop
from facesdk.pack import Pack
from facesdk.pipelines.style_swap import StyleSwapPipeline, StyleSwapSettings
from facesdk.runtime.select import open_session
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, U8, Face

GATE = (
    "tests/facesdk/ops/test_blend.py",
    "tests/facesdk/ops/test_warp_crop.py",
    "tests/facesdk/pipelines/test_style_swap.py",
    "tests/bench/test_peers.py",
)
MUST, AIM = 10.0, 25.0
INPUT, LATENT, OUTPUT = "target", "source", "output"
CROP_PX = 128
MOST_MEAN_LEVELS, MOST_LEVELS = 1.5, 12
"""How far the two pictures may be apart where both show nothing but the crop: the peer rounds the crop to 8 bits and
cuts off fractions, and OpenCV's 8-bit warp knows only 1/32 of a pixel."""


@dataclass(frozen=True)
class PeerBench:
    """What was measured.

    Attributes:
        timings: "facesdk", "facesdk, with colour" and "insightface" -> times without the networks', milliseconds.
        face_px: height of the face's box.
        size_hw: of the picture.
        pixels: alternative -> picture pixels that its crop covers.
        levels: mean difference of the two pastes inside, in levels of 256.
        version: of insightface.
        threads: of OpenCV and of the native ops.
    """

    timings: Mapping[str, Timing]
    face_px: float
    size_hw: tuple[int, int]
    pixels: Mapping[str, int]
    levels: float
    version: str
    threads: int


class Answers:
    """Stands in for a network: gives at once what the network gave when it was asked first."""

    def __init__(self, session: Any) -> None:
        self.backend, self.threads = session.backend, session.threads
        self._session = session
        self._known: dict[str, F32] | None = None

    def run(self, feeds: Mapping[str, NDArray[Any]], alike: bool = False) -> dict[str, F32]:
        """The first answer, whatever is asked."""
        if self._known is None:
            self._known = self._session.run(feeds, alike)
        return self._known


class PeerSession:
    """What INSwapper asks of ONNX Runtime, with a function in the network's place.

    Args:
        network: (1, 3, 128, 128) float32 RGB, 0 to 1, to the same of the swapped crop.
    """

    def __init__(self, network: Callable[[F32], F32]) -> None:
        self._network = network

    def get_inputs(self) -> list[SimpleNamespace]:
        """Names and shapes of the swapper that insightface publishes."""
        shapes = {INPUT: [1, 3, CROP_PX, CROP_PX], LATENT: [1, 512]}
        return [SimpleNamespace(name=name, shape=shape) for name, shape in shapes.items()]

    def get_outputs(self) -> list[SimpleNamespace]:
        """The one picture."""
        return [SimpleNamespace(name=OUTPUT, shape=[1, 3, CROP_PX, CROP_PX])]

    def run(self, names: list[str], feeds: Mapping[str, F32]) -> list[F32]:
        """Answers as the network would."""
        return [self._network(feeds[INPUT])]


def open_peer(network: Callable[[F32], F32]) -> tuple[Any, str]:
    """insightface's own class around a function, and the package's version.

    Raises:
        InputError: insightface is not installed.
    """
    try:
        module = importlib.import_module("insightface.model_zoo.inswapper")
        version = str(importlib.import_module("insightface").__version__)
    except ImportError as error:
        # It asks for opencv-python, whose files are those of opencv-python-headless.
        raise InputError(
            f"the peer is not installed ({error}).", "pip install --no-deps insightface, beside facesdk[bench]"
        ) from error
    # The class reads a matrix for the embedding out of its ONNX file.
    node = helper.make_node("MatMul", [LATENT, "emap"], [OUTPUT])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 512]) for name in (LATENT, OUTPUT)]
    emap = numpy_helper.from_array(np.eye(512, dtype=np.float32), "emap")
    model = helper.make_model(helper.make_graph([node], "peer", values[:1], values[1:], [emap]))
    with tempfile.TemporaryDirectory(prefix="facesdk-peer-") as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "swapper.onnx"
        onnx.save(model, path)
        return module.INSwapper(str(path), PeerSession(network)), version


def peer_faces(points: NDArray[np.floating], embedding: F32) -> tuple[SimpleNamespace, SimpleNamespace]:
    """A target with five points and a source with its embedding, as INSwapper wants them."""
    return SimpleNamespace(kps=points.astype(np.float32)), SimpleNamespace(normed_embedding=embedding)


def check_pastes(image: U8, points: NDArray[np.floating]) -> float:
    """Pastes one crop with the same place both ways: the negative of what the picture shows there.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) of the face.

    Returns:
        Mean difference inside, in levels of 256.

    Raises:
        GateError: ours touched a pixel outside its mask, or the two differ inside by more than roundings explain.
    """
    peer, _ = open_peer(lambda blob: np.float32(1) - blob)
    target, source = peer_faces(points, np.eye(1, 512, dtype=np.float32)[0])
    smooth = cv2.GaussianBlur(image, (0, 0), 3.0)
    # Its pictures are BGR.
    theirs = np.asarray(peer.get(smooth[..., ::-1].copy(), target, source))[..., ::-1]
    _, place = peer.get(smooth[..., ::-1].copy(), target, source, paste_back=False)
    matrix = np.asarray(place, np.float64).copy()
    # Pixels are centred at whole numbers there, and at +0.5 here.
    matrix[:, 2] += 0.5 - 0.5 * matrix[:, :2].sum(1)
    crop = np.asarray(255.0 - cut_crop(smooth, matrix, CROP_PX), np.float32)
    mask = np.zeros((CROP_PX, CROP_PX), np.float32)
    cv2.circle(mask, (CROP_PX // 2, CROP_PX // 2), CROP_PX // 4, 1.0, -1)
    ours = smooth.copy()
    soft, roi = paste_into(ours, crop, mask, matrix)
    shown = np.zeros(image.shape[:2], np.float32)
    shown[roi.slices] = soft
    if (ours != smooth)[shown == 0].any():
        raise GateError("No speed is printed: the paste changed pixels outside its mask.")
    gap = np.abs(ours.astype(np.int16) - theirs)[shown >= 1.0]
    if not gap.size or gap.mean() > MOST_MEAN_LEVELS or gap.max() > MOST_LEVELS:
        raise GateError(
            f"No speed is printed: inside, the pastes differ by {gap.mean() if gap.size else float('nan'):.2f} levels "
            f"in the mean and {gap.max(initial=0)} at most; {MOST_MEAN_LEVELS} and {MOST_LEVELS} are allowed."
        )
    return float(gap.mean())


def measure_peers(pack: Pack, source: U8, target: U8, backend: str, rounds: int, threads: int) -> PeerBench:
    """Times a swap of one known face, picture in memory to new picture in memory, with networks that answer at once.

    Both sides get the same face and give back a picture of their own; crops are of the same size and cover equally
    many pixels of the picture. Ours cuts the crop, turns it into numbers, makes the mask of landmarks, model and
    occluders, copies the picture, and pastes; the peer does what its `get` does.

    Args:
        pack: an open pack with style_swap.
        source: (H, W, 3) uint8 RGB with one face.
        target: (H, W, 3) uint8 RGB with one face.
        backend: what the networks ran on when they answered first.
        rounds: measured rounds.
        threads: of OpenCV and of the native ops.

    Raises:
        InputError: no face in the target, or no insightface.
        GateError: the two pastes do not agree.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        with FaceAnalyzer(pack, backend, threads) as analyzer:
            faces = analyzer.analyze(target, recognise=False, parse=False)
            if not faces:
                raise InputError("the target shows no face.", "Choose another picture.")
            identity = Identity.synthetic(source, analyzer=analyzer)
            levels = check_pastes(target, faces[0].points)
            ours = {
                name: _our_call(pack, analyzer, backend, threads, target, faces[0], identity, strength)
                for name, strength in (("facesdk", 0.0), ("facesdk, with colour", 0.5))
            }
        matrix = crop_matrix(faces[0].best_points, "canon", CROP_PX)
        points = points_for(matrix)
        # What our networks painted, in the peer's range: networks that do the same.
        answer = (crop_planes(ours["facesdk"](), [matrix], CROP_PX) + np.float32(1)) / np.float32(2)
        peer, version = open_peer(lambda _: answer)
        asked = peer_faces(points, np.eye(1, 512, dtype=np.float32)[0])
        bgr = target[..., ::-1].copy()
        calls = {**ours, "insightface": lambda: peer.get(bgr, *asked)}
        timings = time_in_turns({name: _timed(call) for name, call in calls.items()}, rounds)
        _, place = peer.get(bgr, *asked, paste_back=False)
    finally:
        cv2.setNumThreads(before)
    size_hw = (target.shape[0], target.shape[1])
    pixels = {"facesdk": _covered(matrix), "insightface": _covered(np.asarray(place))}
    return PeerBench(timings, faces[0].height_px, size_hw, pixels, levels, version, threads)


def points_for(matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """(5, 2) points in the picture for which the peer cuts the very square that `matrix` cuts."""
    # The peer's template at 128 px: that of 112 px, moved to the middle.
    template = TEMPLATES["arcface"] * 112.0 + np.array([8.0, 0.0])
    linear = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return ((template - matrix[:, 2]) @ linear.T).astype(np.float32)


def peer_report(bench: PeerBench, pack: Pack, tests: str, rounds: int) -> BenchReport:
    """The times without the networks', and their ratio."""
    peer = bench.timings["insightface"]
    figures = []
    for name, timing in bench.timings.items():
        figures.append(Figure(f"around the networks, {name}, median", timing.median_ms(), "ms", better="lower"))
        if name != "insightface":
            bounds = (MUST, AIM) if name == "facesdk" else (None, None)
            ratio = paired_ratio(peer, timing)
            figures.append(Figure(f"  {name}, times faster than insightface", ratio, "x", *bounds))
    figures.append(Figure("difference of the two pastes inside, mean", bench.levels, "of 255", better="lower"))
    height, width = bench.size_hw
    return BenchReport(
        title=f"Around the networks of a {width}x{height} picture, face {bench.face_px:.0f} px, {bench.threads} "
        f"thread(s), against INSwapper.get of insightface {bench.version}",
        figures=figures,
        settings={
            "pack": pack.name,
            "size_hw": [height, width],
            "face_px": round(bench.face_px, 1),
            "covered_pixels": dict(bench.pixels),
            "insightface": bench.version,
            "threads": bench.threads,
            "rounds": rounds,
            "tests": tests,
        },
        details={name: timing.document() for name, timing in bench.timings.items()},
    )


def _our_call(
    pack: Pack,
    analyzer: FaceAnalyzer,
    backend: str,
    threads: int,
    target: U8,
    face: Face,
    identity: Identity,
    strength: float,
) -> Callable[[], U8]:
    given = analyzer.parser
    parser = Parser(Answers(open_session(pack, "faces", "parser", backend, threads)), given.template, given.size)
    settings = StyleSwapSettings(color_strength=strength)
    pipeline = StyleSwapPipeline(pack, parser, backend, threads, settings, analyzer.landmarker)
    pipeline.source_codes(identity)  # learnt once and kept: what follows is asked of a target alone
    for name in ("_encoder", "_blending", "_decoder"):
        setattr(pipeline, name, Answers(getattr(pipeline, name)))
    if pipeline._shape is not None:
        pipeline._shape.shape = Answers(pipeline._shape.shape)

    def call() -> U8:
        swaps = pipeline.swap(target, [(face, identity)], Stopwatch())
        out = target.copy()
        for swap in swaps:
            paste_into(out, swap.crop, swap.mask, swap.matrix, threads)
        return out

    return call


def _covered(matrix: NDArray[np.floating]) -> int:
    """Picture pixels under a crop, also those beyond the picture's edge."""
    return round(CROP_PX**2 / abs(float(np.linalg.det(matrix[:, :2].astype(np.float64)))))


def _timed(call: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    def run() -> Mapping[str, float]:
        start = time.perf_counter()
        call()
        return {"total": (time.perf_counter() - start) * 1e3}

    return run
