"""What an attacker may do to a pack's folder, each as a change of a copy, with what the refusal must say."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facesdk.pack.signature import SIGNATURE_FILE, sign_manifest
from facesdk.pack.trusted_keys import machine_key
from facesdk.settings import Settings

MANIFEST = "manifest.json"


def sign_again(pack: Path) -> None:
    """Signs a changed manifest with a key that is trusted: what is wrong then is wrong in spite of its signature."""
    key = machine_key(Settings.from_environment())
    (pack / SIGNATURE_FILE).write_bytes(sign_manifest((pack / MANIFEST).read_bytes(), key))


def _graph(pack: Path) -> Path:
    return sorted((pack / "graphs").iterdir())[0]


def _symlink(pack: Path) -> None:
    graph = _graph(pack)
    shutil.move(graph, pack.parent / "elsewhere")
    graph.symlink_to(pack.parent / "elsewhere")


def _symlinked_folder(pack: Path) -> None:
    shutil.move(pack / "graphs", pack.parent / "graphs")
    (pack / "graphs").symlink_to(pack.parent / "graphs")


def _symlinked_signature(pack: Path) -> None:
    shutil.move(pack / SIGNATURE_FILE, pack.parent / "signature")
    (pack / SIGNATURE_FILE).symlink_to(pack.parent / "signature")


def _hard_link(pack: Path) -> None:
    graph, other = _graph(pack), pack.parent / "other"
    other.write_bytes(bytes(graph.stat().st_size))
    graph.unlink()
    os.link(other, graph)


def _other_hash(pack: Path) -> None:
    document = json.loads((pack / MANIFEST).read_text())
    graphs = next(iter(document["families"].values()))["graphs"]
    next(iter(graphs.values()))["sha256"] = "0" * 64
    (pack / MANIFEST).write_text(json.dumps(document))


def _outside(pack: Path) -> None:
    text = (pack / MANIFEST).read_text()
    (pack / MANIFEST).write_text(text.replace(f"graphs/{_graph(pack).name}", "../stolen.onnx"))
    sign_again(pack)


def _key_twice(pack: Path) -> None:
    text = (pack / MANIFEST).read_text()
    (pack / MANIFEST).write_text(text.replace("{", '{"format": 1, ', 1))
    sign_again(pack)


def _older_bytes(pack: Path) -> None:
    graph = _graph(pack)
    graph.write_bytes(bytes(reversed(graph.read_bytes())))


def _stranger(pack: Path) -> None:
    data = sign_manifest((pack / MANIFEST).read_bytes(), Ed25519PrivateKey.generate())
    (pack / SIGNATURE_FILE).write_bytes(data)


def _longer(pack: Path) -> None:
    with open(_graph(pack), "ab") as stream:
        stream.write(b"\0")


ATTACKS: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "a graph is a link": (_symlink, "is a link"),
    "a folder is a link": (_symlinked_folder, "is a link"),
    "the signature is a link": (_symlinked_signature, "is a link"),
    "a graph is a hard link to another file": (_hard_link, "sha256 differs"),
    "the manifest has another hash": (_other_hash, "not what was signed"),
    "a path leads outside": (_outside, "no plain path"),
    "a key stands twice": (_key_twice, "stands twice"),
    "other bytes of the same size": (_older_bytes, "sha256 differs"),
    "signed by a stranger": (_stranger, "does not trust"),
    "a file more": (lambda pack: (pack / "more.onnx").write_bytes(b"x"), "not listed"),
    "a pipe": (lambda pack: os.mkfifo(pack / "pipe"), "link or no plain file"),
    "a file is longer": (_longer, "bytes, .* expected"),
    "a file is missing": (lambda pack: _graph(pack).unlink(), "is missing"),
    "not signed": (lambda pack: (pack / SIGNATURE_FILE).unlink(), "is not signed"),
    "a signature that is none": (lambda pack: (pack / SIGNATURE_FILE).write_bytes(b"{" * 9000), "no signature"),
}
