"""How often a mark is seen where there is none, and whether films keep theirs through H.264 as it is sent around."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bench.report import BenchReport, Figure
from bench.trust.pictures import face_world_pictures, natural_pictures
from facesdk.media.video_planes import plane_arrays
from facesdk.pipelines.live_film import FilmSink
from facesdk.provenance.payload import MarkPayload
from facesdk.provenance.watermark import PixelMarker
from facesdk.provenance.watermark_reader import TURNS, read_frames, read_mark
from facesdk.types import U8

GATE = ("tests/facesdk/provenance/test_watermark.py",)
CRF = 23
RATE = 24
LEAST_READ = 0.95
PIECE_PX = (128, 192, 256)


def measure_alarms(directory: Path, pictures: int, looks: int, tests: str) -> BenchReport:
    """Looks for marks in pieces of pictures that have none, and in films that were encoded again.

    Args:
        directory: where rendered pictures are kept.
        pictures: rendered ones.
        looks: a piece is looked at in eight turns.
        tests: what the gate said.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    details: dict[str, Any] = {}
    try:
        natural = natural_pictures()
        everything = [*natural.values(), *face_world_pictures(directory, pictures)]
        figures = [*_alarms(everything, looks), *_films(natural, details), *_live_film(natural)]
    finally:
        cv2.setNumThreads(before)
    return BenchReport("False alarms and films", figures, {"looks": looks, "mark tests": tests}, details)


def _alarms(pictures: list[U8], looks: int) -> list[Figure]:
    """Random pieces, in random contrast: no two are alike, though some overlap."""
    rng = np.random.default_rng(0)
    alarms = 0
    pieces = -(-looks // TURNS)
    for _ in range(pieces):
        picture = pictures[int(rng.integers(len(pictures)))]
        side = min(int(rng.choice(PIECE_PX)), *picture.shape[:2])
        top, left = (int(rng.integers(size - side + 1)) for size in picture.shape[:2])
        piece = picture[top : top + side, left : left + side].astype(np.float32)
        changed = np.clip(piece * rng.uniform(0.6, 1.3) + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
        alarms += read_mark(changed, thorough=False) is not None
    return [
        Figure("P5 looks for a mark where there is none", float(pieces * TURNS)),
        Figure("P5 false alarms", float(alarms), must=0.0, better="lower"),
    ]


def _films(pictures: dict[str, U8], details: dict[str, Any]) -> list[Figure]:
    """A second of each natural picture, moving under its mark, through H.264."""
    read = alone = wrong = 0
    missed = []
    for name, picture in pictures.items():
        payload = MarkPayload.of("swap", "film", picture)
        frames = _through_h264(_moving(picture, PixelMarker(payload)))
        found = read_frames(frames, thorough=False)
        first = read_mark(frames[len(frames) // 2], thorough=False)
        right = found is not None and found.payload == payload
        read, alone = read + right, alone + (first is not None and first.payload == payload)
        wrong += found is not None and not right
        missed += [] if right else [name]
    details[f"films that were not read at CRF {CRF}"] = missed
    return [
        Figure(f"P5 H.264 CRF {CRF}: read from a second", read / len(pictures), must=LEAST_READ),
        Figure(f"P5 H.264 CRF {CRF}: read from one frame", alone / len(pictures)),
        Figure(f"P5 H.264 CRF {CRF}: read wrongly", float(wrong), must=0.0, better="lower"),
    ]


def _moving(picture: U8, marker: PixelMarker) -> list[U8]:
    """Marked frames of a picture that sways under its mark, as a film of it would."""
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    out = []
    for index in range(RATE):
        moved = np.roll(picture[:height, :width], round(6 * np.sin(2 * np.pi * index / RATE)), axis=1)
        out.append(marker.mark(np.ascontiguousarray(moved)))
    return out


def _through_h264(frames: list[U8]) -> list[U8]:
    """The brightness of the frames after they were encoded as platforms do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=RATE, options={"crf": str(CRF), "preset": "veryfast"})
            stream.height, stream.width, stream.pix_fmt = frames[0].shape[0], frames[0].shape[1], "yuv420p"
            for frame in frames:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            out.mux(stream.encode(None))
        return _luma(path)


def _luma(path: Path) -> list[U8]:
    with av.open(str(path)) as container:
        return [plane_arrays(frame)[0].copy() for frame in container.decode(video=0)]


def _live_film(pictures: dict[str, U8]) -> list[Figure]:
    """What a live film's frames say after the encoder of `FilmSink`."""
    read = 0
    chosen = [picture for picture in pictures.values() if min(picture.shape[:2]) >= 256][:8]
    for picture in chosen:
        payload = MarkPayload("swap", "live", secrets.randbits(32))
        with tempfile.TemporaryDirectory() as folder:
            sink = FilmSink(Path(folder) / "live.mp4")
            frames = _moving(picture, PixelMarker(payload))
            sink.open((frames[0].shape[0], frames[0].shape[1]), float(RATE))
            for index, frame in enumerate(frames):
                sink.show(frame, index / RATE)
            sink.close()
            found = read_frames(_luma(sink.path), thorough=False)
            read += found is not None and found.payload == payload
    return [
        Figure("P5 live films", float(len(chosen))),
        Figure("P5 live films whose payload is read back", read / len(chosen), must=1.0),
    ]
