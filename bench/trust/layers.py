"""Whether every written file is marked in each layer, whether edits are found, and what the marks give away."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bench.kill9 import moving_clip
from bench.report import BenchReport, Figure
from bench.scene import source_picture, target_frame
from facesdk.errors import MediaError
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.media.image import load_image
from facesdk.media.sink import encode_image
from facesdk.pipelines.live_film import FilmSink
from facesdk.provenance.c2pa_module import has_c2pa
from facesdk.provenance.credentials import PICTURE_TYPES, Credentials, read_credentials
from facesdk.provenance.mark import mark
from facesdk.provenance.verify import FileReport, examine
from facesdk.provenance.work import Work
from facesdk.swapper import FaceSwapper
from facesdk.types import U8

GATE = ("tests/facesdk/provenance/test_mark.py",)
PICTURES = (".jpg", ".png", ".webp", ".tif")
FILMS = (".mp4", ".mov", ".mkv")
SIGNED = ("JPEG", "PNG", "WEBP", "TIFF")
SECRET = "holiday-of-ann"


def measure_layers(edits: int, tests: str) -> BenchReport:
    """Writes with every writer in every format, and looks at what came out.

    Args:
        edits: bits flipped in files of each signed format.
        tests: what the gate said.
    """
    details: dict[str, Any] = {}
    target = target_frame()
    half = target.shape[1] // 2
    frame = np.ascontiguousarray(target[-480:, half - 240 : half + 240])
    with tempfile.TemporaryDirectory(prefix="facesdk-marks-") as name:
        folder = Path(name)
        found = {path.name: examine(path) for path in _written(folder, frame)}
        full = {name: _layers(report) for name, report in found.items()}
        details["layers"] = {name: sorted(layers) for name, layers in full.items()}
        wanted = {name: {"xmp", "pixel"} | ({"c2pa"} if _can_sign(name) else set()) for name in full}
        figures = [
            Figure("P1 files of all writers and formats", float(len(full))),
            Figure(
                "P1 with every layer found again",
                sum(wanted[name] <= layers for name, layers in full.items()) / len(full),
                must=1.0,
            ),
        ]
        if has_c2pa():
            figures += [*_edits(frame, edits, details), *_leaks(frame, folder, details), *_inputs(frame)]
    settings = {"c2pa": has_c2pa(), "bits flipped in each format": edits, "layer tests": tests}
    return BenchReport("Layers", figures, settings, details)


def _layers(report: FileReport) -> set[str]:
    return {layer.layer for layer in report.layers if layer.status == "found"} if not report.broken else set()


def _can_sign(name: str) -> bool:
    # Matroska has no place for a manifest.
    return has_c2pa() and not name.endswith(".mkv")


def _written(folder: Path, frame: U8) -> Iterator[Path]:
    """A file of each writer in each of its formats."""
    film = moving_clip(folder / f"{SECRET}.mp4", cv2.resize(frame, (320, 320), interpolation=cv2.INTER_AREA), 1.0)
    with FaceSwapper("nano", "onnxruntime", threads=1) as swapper:
        who = Identity.synthetic(source_picture(), analyzer=swapper.analyzer)
        result = swapper.swap(frame, who)
        for extension in PICTURES:
            yield result.save(folder / f"swap{extension}")
        for extension in FILMS:
            yield swapper.swap_video(film, who).save(folder / f"film{extension}").path
        for extension in FILMS:
            sink = FilmSink(folder / f"live{extension}")
            swapper.live(film, who, sink, paced=False).run()
            yield sink.path
    with FaceGenerator("nano", "onnxruntime", threads=1) as generator:
        (face,) = generator.sample(1, seed=3)
        for extension in PICTURES:
            yield face.save(folder / f"generated{extension}")


def _edits(frame: U8, count: int, details: dict[str, Any]) -> list[Figure]:
    """P2: a bit flipped anywhere. What is not found must have changed nothing: no pixel, and no word of the manifest.

    Source: C2PA specification 2.2, sections 13.2 and 11.1: neither the room behind the signature nor the heads of the
    manifest's boxes are signed.
    """
    rng = np.random.default_rng(0)
    found = harmful = 0
    missed: dict[str, list[int]] = {}
    for format in SIGNED:
        data = mark(np.ascontiguousarray(frame[:200, :200]), "swap").encode(format)
        whole = _read(data)
        for _ in range(count):
            place, edited = int(rng.integers(len(data))), bytearray(data)
            edited[place] ^= 1 << int(rng.integers(8))
            read = _read(bytes(edited))
            if read[0] is None or read[0].state == "Invalid":
                found += 1
                continue
            missed.setdefault(format, []).append(place)
            # A PNG whose checksum does not fit any more is refused, so it shows nothing that is wrong.
            harmful += read[0] != whole[0] or read[1] not in (whole[1], "")
    details["flipped bits in padding and box heads"] = missed
    total = count * len(SIGNED)
    return [
        Figure("P2 flipped bits", float(total)),
        Figure("P2 flipped bits found", found / total),
        Figure("P2 flipped bits that changed something unnoticed", float(harmful), must=0.0, better="lower"),
    ]


def _read(data: bytes) -> tuple[Credentials | None, str]:
    """What the manifest says, and a hash of the pixels; "" where there are none."""
    try:
        pixels = hashlib.sha256(load_image(data).tobytes()).hexdigest()
    except MediaError:
        pixels = ""
    return read_credentials(data), pixels


def _leaks(frame: U8, folder: Path, details: dict[str, Any]) -> list[Figure]:
    """P3: no thumbnail, path, name or picture of the input in the file."""
    import c2pa

    parent = encode_image(frame, "JPEG", None)
    source = folder / f"{SECRET}.jpg"
    source.write_bytes(parent)
    changed = np.ascontiguousarray(255 - frame)
    found = []
    for format in SIGNED:
        data = mark(changed, "swap", Work(parent, ("secret-identity",), ("self",))).encode(format)
        reader = c2pa.Reader(PICTURE_TYPES[format], io.BytesIO(data))
        text = json.dumps(json.loads(reader.json()))
        names = [str(folder), SECRET, "secret-identity", getpass.getuser(), socket.gethostname()]
        # Shorter names are found in any compressed file by chance.
        found += [f"{format}: {name}" for name in names if len(name) > 4 and name.encode() in data]
        found += [f"{format}: thumbnail"] if "thumbnail" in text else []
        found += [f"{format}: a part of the input"] if parent[-600:-400] in data else []
        found += [f"{format}: a picture in it"] if data[4:].count(b"\xff\xd8\xff\xe0") else []
    details["leaks"] = found
    return [Figure("P3 things that leak", float(len(found)), must=0.0, better="lower")]


def _inputs(frame: U8) -> list[Figure]:
    """P4: what was signed before stays, in every pair of formats."""
    kept = count = 0
    picture = np.ascontiguousarray(frame[:200, :200])
    for first in SIGNED:
        signed = mark(picture, "generate").encode(first)
        for second in SIGNED:
            found = read_credentials(mark(picture, "swap", Work(signed)).encode(second))
            count += 1
            kept += found is not None and found.manifests == 2 and found.state == "Trusted"
    # What a program without credentials writes has none to be kept.
    plain = io.BytesIO()
    Image.fromarray(picture).save(plain, "PNG")
    alone = read_credentials(mark(picture, "swap", Work(plain.getvalue())).encode("PNG"))
    assert alone is not None and alone.manifests == 1
    return [Figure("P4 pairs of formats", float(count)), Figure("P4 input credentials kept", kept / count, must=1.0)]
