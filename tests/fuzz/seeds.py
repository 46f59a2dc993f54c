"""The seeds of the fuzzers: small whole files of each front, and files that broke something or nearly did.

`PYTHONPATH=.:sdk python -m tests.fuzz.seeds` writes them into tests/fuzz/corpus.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import facesdk
from bench.trust.hostile_images import bombs
from bench.trust.hostile_images import seeds as picture_seeds
from facesdk.consent import Consent
from facesdk.identity import FORMAT

CORPUS = Path(__file__).with_name("corpus")
MOST_BYTES = 200_000
"""Of the whole corpus."""
SMALL_BOMBS = ("png-claims", "gif-screen", "webp-canvas", "tiff-claims", "jpeg-claims", "avif-claims")


def manifest_seeds() -> dict[str, bytes]:
    """The embedded pack's manifest with its lists cut short, and what is easily got wrong in one."""
    text = (Path(facesdk.__file__).parent / "packs" / "nano" / "manifest.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    document["families"] = {"faces": document["families"]["faces"]}
    document["training"] = {}
    whole = json.dumps(document).encode()
    return {
        "whole": whole,
        "cut": whole[: len(whole) // 2],
        "no-object": b"[1]",
        "no-text": b"\xff\xfe{}",
        "newer": b'{"format": 999}',
        "deep": b"[" * 5000,
        "twice": b'{"format": 1, "format": 2}',
        "long-number": b'{"format": ' + b"9" * 5000 + b"}",
        "infinite": b'{"format": 1e999, "name": NaN}',
        "surrogate": b'{"name": "\\ud800", "format": 1}',
        "families-a-list": json.dumps({**document, "families": [1]}).encode(),
        "graph-a-text": json.dumps({**document, "families": {"faces": {"graphs": {"a": "b"}}}}).encode(),
    }


def identity_seeds() -> dict[str, bytes]:
    """Heads of identity files: a whole one, lies about sizes and types, and no consent."""
    metadata = {"format": FORMAT, "id": "0" * 32, "pack": "nano", "consent": Consent.synthetic().to_json()}
    embedding = np.eye(1, 512, dtype=np.float32).tobytes()

    def file(metadata: Mapping[str, Any], entries: Mapping[str, Any], data: bytes) -> bytes:
        """Source: github.com/huggingface/safetensors, "Format"."""
        head = json.dumps({"__metadata__": metadata, **entries}).encode()
        return struct.pack("<Q", len(head)) + head + data

    def tensor(kind: str, shape: list[int], first: int, last: int) -> dict[str, Any]:
        return {"dtype": kind, "shape": shape, "data_offsets": [first, last]}

    # Of no picture: a file with one is large.
    empty = {"embedding": tensor("F32", [512], 0, 2048), "crops": tensor("U8", [0, 256, 256, 3], 2048, 2048)}
    return {
        "no-picture": file(metadata, empty, embedding),
        "no-consent": file({"format": FORMAT}, empty, embedding),
        "consent-a-list": file({**metadata, "consent": "[1]"}, empty, embedding),
        "consent-deep": file({**metadata, "consent": "[" * 5000}, empty, embedding),
        "other-format": file({**metadata, "format": "facesdk.identity/99"}, empty, embedding),
        "other-shape": file(metadata, {**empty, "embedding": tensor("F32", [2, 256], 0, 2048)}, embedding),
        "other-type": file(metadata, {**empty, "embedding": tensor("F64", [256], 0, 2048)}, embedding),
        "not-finite": file(metadata, empty, np.full(512, np.nan, np.float32).tobytes()),
        "metadata-numbers": file({"format": 1}, empty, embedding),
        "long-head": struct.pack("<Q", 1 << 62) + b"{}",
        "no-head": b"\0" * 7,
        "huge-shape": file(metadata, {**empty, "crops": tensor("U8", [1 << 40, 256, 256, 3], 2048, 2048)}, embedding),
        "length-no-number": file({**metadata, "space": "x", "length": "nan?"}, empty, embedding),
    }


def corpus() -> dict[str, bytes]:
    """Path below CORPUS -> content."""
    pictures = {f"image/{name}": data for name, data in picture_seeds().items()}
    pictures |= {f"image/{name}": bombs()[name] for name in SMALL_BOMBS}
    manifests = {f"manifest/{name}": data for name, data in manifest_seeds().items()}
    return {**pictures, **manifests, **{f"identity/{name}": data for name, data in identity_seeds().items()}}


def main() -> None:
    """Writes the corpus."""
    for name, data in corpus().items():
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
