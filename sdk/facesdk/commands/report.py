"""The lines that commands print."""

from __future__ import annotations

from collections.abc import Sequence

from facesdk.provenance.mark import marks_text
from facesdk.swap_result import SwapResult
from facesdk.types import Timings

# What a reader wants to know, made of the stages that are measured.
GROUPS: dict[str, tuple[str, ...]] = {
    "analyse": ("detect", "landmarks", "recognise", "parse"),
    "encode": ("source", "encode"),
    "blend": ("blend",),
    "decode": ("decode", "enhance"),
    "paste": ("mask", "paste"),
}


def timing_text(timings: Timings) -> str:
    """As "analyse 9.1 ms  encode 6.3  ...  total 27.0 ms"."""
    stages = timings.as_dict()
    shares = [f"{name} {sum(stages.get(stage, 0.0) for stage in parts):.1f}" for name, parts in GROUPS.items()]
    return "  ".join([shares[0] + " ms", *shares[1:], f"total {timings.total_ms:.1f} ms"])


def faces_text(count: int, of: int) -> str:
    """As "1 face" or "1 of 3 faces"."""
    if count == of:
        return f"{count} face" if count == 1 else f"{count} faces"
    return f"{count} of {of} faces"


def marked_line(marks: Sequence[str], path: str) -> str:
    """As "marked     XMP, pixel mark (C2PA: install facesdk[c2pa])   check with: facesdk verify out.png"."""
    return f"marked     {marks_text(marks)}   check with: facesdk verify {path}"


def swap_lines(result: SwapResult, target: str, out: str, marks: Sequence[str] | None = None) -> list[str]:
    """What `swap` and `demo` say about a written result.

    Args:
        result: the swap.
        target, out: names of the files.
        marks: what marks the file, if others than usual.
    """
    lines = [
        f"swap       {target}  {faces_text(len(result.swapped), len(result.faces))}   "
        f"{timing_text(result.timings)}   -> {out}"
    ]
    lines += [f"skipped    face {number}: {reason}" for number, reason in result.skipped]
    lines += [f"note       {note}" for note in result.notes]
    lines.append(marked_line(result.marks if marks is None else marks, out))
    return lines
