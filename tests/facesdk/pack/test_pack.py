"""Packs: round trip, and every way in which one can be broken."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.errors import PackError
from facesdk.pack import Pack, list_packs, open_pack, parse_manifest
from facesdk.pack.faults import is_inside
from facesdk.pack.writer import PackContent, probe_bytes, write_pack
from facesdk.settings import Settings
from tests.facesdk.signing import sign_again

GRAPH = "graphs/faces.edges.onnx"


def edit(pack: Pack, change: Callable[[dict[str, Any]], object]) -> Path:
    """Changes the manifest on the disk, and signs it as its maker would."""
    file = pack.path / "manifest.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    return sign_again(pack.path)


def test_round_trip(tiny_pack: Pack, tiny_content: PackContent) -> None:
    pack = open_pack(tiny_pack.path)
    assert pack.graph("faces", "edges") == tiny_content.graphs["faces", "edges"].data
    assert pack.manifest == tiny_pack.manifest == parse_manifest(pack.manifest.to_json(), "again")
    family = pack.manifest.family("faces")
    assert family.codes == (12, 256) and family.preprocessing["layout"] == "nchw"
    assert family.graphs["edges"].inputs[0].shape == ("batch", 3, "height", "width")
    assert family.graphs["edges"].parity["openvino_bf16"]["max_abs"] == 2e-2
    assert list(pack.graphs) == ["faces.edges"]
    assert pack.licenses == {"Apache-2.0": "Apache License, Version 2.0"}
    assert pack.verify() == 4
    inputs, expected = pack.probe()
    assert inputs["faces.edges.image"].shape == (1, 3, 8, 12) and expected["faces.edges.edges"].shape == (1, 4, 8, 12)


def test_equal_content_gives_equal_bytes(tiny_content: PackContent, tmp_path: Path) -> None:
    one, two = write_pack(tmp_path / "one", tiny_content), write_pack(tmp_path / "two", tiny_content)
    assert (one.path / "manifest.json").read_bytes() == (two.path / "manifest.json").read_bytes()


def test_flipped_byte_is_refused_on_use_not_later(tiny_pack: Pack) -> None:
    file = tiny_pack.path / GRAPH
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    pack = open_pack(tiny_pack.path)
    with pytest.raises(
        PackError, match=r"pack tiny: graphs/faces.edges.onnx does not match .* \(sha256 differs\). Not opened."
    ) as info:
        pack.graph("faces", "edges")
    assert info.value.cure and info.value.exit_code == 4
    with pytest.raises(PackError, match="sha256 differs"):
        pack.verify()


def test_newer_format(tiny_pack: Pack) -> None:
    path = edit(tiny_pack, lambda d: d.update(format=99, families="unreadable"))
    with pytest.raises(PackError, match=r"format 99, and this facesdk reads formats up to 1(.|\n)*Update facesdk"):
        open_pack(path)


def test_every_fault_is_listed_at_once(tiny_pack: Pack) -> None:
    def damage(document: dict[str, Any]) -> None:
        del document["version"]
        graph = document["families"]["faces"]["graphs"]["edges"]
        graph["sha256"] = "abc"
        graph["file"] = "../outside.onnx"
        graph["inputs"][0]["shape"] = ["batch", 0]
        graph["parity"]["onnxruntime"]["max_abs"] = "small"
        document["license"]["file"] = "MISSING"

    with pytest.raises(PackError) as info:
        open_pack(edit(tiny_pack, damage))
    text = str(info.value)
    assert "6 faults" in text
    for part in ("version: missing", "edges.sha256", "../outside.onnx", "inputs[0].shape", "max_abs", "license.file"):
        assert part in text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": true}', "[" * 100_000, '{"format": 1}'])
def test_manifest_that_is_none(tiny_pack: Pack, text: str) -> None:
    (tiny_pack.path / "manifest.json").write_text(text)
    sign_again(tiny_pack.path)
    with pytest.raises(PackError, match="Not opened"):
        open_pack(tiny_pack.path)


def test_missing_and_unlisted_files_are_listed_together(tiny_pack: Pack) -> None:
    (tiny_pack.path / GRAPH).unlink()
    (tiny_pack.path / "graphs" / "extra.onnx").write_bytes(b"x")
    with pytest.raises(PackError) as info:
        open_pack(tiny_pack.path)
    assert f"{GRAPH} is missing" in str(info.value)
    assert "graphs/extra.onnx is not listed" in str(info.value)


def test_other_size_is_refused_without_reading(tiny_pack: Pack) -> None:
    with open(tiny_pack.path / GRAPH, "ab") as stream:
        stream.write(b"\0")
    with pytest.raises(PackError, match=r"graphs/faces.edges.onnx has \d+ bytes, \d+ expected"):
        open_pack(tiny_pack.path)


def test_links_are_refused(tiny_pack: Pack, tmp_path: Path) -> None:
    shutil.move(tiny_pack.path / GRAPH, tmp_path / "elsewhere.onnx")
    (tiny_pack.path / GRAPH).symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(PackError, match="is a link"):
        open_pack(tiny_pack.path)


def test_a_folder_swapped_for_a_link_after_opening_is_refused(tiny_pack: Pack, tmp_path: Path) -> None:
    shutil.move(tiny_pack.path / "graphs", tmp_path / "elsewhere")
    (tiny_pack.path / "graphs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PackError, match="is a link"):
        tiny_pack.graph("faces", "edges")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "a\\b", "C:x", "a/", "a\0b"])
def test_paths_that_leave_the_pack(path: str) -> None:
    assert not is_inside(path)
    assert is_inside("graphs/faces.edges.onnx")


def test_unknown_family_and_graph_say_what_there_is(tiny_pack: Pack) -> None:
    with pytest.raises(PackError, match="no family 'style_swap'; it has: faces"):
        tiny_pack.graph("style_swap", "encoder")
    with pytest.raises(PackError, match="faces has no graph 'parser'; it has: edges"):
        tiny_pack.graph("faces", "parser")
    with pytest.raises(PackError, match="not listed"):
        tiny_pack.read("../../etc/passwd")


def test_probe_that_would_run_code_is_refused(tiny_content: PackContent, tmp_path: Path) -> None:
    trap = tmp_path / "trap.npz"
    np.savez(trap, x=np.array([object()], dtype=object))
    files = {**tiny_content.files, "probe/input.npz": trap.read_bytes()}
    pack = write_pack(tmp_path / "trapped", replace(tiny_content, files=files))
    with pytest.raises(PackError, match="no archive of arrays"):
        pack.probe()


def test_write_refuses_before_it_destroys(tiny_pack: Pack, tiny_content: PackContent, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="exists already"):
        write_pack(tiny_pack.path, tiny_content)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"x")
    with pytest.raises(PackError, match="is no pack"):
        write_pack(tmp_path / "photos", tiny_content, overwrite=True)
    assert (tmp_path / "photos" / "me.jpg").exists()
    with pytest.raises(PackError, match="version: missing|version"):
        write_pack(tmp_path / "faulty", replace(tiny_content, version=""))
    with pytest.raises(PackError, match="no plain path"):
        write_pack(tmp_path / "faulty", replace(tiny_content, files={**tiny_content.files, "../x": b"x"}))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "tiny"]


def test_overwrite_replaces_all_of_it(tiny_pack: Pack, tiny_content: PackContent) -> None:
    files = {**tiny_content.files, "MODEL_CARD.md": b"# tiny"}
    pack = write_pack(tiny_pack.path, replace(tiny_content, version="0.2.0", files=files), overwrite=True)
    assert pack.manifest.version == "0.2.0" and pack.read("MODEL_CARD.md") == b"# tiny"
    assert [p.name for p in tiny_pack.path.parent.iterdir()] == ["tiny"]


def test_failed_write_leaves_the_old_pack(
    tiny_pack: Pack, tiny_content: PackContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PackError, match="No space left"):
        write_pack(tiny_pack.path, replace(tiny_content, version="9"), overwrite=True)
    assert [p.name for p in tiny_pack.path.parent.iterdir()] == ["tiny"]
    assert open_pack(tiny_pack.path).manifest.version == "0.1.0"


def test_names_come_from_the_search_path(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_PACK_PATH", f"/nowhere{os.pathsep}{tiny_pack.path.parent}")
    assert open_pack("tiny").path == tiny_pack.path
    assert [e.name for e in list_packs() if e.origin != "embedded"] == ["tiny"]
    with pytest.raises(PackError, match="no pack is called 'huge'; known: tiny"):
        open_pack("huge", Settings(pack_path=(tiny_pack.path.parent,)))


def test_a_name_is_never_a_folder_of_the_working_directory(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_pack.path.parent)
    with pytest.raises(PackError, match="write ./tiny"):
        open_pack("tiny", replace(Settings.from_environment(), pack_path=()))
    assert open_pack("./tiny").name == "tiny"


def test_no_pack_there(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such folder"):
        open_pack(tmp_path / "none")
    with pytest.raises(PackError, match=r"has no manifest.json"):
        open_pack(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PackError, match="it is a file"):
        open_pack(tmp_path / "file")


def test_probe_bytes_are_an_archive_of_numpy() -> None:
    arrays = {"a.b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.float32([np.pi]), "empty": np.zeros((0, 2))}
    with np.load(io.BytesIO(probe_bytes(arrays))) as archive:
        assert archive.files == list(arrays)
        for name, values in arrays.items():
            assert archive[name].dtype == values.dtype and archive[name].shape == values.shape
            np.testing.assert_array_equal(archive[name], values)


def test_a_probe_holds_equal_arrays_once(tmp_path: Path, tiny_content: PackContent) -> None:
    noise = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    arrays = {"a.image": noise, "b.image": noise.copy(), "c.image": noise.reshape(3, 32, 32)}
    once, twice = len(probe_bytes({"a.image": noise})), len(probe_bytes({k: arrays[k] for k in ("a.image", "b.image")}))
    assert twice < once + 500
    files = {**tiny_content.files, "probe/input.npz": probe_bytes(arrays)}
    read = write_pack(tmp_path / "p", replace(tiny_content, files=files)).probe()[0]
    assert list(read) == list(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(read[name], values)


def test_a_probe_that_names_an_array_it_has_not(tmp_path: Path, tiny_content: PackContent) -> None:
    files = {**tiny_content.files, "probe/input.npz": probe_bytes({"a.image": np.array("b.image")})}
    pack = write_pack(tmp_path / "p", replace(tiny_content, files=files))
    with pytest.raises(PackError, match="is no archive of arrays"):
        pack.probe()


def test_probe_bytes_do_not_depend_on_the_order() -> None:
    a, b = np.zeros(3, np.float32), np.ones(2, np.float32)
    assert probe_bytes({"a": a, "b": b}) == probe_bytes({"b": b, "a": a})
