"""Whether only consent opens a swap, what is to be forgotten is gone, and a change of the audit log is found."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from bench.report import BenchReport, Figure
from bench.trust.consent_calls import try_calls
from facesdk.cli import main
from facesdk.consent import Consent
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.provenance.audit import AuditLog
from facesdk.settings import HOME, Settings
from facesdk.swapper import FaceSwapper

GATE = (
    "tests/facesdk/provenance/test_audit.py",
    "tests/facesdk/commands/test_identity.py",
    "tests/facesdk/media/test_erase.py",
)
MOST_ENTRY_MS = 1.0
WINDOW = 64
"""Bytes in a row that count as a trace."""


def measure_consent(lines: int, edits: int, calls: int, tests: str) -> BenchReport:
    """Calls what takes an identity, forgets one, and forges a log.

    Args:
        lines: entries of the log.
        edits: changes of it, one after the other.
        calls: of methods that take an identity.
        tests: what the gate said.
    """
    details: dict[str, Any] = {}
    figures = []
    with tempfile.TemporaryDirectory(prefix="facesdk-consent-") as name:
        with patch.dict(os.environ, {HOME: f"{name}/called"}):
            figures += _calls(calls, details)
        with patch.dict(os.environ, {HOME: f"{name}/forgetful"}):
            figures += _forget(Path(name))
        with patch.dict(os.environ, {HOME: f"{name}/logging"}):
            figures += _log(lines, edits, details)
    return BenchReport("Consent", figures, {"log entries": lines, "consent tests": tests}, details)


def _calls(count: int, details: dict[str, Any]) -> list[Figure]:
    """C1: random calls, with consents that cover the use and others."""
    scene = np.full((128, 160, 3), 120, np.uint8)
    with (
        FaceSwapper("nano", "onnxruntime", threads=1) as swapper,
        FaceGenerator("nano", "onnxruntime", threads=1) as generator,
    ):
        found = try_calls(swapper, generator, scene, count)
    details["C1 wrong calls"] = list(found.wrong[:20])
    return [
        Figure("C1 random calls that take an identity", float(count)),
        Figure("C1 of them rightly refused", float(found.refused)),
        Figure("C1 answered wrongly", float(len(found.wrong)), must=0.0, better="lower"),
    ]


def _forget(folder: Path) -> list[Figure]:
    """C2: no piece of the embedding or of the pictures is in any file of the store, nor in the blocks that it had."""
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=512).astype(np.float32)
    embedding /= np.linalg.norm(embedding)
    who = Identity(embedding, rng.integers(0, 256, (2, 256, 256, 3), np.uint8), Consent.self_(), "nano")
    path = folder / "me.identity"
    who.save(path)
    secrets = [who.embedding.tobytes(), who.crops.tobytes()]
    assert _traces([path.read_bytes()], secrets) > 0
    # Who has it open still sees what became of its blocks after its name is gone.
    with open(path, "rb") as blocks:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main(["identity", "forget", str(path)])
        left = [blocks.read(), *(file.read_bytes() for file in folder.rglob("*") if file.is_file())]
    found = _traces(left, secrets)
    return [
        Figure("C2 the identity's file is gone", float(not path.exists()), must=1.0),
        Figure("C2 traces of face and pictures", float(found), must=0.0, better="lower"),
    ]


def _traces(files: Sequence[bytes], secrets: Sequence[bytes]) -> int:
    """Pieces of the secrets that are in the files."""
    pieces = [secret[at : at + WINDOW] for secret in secrets for at in range(0, len(secret) - WINDOW, WINDOW)]
    return sum(piece in data for data in files for piece in pieces[:: max(1, len(pieces) // 400)])


def _log(count: int, edits: int, details: dict[str, Any]) -> list[Figure]:
    """C3: entries changed, taken out, doubled, swapped, and cut off at the end."""
    settings = Settings.from_environment()
    log = AuditLog(settings)
    facts = {"kind": "swap", "raw": False, "marks": ["xmp", "pixel", "c2pa"], "identities": ["0" * 32]}
    took = []
    for number in range(count):
        start = time.process_time()
        log.append({**facts, "output_sha256": f"{number:064x}"})
        took.append(time.process_time() - start)
    start = time.perf_counter()
    whole = log.verify()
    seconds = time.perf_counter() - start
    lines = log.path.read_bytes().splitlines(keepends=True)
    rng = np.random.default_rng(1)
    found: dict[str, list[bool]] = {}
    for number in range(edits):
        name, forge = list(FORGERIES.items())[number % len(FORGERIES)]
        forged = forge(list(lines), rng)
        log.path.write_bytes(b"".join(forged))
        found.setdefault(name, []).append(not log.verify().ok)
    log.path.write_bytes(b"".join(lines))
    details["forgeries found"] = {name: f"{sum(ends)} of {len(ends)}" for name, ends in found.items()}
    every = [end for ends in found.values() for end in ends]
    return [
        Figure("C3 entries that hold", float(whole.entries), must=float(count)),
        Figure("C3 an entry, processor time", float(np.median(took)) * 1e3, "ms", must=MOST_ENTRY_MS, better="lower"),
        Figure("C3 the whole log checked", seconds, "s", better="lower"),
        Figure("C3 forgeries", float(len(every))),
        Figure("C3 forgeries found", sum(every) / len(every), must=1.0),
    ]


def _changed(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    at = int(rng.integers(len(lines)))
    entry = json.loads(lines[at])
    entry["output_sha256"] = "f" * 64
    lines[at] = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return lines


def _flipped(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    at = int(rng.integers(len(lines)))
    line = bytearray(lines[at])
    line[int(rng.integers(len(line) - 1))] ^= 1 << int(rng.integers(7))
    lines[at] = bytes(line)
    return lines


def _taken_out(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    del lines[int(rng.integers(len(lines) - 1))]
    return lines


def _doubled(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    at = int(rng.integers(len(lines)))
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]]


def _swapped(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    at = int(rng.integers(len(lines) - 1))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return lines


def _cut(lines: list[bytes], rng: np.random.Generator) -> list[bytes]:
    return lines[: int(rng.integers(len(lines) - 1))]


FORGERIES: dict[str, Callable[[list[bytes], np.random.Generator], list[bytes]]] = {
    "an entry changed": _changed,
    "a bit flipped": _flipped,
    "an entry taken out": _taken_out,
    "an entry doubled": _doubled,
    "two entries swapped": _swapped,
    "the end cut off": _cut,
}
