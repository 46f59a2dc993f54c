"""The film branch of `facesdk swap`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from facesdk.commands.report import marked_line
from facesdk.commands.targets import Target
from facesdk.errors import InputError, MediaError
from facesdk.identity import Identity
from facesdk.pipelines.video_result import VideoInterrupted, VideoResult
from facesdk.swapper import FaceSwapper

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


@dataclass(frozen=True)
class FilmOptions:
    """What `facesdk swap` can be told about films.

    Attributes:
        trim: first second and second before which to stop.
        encoder: "auto" or a name.
        quality: 1 to 100, or None for the default.
        force: replace what is there.
        min_face: smallest face to look for in pixels.
        label: draw a visible label.
        profile: a name in `provenance.profiles.PROFILES`.
    """

    trim: tuple[float | None, float | None] = (None, None)
    encoder: str = "auto"
    quality: int | None = None
    force: bool = False
    min_face: float | None = None
    label: bool = False
    profile: str = "default"


def swap_film(
    swapper: FaceSwapper, target: Target, pairs: Sequence[tuple[Identity, str]], options: FilmOptions
) -> None:
    """Swaps a film and says what became of it.

    Raises:
        Exit: Ctrl-C, with the code 130; or 3 if the source is damaged: the film is written all the same.
    """
    film = swapper.swap_video(target.path, pairs, trim=options.trim, min_face=options.min_face)
    quality = 80 if options.quality is None else options.quality
    try:
        result = film.save(
            target.out,
            progress=True,
            encoder=options.encoder,
            quality=quality,
            force=options.force,
            label=options.label,
            profile=options.profile,
        )
    except VideoInterrupted as stop:
        if stop.result is not None:
            for line in film_lines(stop.result, target.path):
                typer.echo(line)
        typer.echo(f"stopped    the same command goes on where it stopped; {target.out}.job holds what is done")
        raise typer.Exit(STOPPED) from None
    for line in film_lines(result, target.path):
        typer.echo(line)
    if result.faults:
        raise typer.Exit(MediaError.exit_code)


def film_lines(result: VideoResult, target: str) -> list[str]:
    """What is said about a written film."""
    made = result.frame_count - result.resumed_count
    rate = made / max(result.wall_seconds, 1e-6)
    resumed = f"{result.resumed_count} of them by an earlier run   " if result.resumed_count else ""
    lines = [
        f"swap       {target}  {result.frame_count} frames, {result.swapped_count} with a swap   "
        f"{resumed}{rate:.1f} fps   -> {result.path}"
    ]
    lines += [f"attention  {fault}" for fault in result.faults]
    lines += [f"note       {note}" for note in result.notes]
    lines.append(marked_line(result.marks, str(result.path)))
    return lines


def parse_trim(text: str | None) -> tuple[float | None, float | None]:
    """Reads "5-12.5", "1:30-2:00", "5-" or "-7" as seconds.

    Raises:
        InputError: it is none of these.
    """
    if text is None:
        return None, None
    start, dash, end = text.partition("-")
    try:
        if not dash or not (start or end):
            raise ValueError
        return (_seconds(start) if start else None), (_seconds(end) if end else None)
    except ValueError:
        raise InputError(f"--trim {text}: START-END expected.", "Examples: 5-12.5, 1:30-2:00, 5- or -7") from None


def _seconds(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        value = float(part)
        if value < 0:
            raise ValueError
        total = 60.0 * total + value
    return total
