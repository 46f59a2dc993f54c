"""What broken films, full disks and broken networks do: it is said, no good frame is lost, nothing wrong is painted."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bench.kill9 import frames_hash, moving_clip
from bench.report import BenchReport, Figure
from bench.scene import source_picture, target_frame
from facesdk.errors import BackendError, FacesdkError, MediaError
from facesdk.identity import Identity
from facesdk.media.broken_storage import BrokenStorage
from facesdk.media.video_reader import checksum
from facesdk.runtime.broken_answers import AnswerFault, broken_answers, no_room
from facesdk.runtime.session import Session
from facesdk.swapper import FaceSwapper
from facesdk.types import U8

GATE = ("tests/facesdk/runtime/test_broken_answers.py", "tests/facesdk/runtime/test_output_guard.py")
SIDE = 192
FILM_SECONDS = 1.4
FLIPPED_FILMS = 15
CUTS = (("ts", (0.3, 0.5, 0.6, 0.7, 0.9)), ("mkv", (0.3, 0.5, 0.6, 0.7, 0.9)), ("mp4", (0.5, 0.6, 0.7, 0.8, 0.95)))
LEAST_SWAPPED = 0.99
"""A face that broken frames hid comes back softly: the first whole frame behind them may be without."""
OFFSETS = 20
CALLS = 50
PICTURE_OUTPUTS = {
    "encoder": ("codes",),
    "blending": ("codes",),
    "decoder": ("image", "mask"),
    "shape": ("wanted",),
    "detector": ("score_8", "score_16", "score_32"),
    "landmarks": ("points",),
    "parser": ("parts",),
}
"""The outputs of which one constant can be told from a face; NaN and infinity go into every one."""


def measure_faults(injections: int, tests: str) -> BenchReport:
    """Breaks what a swap reads from, writes to and asks.

    Args:
        injections: broken answers of networks.
        tests: what the gate said.
    """
    details: dict[str, Any] = {}
    target = target_frame()
    half = target.shape[1] // 2
    frame = cv2.resize(target[-480:, half - 240 : half + 240], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    with FaceSwapper("nano", "onnxruntime", threads=1) as swapper, tempfile.TemporaryDirectory() as name:
        who = Identity.synthetic(source_picture(), analyzer=swapper.analyzer)
        figures = [
            *_films(swapper, who, frame, Path(name), details),
            *_disks(swapper, who, frame, Path(name), details),
            *_networks(swapper, who, frame, injections, details),
            *_memory(swapper, who, frame, details),
        ]
    return BenchReport("Faults", figures, {"injections": injections, "fault tests": tests}, details)


def _films(swapper: FaceSwapper, who: Identity, frame: U8, folder: Path, details: dict[str, Any]) -> list[Figure]:
    """R5: bytes flipped, and films cut off."""
    said = whole = count = good_frames = swapped = 0
    ends = {}
    for name, path in _damaged(folder, frame):
        count += 1
        expected = len(_hashes(path))
        try:
            result = swapper.swap_video(path, who).save(folder / "out.mkv", force=True)
        except MediaError as error:
            # Nothing of it can be read by anybody: that is said too, and there is no frame to lose.
            said, whole = said + 1, whole + (expected == 0)
            ends[name] = str(error).splitlines()[0]
            continue
        said += any(" of " in fault or "cut off" in fault for fault in result.faults)
        whole += result.frame_count == expected
        good = _same_frames(path, folder / "whole.mp4")
        shown = sum(bool(frame.swapped) for frame in swapper.swap_video(path, who) if frame.index in good)
        good_frames, swapped = good_frames + len(good), swapped + shown
        ends[name] = f"{result.frame_count} of {expected} decodable, {result.swapped_count} swapped: {result.faults}"
    details["damaged films"] = ends
    return [
        Figure("R5 damaged films", float(count)),
        Figure("R5 damage said", said / count, must=1.0),
        Figure("R5 every decodable frame kept", whole / count, must=1.0),
        Figure("R5 undamaged frames in them", float(good_frames)),
        Figure("R5 undamaged frames swapped", swapped / max(1, good_frames), must=LEAST_SWAPPED),
    ]


def _same_frames(path: Path, whole: Path) -> set[int]:
    """Numbers of the frames that came through undamaged: equal to one of the whole film."""
    known = set(_hashes(whole))
    return {index for index, one in enumerate(_hashes(path)) if one in known}


def _hashes(path: Path) -> list[int]:
    """A checksum of each frame that can be decoded."""
    out = []
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as container:
        for packet in container.demux(video=0):
            with contextlib.suppress(av.error.FFmpegError):
                out += [checksum(frame) for frame in packet.decode()]
    return out


def _damaged(folder: Path, frame: U8) -> Iterator[tuple[str, Path]]:
    whole = moving_clip(folder / "whole.mp4", frame, FILM_SECONDS).read_bytes()
    start = whole.find(b"mdat") + 2500
    for seed in range(FLIPPED_FILMS):
        data = bytearray(whole)
        # The first half: the index of an MP4 is at its end.
        places = np.random.default_rng(seed).integers(start, start + (len(data) - start) // 2, 6 * (seed + 1))
        for place in places:
            data[place] ^= 0xFF
        path = folder / f"flipped{seed}.mp4"
        path.write_bytes(data)
        yield path.name, path
    for suffix, shares in CUTS:
        source = folder / f"source.{suffix}"
        _remux(folder / "whole.mp4", source)
        for share in shares:
            path = folder / f"cut{share}.{suffix}"
            path.write_bytes(source.read_bytes()[: round(share * source.stat().st_size)])
            yield path.name, path


def _remux(source: Path, target: Path) -> None:
    """The same packets in another container; an MP4 with its index in front."""
    options = {"movflags": "faststart"} if target.suffix == ".mp4" else {}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)


def _disks(swapper: FaceSwapper, who: Identity, frame: U8, folder: Path, details: dict[str, Any]) -> list[Figure]:
    """R7: no space left behind a random byte; then the same call again."""
    film, out = moving_clip(folder / "disk.mp4", frame, 1.0), folder / "disk_out.mp4"
    healthy = BrokenStorage()
    _save(swapper, who, film, out, healthy)
    want = frames_hash(out)
    dice = random.Random(7)
    typed = kept = resumed = 0
    for place in [0, healthy.written - 1, *(dice.randrange(healthy.written) for _ in range(OFFSETS - 2))]:
        out.write_bytes(b"old")
        try:
            _save(swapper, who, film, out, BrokenStorage(place))
        except FacesdkError as error:
            typed += "No space left" in str(error)
        # Only the mark that the job is done may fail after the film has its name.
        kept += out.read_bytes() == b"old" or frames_hash(out) == want
        _save(swapper, who, film, out, None)
        resumed += frames_hash(out) == want and not list(folder.glob("disk_out*.job*"))
    details["bytes that a film writes"] = healthy.written
    return [
        Figure("R7 full disks", float(OFFSETS)),
        Figure("R7 typed error", typed / OFFSETS, must=1.0),
        Figure("R7 no half-written film", kept / OFFSETS, must=1.0),
        Figure("R7 the same film after space was freed", resumed / OFFSETS, must=1.0),
    ]


def _save(swapper: FaceSwapper, who: Identity, film: Path, out: Path, storage: BrokenStorage | None) -> None:
    job = swapper.swap_video(film, who)
    if storage is not None:
        job._storage = storage
    job.save(out, force=True)


def _sessions(swapper: FaceSwapper) -> dict[str, Session]:
    """Every network that a swap asks, by name."""
    pipeline: Any = swapper._pipeline
    faces = {name: swapper.analyzer._session(name) for name in ("detector", "landmarks", "parser")}
    swap = {"encoder": pipeline._encoder, "blending": pipeline._blending, "decoder": pipeline._decoder}
    return {**faces, **swap, **({} if pipeline._shape is None else {"shape": pipeline._shape.shape})}


def answer_faults(session: str, outputs: Sequence[str], count: int, seed: int) -> Iterator[AnswerFault]:
    """Faults of one network: NaN and infinities in all of an output or in one place, constants in all of it."""
    dice = np.random.default_rng(seed)
    for _ in range(count):
        constants = PICTURE_OUTPUTS.get(session, ())
        if constants and dice.random() < 0.4:
            # 1 is the largest score and share, 0 and -1 are grey and black.
            value = 1.0 if session == "detector" else float(dice.choice([-1.0, 0.0, 0.25, 1.0]))
            if session == "detector":
                yield AnswerFault(str(dice.choice(constants)), value)
                continue
            yield AnswerFault(str(dice.choice(constants)), value)
        else:
            value = float(dice.choice([np.nan, np.inf, -np.inf]))
            yield AnswerFault(str(dice.choice(list(outputs))), value, bool(dice.random() < 0.5))


def _networks(swapper: FaceSwapper, who: Identity, frame: U8, count: int, details: dict[str, Any]) -> list[Figure]:
    """R10: each answer broken in turn; the frame has to stay as it was, and to be counted."""
    painted = counted = refused = 0
    misses = []
    sessions = _sessions(swapper)
    for number, (name, session) in enumerate(sessions.items()):
        outputs = [tensor.name for tensor in session.spec.outputs]
        share = count // len(sessions) + (number < count % len(sessions))
        for seed, fault in enumerate(answer_faults(name, outputs, share, number)):
            with broken_answers(session, fault, seed):
                done = swapper.live_painter(who).paint(frame, 0.0)
            wrong = bool((done.image != frame).any())
            # A mask of 0 is a face that is wholly covered: nothing is painted, and nothing failed.
            covered = fault.output == "mask" and fault.value == 0.0
            painted += wrong
            refused += done.failed
            counted += done.failed or covered
            if wrong or not (done.failed or covered):
                misses.append(f"{name}.{fault}: {'painted' if wrong else 'not counted'}")
    whole = swapper.live_painter(who).paint(frame, 0.0)
    details["broken answers that were missed"] = misses
    return [
        Figure("R10 broken answers", float(count)),
        Figure("R10 painted all the same", float(painted), must=0.0, better="lower"),
        Figure("R10 counted as failed", counted / max(1, count), must=1.0),
        Figure("R10 a whole answer is painted", float((whole.image != frame).any()), must=1.0),
    ]


def _memory(swapper: FaceSwapper, who: Identity, frame: U8, details: dict[str, Any]) -> list[Figure]:
    """R11: no room at the n-th call of any network, n from 1 on; once, and from there on."""
    sessions = list(_sessions(swapper).values())
    foreign = ended = 0
    ends: dict[str, int] = {}
    for call in range(1, CALLS + 1):
        for count in (1, None):
            try:
                with no_room(sessions, call, count):
                    for _ in range(CALLS // 4):
                        swapper.swap(frame, who)
                end = "degraded or not reached"
            except BackendError as error:
                end = type(error).__name__
                ended += 1
            except Exception as error:  # noqa: BLE001 - what must not come out is counted
                end = f"foreign: {type(error).__name__}"
                foreign += 1
            ends[end] = ends.get(end, 0) + 1
    details["no room"] = ends
    return [
        Figure("R11 calls that found no room", float(2 * CALLS)),
        Figure("R11 ended in a typed error", float(ended)),
        Figure("R11 ended in another exception", float(foreign), must=0.0, better="lower"),
    ]
