"""Int8 products in the swap's graphs: what they would give, and whether a pack should have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from bench.backends.graphs import timed
from bench.backends.subjects import Subject, rendered_feeds
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from export.calibrated_int8 import calibrate_int8
from export.final_picture import GRAPHS, chain_graphs, final_parity
from export.parity import Parity
from facesdk.runtime.openvino_session import OpenvinoSession

F32 = NDArray[np.float32]
INT8, BF16 = "int8", "openvino-bf16"
CALIBRATION_FACES = 24
# A pack takes int8 only if the final picture stays this near, and the graph gets this much faster than in bf16.
LEAST_DB, LEAST_RATIO = 40.0, 1.2
REST_SECONDS = 0.05


def int8_report(
    swap: Mapping[str, Subject], features: tuple[str, ...], threads: int, rounds: int, faces: int
) -> BenchReport:
    """Calibrates each graph on rendered people of training, and measures it on others.

    Args:
        swap: name -> the graph.
        features: names of what the encoder and the shape path hand to the decoder.
        threads: of each session.
        rounds: measured runs.
        faces: rendered people of the final pictures.
    """
    plain = {name: swap[name].open_plain(threads) for name in chain_graphs(swap)}
    seen = rendered_feeds(lambda name, feeds: plain[name].run(feeds), features, _size(swap), CALIBRATION_FACES, "train")
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for name in GRAPHS:
        subject = swap[name]
        data = calibrate_int8(onnx.load(subject.plain), seen[name]).SerializeToString()
        packed = OpenvinoSession(subject.key, subject.spec, data, threads, "bf16")
        others = subject.open(BF16, threads)
        calls = {kind: timed(session.run, seen[name][0]) for kind, session in ((INT8, packed), (BF16, others))}
        times = time_in_turns(calls, rounds, 2, REST_SECONDS)
        row = _final(name, packed, plain, swap, features, faces)
        figures += graph_figures(subject.key, row.psnr_db, times, len(data), Path(subject.path).stat().st_size)
        details[subject.key] = {"final_picture": row.manifest(), "times": {k: t.document() for k, t in times.items()}}
    settings = {"calibration_faces": CALIBRATION_FACES, "least_db": LEAST_DB, "least_ratio": LEAST_RATIO}
    return BenchReport("int8", figures, {INT8: settings}, {INT8: details})


def graph_figures(key: str, decibels: float, times: Mapping[str, Timing], size: int, before: int) -> list[Figure]:
    """What one graph gains and loses, and whether it is worth it."""
    ratio = paired_ratio(times[BF16], times[INT8])
    worth = decibels >= LEAST_DB and ratio >= LEAST_RATIO
    return [
        Figure(f"{key}, int8 in OpenVINO, median", times[INT8].median_ms(), "ms", better="lower"),
        Figure("  times faster than openvino-bf16", ratio, "x"),
        Figure("  final picture with this graph in int8", min(decibels, 200.0), "dB"),
        Figure("  size over the pack's graph", size / before, "x", better="lower"),
        Figure("  worth its place in the pack (1 = yes)", float(worth)),
    ]


def _final(
    name: str,
    packed: OpenvinoSession,
    plain: Mapping[str, object],
    swap: Mapping[str, Subject],
    features: tuple[str, ...],
    faces: int,
) -> Parity:
    def mixed(graph: str, feeds: Mapping[str, F32]) -> Mapping[str, F32]:
        return packed.run(feeds) if graph == name else plain[graph].run(feeds)  # type: ignore[attr-defined]

    def reference(graph: str, feeds: Mapping[str, F32]) -> Mapping[str, F32]:
        return plain[graph].run(feeds)  # type: ignore[attr-defined]

    # Under the name of bf16: the row's own floor is not what is asked here.
    return final_parity(reference, {"openvino_bf16": mixed}, features, _size(swap), faces, "shape" in swap)[0]


def _size(swap: Mapping[str, Subject]) -> int:
    return int(swap["encoder"].spec.inputs[0].shape[-1])
