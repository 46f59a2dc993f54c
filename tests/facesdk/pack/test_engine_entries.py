"""Engines in a pack: listed, verified, and no hindrance to a facesdk that knows none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facesdk.errors import PackError
from facesdk.pack import FORMAT, EngineSpec, FileSpec, Pack, open_pack, parse_manifest
from facesdk.pack.writer import PackContent, write_pack
from tests.facesdk.tiny_engine import ENGINE_BYTES, ENGINE_FILE, with_engine


@pytest.fixture
def pack(tiny_content: PackContent, tmp_path: Path) -> Pack:
    return write_pack(tmp_path / "engines", with_engine(tiny_content))


def test_round_trip(pack: Pack) -> None:
    again = open_pack(pack.path)
    spec = again.graphs["faces.edges"]
    assert spec.engines == (
        EngineSpec(
            file=ENGINE_FILE,
            runtime="tensorrt-rtx",
            version="1.7.1.116",
            gpus=("sm86", "sm89"),
            graph_sha256=spec.sha256,
            profile={"batch": (1, 1, 4), "height": (8, 16, 32), "width": (8, 16, 32)},
            weights_bytes=123,
            activation_bytes=456,
        ),
    )
    assert again.manifest == parse_manifest(again.manifest.to_json(), "again")
    assert again.read(ENGINE_FILE) == ENGINE_BYTES and again.verify() == 5


def test_a_facesdk_without_engines_sees_a_plain_file(pack: Pack) -> None:
    document = json.loads((pack.path / "manifest.json").read_text())
    assert document["format"] == FORMAT == 1
    del document["families"]["faces"]["graphs"]["edges"]["engines"]
    manifest = parse_manifest(json.dumps(document), "older")
    assert ENGINE_FILE in manifest.listed() and manifest.families["faces"].graphs["edges"].engines == ()


def test_a_pack_without_engines_says_nothing_of_them(tiny_pack: Pack) -> None:
    assert "engines" not in (tiny_pack.path / "manifest.json").read_text()


def test_a_flipped_byte_is_refused(pack: Pack) -> None:
    file = pack.path / ENGINE_FILE
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(PackError, match=r"edges.engine does not match .* \(sha256 differs\)"):
        open_pack(pack.path).read(ENGINE_FILE)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda e: e.update(file="engines/other.engine"), r"engines\[0\].file: .* is not among files"),
        (lambda e: e.update(file="../x.engine"), "no plain path inside the pack"),
        (lambda e: e["graph"].update(sha256="0" * 64), r"engines\[0\].graph_sha256: built from another graph"),
        (lambda e: e["profile"].update(batch=[4, 1, 2]), r"profile.batch: three sizes that do not fall"),
        (lambda e: e["profile"].update(batch=[1, True, 2]), r"profile.batch: three sizes"),
        (lambda e: e.update(gpus=[]), r"gpus: a list with entries expected"),
        (lambda e: e.update(activation_bytes=-1), r"activation_bytes: a whole number"),
        (lambda e: e.pop("version"), r"version: missing"),
    ],
)
def test_faults_of_an_entry_are_named(pack: Pack, change: Callable[[dict[str, Any]], object], fault: str) -> None:
    document = json.loads(pack.manifest.to_json())
    change(document["families"]["faces"]["graphs"]["edges"]["engines"][0])
    with pytest.raises(PackError, match=fault):
        parse_manifest(json.dumps(document), "broken")


def test_the_writer_notes_hash_and_size_of_the_file(pack: Pack) -> None:
    spec = pack.manifest.files[ENGINE_FILE]
    assert spec.bytes == len(ENGINE_BYTES) and replace(spec, bytes=0) == FileSpec(spec.sha256, 0)
