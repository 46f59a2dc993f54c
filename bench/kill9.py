"""kill -9 at random moments of a film's swap: is the file that comes of it the same, and how much was lost?"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from bench.report import BenchReport, Figure
from bench.scene import source_picture, target_frame
from facesdk.errors import InputError
from facesdk.identity import Identity
from facesdk.media.video_journal import VideoJournal
from facesdk.pack import Pack
from facesdk.pipelines.video import PaintedFrame, VideoPainter
from facesdk.swapper import FaceSwapper
from facesdk.types import U8

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_LOST_SECONDS = 2.0
RATE = 15


@dataclass(frozen=True)
class KillBench:
    """What was seen.

    Attributes:
        kills: processes that were killed.
        early: of these, before the first frame was swapped.
        files: films that were made in spite of it.
        identical: of these, with every frame equal to those of an unbroken run.
        partial_files: times that an unfinished film had the finished one's name.
        lost_seconds: of film that was swapped before each kill and not safe.
        unbroken_seconds: wall time of an unbroken run, process start included.
    """

    kills: int
    early: int
    files: int
    identical: int
    partial_files: int
    lost_seconds: tuple[float, ...]
    unbroken_seconds: float


def moving_clip(path: Path, picture: U8, seconds: float) -> Path:
    """A film of a picture that moves to and fro, with a tone.

    Args:
        path: the file.
        picture: (H, W, 3) uint8 RGB with a face, even sides.
        seconds: its length.
    """
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "veryfast", "g": str(RATE // 3)})
        stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
        sound = out.add_stream("aac", rate=48000)
        for index in range(round(seconds * RATE)):
            shift = round(20 * np.sin(index / 6))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(picture, shift, 1)), format="rgb24")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for number in range(round(seconds * 48000 / 1024)):
            tone = np.sin((np.arange(1024) + 1024 * number) * 2 * np.pi * 440 / 48000).astype(np.float32)
            part = av.AudioFrame.from_ndarray(np.stack([tone, tone]) / 4, format="fltp", layout="stereo")
            part.sample_rate, part.pts = 48000, number * 1024
            out.mux(sound.encode(part))
        out.mux(sound.encode(None))
    return path


def frames_hash(path: Path) -> str:
    """A hash over the times and pixels of every frame and over every sound packet."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            digest.update(f"{frame.pts * frame.time_base}".encode())
            for plane in frame.planes:
                digest.update(bytes(plane))
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            digest.update(bytes(packet) + str(packet.pts).encode())
    return digest.hexdigest()


def measure_kills(
    pack: Pack,
    source: U8,
    target: U8,
    moments: int,
    seconds: float = 6.0,
    kills_per_file: int = 5,
    seed: int = 0,
    backend: str = "auto",
    tell: Callable[[str], None] = lambda _: None,
) -> KillBench:
    """Kills the swap of a film again and again, lets it finish, and compares.

    Args:
        pack: an open pack.
        source: (H, W, 3) uint8 RGB with one face.
        target: (H, W, 3) uint8 RGB with a face: the film shows it.
        moments: kills in all.
        seconds: length of the film.
        kills_per_file: kills before a film may finish.
        seed: of the moments.
        backend: a backend's name.
        tell: takes a line for each film.

    Raises:
        InputError: the unbroken run fails.
    """
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="facesdk-kill9-") as name:
        folder = Path(name)
        moving_clip(folder / "film.mp4", target[: target.shape[0] // 2 * 2, : target.shape[1] // 2 * 2], seconds)
        with FaceSwapper(pack, backend) as swapper:
            Identity.synthetic(source, analyzer=swapper.analyzer).save(folder / "who.identity")
        start = time.monotonic()
        if _child(pack, backend, folder, "unbroken.mp4").wait() != 0:
            raise InputError("the unbroken run failed.", "See what it printed.")
        unbroken = time.monotonic() - start
        expected = frames_hash(folder / "unbroken.mp4")
        kills = early = files = identical = partial = 0
        lost: list[float] = []
        while kills < moments:
            out = folder / f"out{files}.mp4"
            for _ in range(min(kills_per_file, moments - kills)):
                (folder / "ack").write_bytes(b"")
                child = _child(pack, backend, folder, out.name)
                try:
                    child.wait(dice.uniform(0.0, unbroken))
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
                    kills += 1
                if out.exists():
                    partial += frames_hash(out) != expected
                    break
                acked = int((folder / "ack").read_bytes() or 0)
                early += acked == 0
                if acked:
                    lost.append((acked - _safe_frames(out)) / RATE)
            finished = out.exists() or _child(pack, backend, folder, out.name).wait() == 0
            files += 1
            identical += finished and frames_hash(out) == expected
            tell(f"film {files}: {kills} kills so far, {identical} of {files} films identical")
    return KillBench(kills, early, files, identical, partial, tuple(lost), unbroken)


def kill_report(bench: KillBench, pack: Pack) -> BenchReport:
    """The figures."""
    figures = [
        Figure("films identical to an unbroken run", float(bench.identical), f"of {bench.files}", must=bench.files),
        Figure("kills", float(bench.kills)),
        Figure(
            "film lost by a kill, longest", max(bench.lost_seconds, default=0.0), "s", MOST_LOST_SECONDS, 1.0, "lower"
        ),
        Figure("half-written films under the final name", float(bench.partial_files), "", 0.0, better="lower"),
    ]
    settings = {"pack": pack.name, "unbroken_seconds": round(bench.unbroken_seconds, 2), "early": bench.early}
    return BenchReport("kill -9 in the middle of a film", figures, settings, {"lost_seconds": list(bench.lost_seconds)})


def show_kills(pack: Pack, moments: int, seconds: float, backend: str, tell: Callable[[str], None]) -> BenchReport:
    """Measures with two people of the face world."""
    target = target_frame()[::2, ::2]
    bench = measure_kills(pack, source_picture(), np.ascontiguousarray(target), moments, seconds, 5, 0, backend, tell)
    return kill_report(bench, pack)


def _safe_frames(out: Path) -> int:
    """Frames that the journal says are safe; what is only read does not disturb a job."""
    folder = out.with_name(out.name + ".job")
    if not (folder / "journal").exists():
        return 0
    return sum(len(entry.segment.pts) for entry in VideoJournal.read_entries(folder))


def _child(pack: Pack, backend: str, folder: Path, out: str) -> subprocess.Popen[bytes]:
    paths = [str(REPOSITORY), str(REPOSITORY / "sdk"), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "bench.kill9", str(pack.path), backend, str(folder), out]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, cwd=folder)


def _work(pack: str, backend: str, folder: str, out: str) -> None:
    """The process that is killed: it says how many frames it has swapped in all."""
    place = Path(folder)
    paint = VideoPainter.paint_frames
    handle = os.open(place / "ack", os.O_CREAT | os.O_WRONLY)
    done = _safe_frames(place / out)

    def telling(self: VideoPainter, frames: Sequence[tuple[U8, float]]) -> Iterator[PaintedFrame]:
        nonlocal done
        for painted in paint(self, frames):
            done += 1
            os.pwrite(handle, b"%010d" % done, 0)
            yield painted

    VideoPainter.paint_frames = telling  # type: ignore[method-assign]
    with FaceSwapper(Path(pack), backend) as swapper:
        swapper.swap_video(place / "film.mp4", Identity.load(place / "who.identity")).save(place / out)


if __name__ == "__main__":
    _work(*sys.argv[1:])
