"""The swap, from a picture and an identity to a picture that can be saved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from facesdk.errors import InputError
from facesdk.faces.select import Rule, assign
from facesdk.media.camera import Camera, open_camera, read_camera_name
from facesdk.media.image import Color, ImageSource, load_image, picture_name, read_file
from facesdk.media.live_sink import LiveSink
from facesdk.media.video_info import read_video_info
from facesdk.ops.blend import paste_all
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.base import SwapPipeline
from facesdk.pipelines.content_check import ContentCheck
from facesdk.pipelines.latched_check import LatchedCheck
from facesdk.pipelines.live import LiveSwap
from facesdk.pipelines.live_painter import LivePainter
from facesdk.pipelines.open_networks import check_method, open_networks
from facesdk.pipelines.video import VideoPainter, VideoSettings
from facesdk.pipelines.video_swap import VideoSwap, trim_span
from facesdk.provenance.live_log import LiveLog
from facesdk.stopwatch import Stopwatch
from facesdk.swap_result import SwapResult
from facesdk.swap_sources import Faces, Sources, drop_unusable, read_pairs, work_of
from facesdk.version import __version__


class FaceSwapper:
    """Puts faces onto faces. Keep it open for many pictures; it is safe to call from several threads.

    Args:
        pack: a pack, its name, or its folder.
        backend: "auto", or a backend's name as `facesdk doctor` lists them.
        method: "style", "community" (the models of other makers), or "auto": what the pack has, "style" first.
        threads: threads per network, by default FACESDK_THREADS or all usable cores.

    Raises:
        InputError: no such method.
        PackError: the pack is missing, damaged, or has no networks for the method.
        BackendError: the backend is not there.

    Attributes:
        pack: what it was opened with.
        analyzer: finds the faces; an identity that is enrolled with it opens no networks of its own.
        backend, threads: what runs the networks of the swap.
        check: the content check that looks at every picture, film and camera first; None if none is installed.
    """

    def __init__(
        self,
        pack: Pack | str | PathLike[str] = "nano",
        backend: str = "auto",
        method: str = "auto",
        threads: int | None = None,
    ) -> None:
        check_method(method)
        self.pack = pack if isinstance(pack, Pack) else open_pack(pack)
        self.check = ContentCheck.installed(self.pack, backend, threads)
        self.analyzer, pipeline = open_networks(self.pack, method, backend, threads)
        self._pipeline: SwapPipeline | None = pipeline
        self.backend = pipeline.backend
        self.threads = pipeline.threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the networks and of every cached source. The swapper cannot be used after it."""
        self._pipeline = None
        self.analyzer.close()

    def swap(
        self,
        image: ImageSource,
        identity: Sources,
        faces: Faces = "largest",
        *,
        color: Color = "rgb",
        min_face: float | None = None,
        name: str | None = None,
    ) -> SwapResult:
        """Swaps faces of one picture.

        Args:
            image: a path, bytes, a PIL image, or (H, W, 3) uint8. It is not changed.
            identity: an identity; or pairs (identity, rule) that give several faces in one pass.
            faces: for a single identity, which faces: "largest", "all", "left", "right", a number (0 is the leftmost
                face), "like PICTURE" or a `Rule`.
            color: channel order of an array.
            min_face: smallest face to look for in pixels.
            name: what errors call the picture, by default its file's name.

        Returns:
            The new picture, its mask, the faces and the time of each stage.

        Raises:
            ConsentError: the source is a bare picture, or its consent does not cover still pictures.
            InputError: no face, no such face, or it is too small or cut by the border.
            MediaError: the picture could not be read.
            ContentError: the content check refuses the picture.
            BackendError: a network returned NaN; nothing is pasted then.
        """
        pipeline = self._open()
        pairs = read_pairs(identity, faces, "still", self.analyzer, pipeline)
        picture = load_image(image, color)
        watch = Stopwatch()
        if self.check is not None:
            with watch.stage("check"):
                self.check.require(picture, "still", work_of([who for who, _ in pairs], None))
        needs_embedding = any(rule.kind == "like" for _, rule in pairs)
        found, timings = self.analyzer.analyze_timed(picture, min_face=min_face, recognise=needs_embedding, parse=False)
        if not found:
            raise self.analyzer.plan(picture, min_face).no_face(name or picture_name(image))
        chosen, skipped = drop_unusable(
            found, assign(found, pairs), picture, everyone=any(r.kind == "all" for _, r in pairs)
        )
        swaps = pipeline.swap(picture, [(found[number], who) for number, who in chosen], watch)
        with watch.stage("paste"):
            out, mask = picture.copy(), np.zeros(picture.shape[:2], np.float32)
            crops = [(swap.crop, swap.mask, swap.matrix) for swap in swaps]
            for painted, roi in paste_all(out, crops, pipeline.threads):
                np.maximum(mask[roi.slices], painted, out=mask[roi.slices])
        numbers = tuple(number for number, _ in chosen)
        work = work_of([who for _, who in chosen], _file_bytes(image))
        spent = timings + watch.timings
        return SwapResult(out, mask, tuple(found), numbers, skipped, spent, pipeline.backend, work, pipeline.notes)

    def swap_video(
        self,
        video: str | PathLike[str],
        identity: Sources,
        faces: Faces = "largest",
        *,
        trim: tuple[float | None, float | None] = (None, None),
        min_face: float | None = None,
        settings: VideoSettings | None = None,
    ) -> VideoSwap:
        """Swaps faces of a film: iterate over its frames, or save it.

        Args:
            video: a film's path.
            identity: an identity; or pairs (identity, rule).
            faces: for a single identity, which faces. A face that was chosen stays chosen as long as it is in the
                film; "largest", "left", "right" and numbers choose anew when it has left. A frame without a face is no
                error.
            trim: first second, and second before which to stop, counted from the film's first frame.
            min_face: smallest face to look for in pixels.
            settings: how faces are followed and held still.

        Returns:
            What gives `SwappedFrame`s with their `pts_seconds` when it is iterated, and writes a film with `save`.

        Raises:
            ConsentError: the source is a bare picture, or its consent does not cover films.
            InputError: a rule or trim cannot be.
            MediaError: it is no film.
        """
        pipeline = self._open()
        pairs = read_pairs(identity, faces, "film", self.analyzer, pipeline)
        info = read_video_info(video)
        chosen = settings or VideoSettings()
        facts = {
            "identities": [who.id for who, _ in pairs],
            "faces": [_rule_text(rule) for _, rule in pairs],
            "pack": f"{self.pack.name} {self.pack.manifest.version} {_graphs_text(self.pack)}",
            "backend": f"{pipeline.backend}, {pipeline.threads} threads",
            "settings": repr(chosen),
            "min_face": str(min_face),
            "facesdk": __version__,
        }
        if self.analyzer.pack is not self.pack:
            facts["analysis"] = f"{self.analyzer.pack.name} {_graphs_text(self.analyzer.pack)}"
        if self.check is not None:
            facts["check"] = self.check.name
        work = work_of([who for who, _ in pairs], info.path)

        def new_painter() -> VideoPainter:
            check = LatchedCheck(self.check, "film", work) if self.check else None
            return VideoPainter(self.analyzer, pipeline, pairs, chosen, min_face, check)

        return VideoSwap(info, trim_span(info, *trim), new_painter, facts, work=work)

    def live(
        self,
        source: int | str | PathLike[str] | Camera,
        identity: Sources,
        sink: LiveSink,
        faces: Faces = "largest",
        *,
        size_hw: tuple[int, int] = (720, 1280),
        fps: float = 30.0,
        loop: bool = False,
        paced: bool = True,
        min_face: float | None = None,
        line: bool | None = None,
        settings: VideoSettings | None = None,
    ) -> LiveSwap:
        """Swaps faces of a camera's picture. Every picture carries the badge "AI".

        Args:
            source: a camera's number, its device path, an http address on this machine, or a film, played at its own
                rate; or a `Camera`.
            identity: an identity; or pairs (identity, rule).
            sink: where the pictures go: `media.live_window.WindowSink`, `media.live_virtual.VirtualCameraSink`,
                `pipelines.live_film.FilmSink`, `media.live_sink.NullSink`, or your own.
            faces: for a single identity, which faces; as in `swap_video`.
            size_hw: what a device is asked for; it may give another size, and change it.
            fps: likewise.
            loop: a film begins anew at its end.
            paced: False: a film is read as fast as its pictures are swapped, and none is dropped.
            min_face: smallest face to look for in pixels.
            line: write frames a second, latency and dropped frames into the picture; None leaves it to the sink.
            settings: how faces are followed and held still.

        Returns:
            What opens the camera and works when its `run` is called.

        Raises:
            ConsentError: the source is a bare picture, or its consent does not cover live pictures.
            InputError: a rule cannot be, or the camera may not be opened.
        """
        pipeline = self._open()
        pairs = read_pairs(identity, faces, "live", self.analyzer, pipeline)
        name = source if isinstance(source, Camera) else read_camera_name(source)
        work = work_of([who for who, _ in pairs], None)

        def new_painter(text: Callable[[], str] | None) -> LivePainter:
            check = LatchedCheck(self.check, "live", work) if self.check else None
            return LivePainter(self.analyzer, pipeline, pairs, settings, min_face, text, check)

        def camera() -> Camera:
            return open_camera(name, size_hw, fps, loop=loop, paced=paced)

        backend = f"{pipeline.backend}, {pipeline.threads} threads"
        return LiveSwap(camera, new_painter, sink, fps, line, backend, work=work)

    def live_painter(self, identity: Sources, faces: Faces = "largest", *, badged: bool = False) -> VideoPainter:
        """What swaps live pictures that your own program takes and shows: `paint(image, seconds)`, one after another.

        Badge and marks are yours to write: `pipelines.live_overlay.draw_badge`, then `provenance.mark`. Unless you say
        that you do, the audit log says that the pictures have none.

        Args:
            identity: an identity; or pairs (identity, rule).
            faces: for a single identity, which faces; as in `swap_video`.
            badged: you draw the badge into every picture, and write the session into the log with `LiveLog`.

        Raises:
            ConsentError: the source is a bare picture, or its consent does not cover live pictures.
            InputError: a rule cannot be, or the swapper is closed.
            ProvenanceError: not badged, and the audit log cannot be written.
        """
        pipeline = self._open()
        pairs = read_pairs(identity, faces, "live", self.analyzer, pipeline)
        work = work_of([who for who, _ in pairs], None)
        if not badged:
            LiveLog(work, "own", badge=False).begin()
        check = LatchedCheck(self.check, "live", work) if self.check else None
        return VideoPainter(self.analyzer, pipeline, pairs, check=check)

    def _open(self) -> SwapPipeline:
        if self._pipeline is None:
            raise InputError("this FaceSwapper is closed.", "Open a new one, or use it inside the with block.")
        return self._pipeline


def _file_bytes(image: ImageSource) -> bytes | None:
    """The very file that a picture came in, whose own credentials are to be kept."""
    if isinstance(image, str | PathLike):
        return read_file(Path(image))
    return bytes(image) if isinstance(image, bytes | bytearray | memoryview) else None


def _graphs_text(pack: Pack) -> str:
    """A hash over all networks of a pack."""
    hashes = sorted(spec.sha256 for spec in pack.graphs.values())
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _rule_text(rule: Rule) -> str:
    """What tells one rule from another."""
    reference = "" if rule.reference is None else hashlib.sha256(rule.reference.tobytes()).hexdigest()
    return f"{rule.kind} {rule.index} {reference} {rule.threshold}"
