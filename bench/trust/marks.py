"""What the pixel mark survives, what it costs to see and to write, and how often it is found where there is none."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bench.report import BenchReport, Figure
from bench.timing import time_in_turns
from bench.trust.picture_attacks import ATTACKS
from bench.trust.pictures import face_world_pictures, natural_pictures
from facesdk.media.sink import encode_image
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.label import xmp_packet
from facesdk.provenance.mark import mark
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.verify import examine
from facesdk.provenance.watermark import PixelMarker
from facesdk.provenance.watermark_reader import SCALES, TURNS, read_mark
from facesdk.provenance.watermark_scale import CANDIDATES
from facesdk.provenance.work import Work
from facesdk.types import U8

GATE = tuple(
    f"tests/facesdk/{name}.py" for name in ("ops/test_tile_mark", "provenance/test_watermark", "provenance/test_mark")
)
LEAST_PSNR_DB = 42.0
MOST_JPEG_MS, MOST_LIVE_MS = 30.0, 1.0
PROMISED_SHARE = 0.95
"""Least share of natural pictures in which a mark is read after what is promised."""


def measure_marks(directory: Path, count: int, rounds: int, tests: str) -> BenchReport:
    """Marks pictures, attacks them, and reads them again.

    Args:
        directory: where the face world's test set is kept.
        count: pictures in all; natural ones first.
        rounds: measured runs of each timing.
        tests: what the gate said.

    Returns:
        A figure for each attack and kind of picture, failures as well as successes.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        natural = natural_pictures()
        rendered = face_world_pictures(directory, max(0, count - len(natural)))
        groups = {"natural": list(natural.values()), "face world": rendered}
        figures: list[Figure] = []
        details: dict[str, Any] = {"natural": list(natural), "missed": {}}
        for name, pictures in groups.items():
            if pictures:
                figures += _survival(name, pictures, list(natural) if name == "natural" else [], details)
        figures += _false_alarms([picture for group in groups.values() for picture in group])
        figures += _costs(rounds, details)
    finally:
        cv2.setNumThreads(before)
    settings = {
        "natural pictures": len(groups["natural"]),
        "face-world pictures": len(groups["face world"]),
        "c2pa": has_c2pa(),
        "rounds": rounds,
        "tests": tests,
    }
    return BenchReport("Marks", figures, settings, details)


def _survival(group: str, pictures: Sequence[U8], names: Sequence[str], details: dict[str, Any]) -> list[Figure]:
    read = dict.fromkeys(ATTACKS, 0)
    wrong = 0
    psnr = []
    for number, picture in enumerate(pictures):
        payload = MarkPayload.of("swap", "still", picture)
        marked = PixelMarker(payload).mark(picture)
        error = float(np.square(marked.astype(np.float64) - picture).mean())
        psnr.append(10 * np.log10(255**2 / error))
        for name, (attack, _) in ATTACKS.items():
            found = read_mark(attack(marked))
            right = found is not None and found.payload == payload
            read[name] += right
            wrong += found is not None and not right
            if not right and names:
                details["missed"].setdefault(name, []).append(names[number])
    out = [
        Figure(f"{group}: PSNR, mean", float(np.mean(psnr)), "dB"),
        Figure(f"{group}: PSNR, least", float(min(psnr)), "dB", must=LEAST_PSNR_DB),
    ]
    for name, (_, promised) in ATTACKS.items():
        bound = PROMISED_SHARE if promised and group == "natural" else None
        out.append(Figure(f"{group}: read after {name}", read[name] / len(pictures), must=bound))
    out.append(Figure(f"{group}: read wrongly", float(wrong), better="lower", must=0))
    return out


def _false_alarms(pictures: Sequence[U8]) -> list[Figure]:
    """Unmarked pictures, looked at as hard as can be."""
    alarms = sum(read_mark(picture) is not None for picture in pictures)
    tries = len(pictures) * (1 + len(SCALES) + CANDIDATES) * TURNS
    return [
        Figure("unmarked pictures with a mark", float(alarms), better="lower", must=0),
        Figure("sizes and turns at which they were looked at", float(tries)),
    ]


def _costs(rounds: int, details: dict[str, Any]) -> list[Figure]:
    """A 1080p JPEG with every layer against one without, and a live frame of 720p, in time of one core."""
    frame = _photograph((1080, 1920))
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=92)
    work = Work(stream.getvalue(), ("0" * 32,), ("self",))
    plane = cv2.cvtColor(cv2.resize(frame, (1280, 720), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    picture = np.ascontiguousarray(cv2.resize(frame, (1280, 720), interpolation=cv2.INTER_AREA))
    marker = PixelMarker(MarkPayload("swap", "live", 7))
    calls: Mapping[str, Callable[[], object]] = {
        "plain": lambda: encode_image(frame, "JPEG", None),
        "label": lambda: encode_image(frame, "JPEG", xmp_packet("swap")),
        "all": lambda: mark(frame, "swap", work).encode("JPEG"),
        "plane": lambda: marker.mark_in_place(plane.copy()),
        "copy of the plane": plane.copy,
        "RGB": lambda: marker.mark(picture),
        "read": lambda: read_mark(frame, thorough=False),
    }
    times = time_in_turns({name: _timed(call) for name, call in calls.items()}, rounds)
    details["times"] = {name: timing.document() for name, timing in times.items()}
    ms = {name: timing.median_ms() for name, timing in times.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = mark(frame, "swap", work).save(Path(folder) / "a.jpg")
        layers = [layer.layer for layer in examine(path).layers if layer.status == "found"]
        size = os.path.getsize(path)
    details["layers found"] = layers
    return [
        Figure("1080p JPEG, marks on top of the encoding", ms["all"] - ms["plain"], "ms", MOST_JPEG_MS, better="lower"),
        Figure("1080p JPEG, the encoding itself", ms["plain"], "ms", better="lower"),
        Figure("1080p JPEG, marks found again", float(len(layers)), must=3.0 if has_c2pa() else 2.0),
        Figure("1080p JPEG, size with all marks", size / 1024, "KiB", better="lower"),
        Figure(
            "live 720p, brightness plane", ms["plane"] - ms["copy of the plane"], "ms", MOST_LIVE_MS, better="lower"
        ),
        Figure("live 720p, RGB", ms["RGB"], "ms", better="lower"),
        Figure("1080p, reading at its own size", ms["read"], "ms", better="lower"),
    ]


def _photograph(size_hw: tuple[int, int]) -> U8:
    """A picture with the detail of a photograph."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.integers(0, 256, (34, 60, 3), np.uint8), size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0.0, 4.0, (*size_hw, 3))
    return np.asarray(np.clip(np.rint(coarse + grain), 0, 255), np.uint8)


def _timed(call: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    """Time of the processor, which one thread alone uses here: other work on the machine does not count."""

    def run() -> Mapping[str, float]:
        start, clock = time.process_time(), time.perf_counter()
        call()
        return {"total": (time.process_time() - start) * 1e3, "clock": (time.perf_counter() - clock) * 1e3}

    return run
