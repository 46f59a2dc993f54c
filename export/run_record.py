"""Where weights came from: run record, validation curve and commit, without anything of this machine."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facesdk.errors import InputError

CURVE_POINTS = 8
_ABSOLUTE = re.compile(r"^(/|~|[A-Za-z]:[\\/]|\\\\)")


def run_record(run: Path, preset: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says about one training run.

    Args:
        run: the run's folder; its validation.jsonl, if there, gives the curve.
        preset: contents of its preset.json.

    Returns:
        JSON values: net, preset, config, train, data, step, seed, metrics, curve, derived_from: whose weights it
        started from, and notes: what a person wrote into preset.json about the run, a list of sentences.
    """
    keys = ("family", "net", "preset", "config", "train", "data", "step", "seed", "metrics", "notes", "derived_from")
    record = {key: preset[key] for key in keys if key in preset}
    curve = _curve(run / "validation.jsonl")
    if curve:
        record["curve"] = curve
    return portable(record)


def portable(value: Any) -> Any:
    """The same JSON value with absolute paths cut down to their last part: a pack must not name a machine's folders."""
    if isinstance(value, Mapping):
        return {str(k): portable(v) for k, v in value.items()}
    if isinstance(value, str):
        return re.split(r"[\\/]", value.rstrip("\\/"))[-1] if _ABSOLUTE.match(value) else value
    if isinstance(value, Path):
        return portable(str(value))
    if isinstance(value, Sequence):
        return [portable(v) for v in value]
    return value


def commit_id(repository: Path) -> str | None:
    """The commit that is checked out, with "+changes" if tracked files differ; None outside of a git clone."""
    try:
        head = _git(repository, "rev-parse", "HEAD")
        changed = _git(repository, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if changed else "")


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _curve(path: Path) -> list[dict[str, float]]:
    """At most CURVE_POINTS lines of a validation log, evenly spread, the last one among them."""
    if not path.is_file():
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    # A resumed run may have logged a step twice: the later line counts.
    by_step = {line["step"]: line for line in lines}
    points = [by_step[step] for step in sorted(by_step)]
    if len(points) <= CURVE_POINTS:
        return points
    last = len(points) - 1
    return [points[round(i * last / (CURVE_POINTS - 1))] for i in range(CURVE_POINTS)]


def check_preset(run: Path, record: Mapping[str, Any], preset: str) -> None:
    """Refuses a run of another preset; "nano_sharp" is another training of the network "nano".

    Raises:
        InputError: it is of another one.
    """
    got = str(record.get("preset"))
    if got != preset and not got.startswith(f"{preset}_"):
        raise InputError(f"{run} was trained with the preset {got!r}, got --preset {preset}.")
