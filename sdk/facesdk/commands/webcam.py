"""`facesdk webcam`: put a face onto the faces of a camera's picture, as it happens."""

from __future__ import annotations

import json as json_format
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesdk.commands.options import Backend, Basis, MinFace, Pack, Who, read_consent
from facesdk.errors import InputError

if TYPE_CHECKING:
    from facesdk.identity import Identity
    from facesdk.media.live_sink import LiveSink
    from facesdk.pipelines.live_result import LiveResult

SINKS = ("window", "virtual", "file", "null")


def webcam(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="me.identity, ann.identity:0 (the face that it goes to), or pictures with --consent.",
            show_default=False,
        ),
    ],
    camera: Annotated[
        str, typer.Option(help="A number, /dev/videoN, http://127.0.0.1:PORT/..., or a film, played at its own rate.")
    ] = "0",
    sink: Annotated[
        str | None,
        typer.Option(help=f"Where pictures go: {', '.join(SINKS)} (nowhere). Default: window.", show_default=False),
    ] = None,
    virtual_camera: Annotated[
        bool, typer.Option("--virtual-camera", help="Offer the picture to meeting programs: --sink virtual.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write a film: --sink file.", show_default=False)
    ] = None,
    size: Annotated[str, typer.Option(help="What the camera is asked for; it may give another size.")] = "1280x720",
    fps: Annotated[float, typer.Option(min=1, max=240, help="What the camera is asked for.")] = 30.0,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.", show_default=False)] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many seconds.", show_default=False)
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write what was measured into this file.")] = None,
    faces: Annotated[
        str | None,
        typer.Option(
            "--faces",
            "--face",
            help='largest, all, left, right, a number or "like PICTURE". Default: largest',
            show_default=False,
        ),
    ] = None,
    consent: Basis = None,
    who: Who = None,
    min_face: MinFace = None,
    line: Annotated[
        bool | None,
        typer.Option(
            "--line/--no-line",
            help="Show rate and latency in the picture. Default: in windows and virtual cameras.",
            show_default=False,
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="With a film as --camera: begin anew at its end.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a film that is there.")] = False,
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Put a face onto the faces of a camera's picture. Every picture carries the badge "AI".

    Ctrl-C, or q in the window, ends it.
    """
    from facesdk.commands.content_note import note_unchecked
    from facesdk.commands.sources import parse_source, read_sources
    from facesdk.identity import Identity
    from facesdk.media.camera import read_camera_name
    from facesdk.media.live_memory import keep_memory_flat
    from facesdk.media.sink import write_atomic
    from facesdk.media.video_info import read_video_info
    from facesdk.pipelines.live import live_threads
    from facesdk.swapper import FaceSwapper

    keep_memory_flat()
    # Everything that can be refused is refused before a network is loaded.
    size_hw = parse_size(size)
    name = read_camera_name(camera)
    if name.kind == "film":
        read_video_info(name.film)
    target = make_sink(sink, virtual_camera, out, force)
    target.check()
    sources = [parse_source(text) for text in source]
    stated = None if all(given.is_identity for given in sources) else read_consent(consent, who)
    with FaceSwapper(pack, backend, threads=live_threads()) as swapper:

        def enrol(pictures: list[str]) -> Identity:
            return Identity.from_images(pictures, stated, analyzer=swapper.analyzer)

        pairs = read_sources(sources, faces, enrol)
        live = swapper.live(camera, pairs, target, size_hw=size_hw, fps=fps, loop=loop, min_face=min_face, line=line)
        note_unchecked(swapper.pack)
        typer.echo(f"live       {camera} -> {target.name}   Ctrl-C ends it")
        result = live.run(frames, seconds)
    for text in live_lines(result):
        typer.echo(text)
    if json is not None:
        write_atomic(json, (json_format.dumps(result.document(), indent=1) + "\n").encode())


def make_sink(sink: str | None, virtual_camera: bool, out: Path | None, force: bool) -> LiveSink:
    """The one sink that the options mean.

    Raises:
        InputError: they mean two, or none that there is.
    """
    from facesdk.media.live_sink import NullSink
    from facesdk.media.live_virtual import VirtualCameraSink
    from facesdk.media.live_window import WindowSink
    from facesdk.pipelines.live_film import FilmSink

    if sink is not None and sink not in SINKS:
        raise InputError(f"--sink {sink}: one of {', '.join(SINKS)} expected.")
    asked = [sink] if sink else []
    asked += ["virtual"] if virtual_camera else []
    asked += ["file"] if out is not None else []
    kinds = list(dict.fromkeys(asked)) or ["window"]
    if len(kinds) > 1:
        raise InputError(f"the picture cannot go to {' and '.join(kinds)} at once.", "Choose one.")
    if kinds[0] == "file":
        if out is None:
            raise InputError("--sink file: no file was named.", "Add: -o out.mp4")
        return FilmSink(out, force=force)
    makers: dict[str, Callable[[], LiveSink]] = {
        "window": WindowSink,
        "virtual": VirtualCameraSink,
        "null": NullSink,
    }
    return makers[kinds[0]]()


def parse_size(text: str) -> tuple[int, int]:
    """Reads "1280x720" as (720, 1280).

    Raises:
        InputError: it is no size.
    """
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if found is None:
        raise InputError(f"--size {text}: WIDTHxHEIGHT expected.", "Example: --size 1280x720")
    return int(found[2]), int(found[1])


def live_lines(result: LiveResult) -> list[str]:
    """What is said when it is over."""
    figures = result.figures
    sizes = ", ".join(f"{width}x{height}" for height, width in result.sizes_hw)
    latency = figures.latency_ms
    lines = [
        f"live       {result.camera}  {sizes}  {figures.shown} frames, {result.swapped_count} with a swap   "
        f"{figures.fps:.1f} fps   {figures.dropped} dropped   -> {result.path or result.sink}",
        f"latency    p50 {latency.p50:.0f} ms   p95 {latency.p95:.0f}   p99 {latency.p99:.0f}   from camera to display",
        "stages     " + "   ".join(f"{name} {times.p50:.1f}" for name, times in figures.stages_ms.items()) + "   ms",
    ]
    if result.lost_count:
        lines.append(f"attention  the camera went away {_times(result.lost_count)}")
    if result.failed_count:
        lines.append(f"attention  the networks failed in {result.failed_count} frames, which are as they were")
    if result.marks:
        marks = ", ".join(mark.upper() for mark in result.marks)
        lines.append(f"marked     {marks}   check with: facesdk verify {result.path}")
    return lines


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
