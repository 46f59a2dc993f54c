from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from export.assemble import MANIFEST_BYTES, PackOptions, assemble, pack_bytes
from export.families.faces import faces_family
from export.families.family import Family
from export.parity import ParityError
from export.to_onnx import to_onnx
from export.torch_graph import Floor, TorchGraph
from facesdk.errors import InputError, PackError
from facesdk.pack import open_pack
from train.models.faces import PRESETS, Parser, Recogniser

OPTIONS = PackOptions(name="test", backends=("onnxruntime",))


@pytest.fixture(scope="module", autouse=True)
def traced_once() -> Iterator[None]:
    """One trace of each function: tracing takes most of the time, and test_to_onnx.py tests it."""
    models: dict[object, onnx.ModelProto] = {}

    def once(graph: TorchGraph) -> onnx.ModelProto:
        if graph.function not in models:
            models[graph.function] = to_onnx(graph)
        return models[graph.function]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.assemble.to_onnx", once)
        yield


@pytest.fixture(scope="module")
def small(graph: TorchGraph) -> Family:
    return Family(
        "test", ("swap",), (graph,), {"crops": {"swap": {"size": 16}}}, {"small": {"seed": 1}}, ("f",), (4, 64)
    )


@pytest.fixture(scope="module")
def parser() -> Family:
    torch.manual_seed(1)
    return faces_family({"parser": Parser(PRESETS["parser"]["tiny"])}, {"parser": {"seed": 2}})


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_pack_is_built_extended_and_exchanged(tmp_path: Path, small: Family, parser: Family) -> None:
    out = tmp_path / "packs" / "p"
    assemble([small], out, OPTIONS)
    first = open_pack(out)
    assert list(first.graphs) == ["test.small"]
    assert first.manifest.families["test"].codes == (4, 64) and first.manifest.families["test"].features == ("f",)
    assert (out / "MODEL_CARD.md").read_text().startswith("# test 0.1.0")
    assert "Apache License" in first.licenses["Apache-2.0"]

    assemble([parser], out, replace(OPTIONS, version="0.2.0"))
    second = open_pack(out)
    assert set(second.graphs) == {"test.small", "faces.parser"}
    assert second.graph("test", "small") == first.graph("test", "small")
    assert second.manifest.training["nets"] == {"small": {"seed": 1}, "parser": {"seed": 2}}
    assert (second.manifest.name, second.manifest.version) == ("test", "0.2.0")
    inputs, expected = second.probe()
    assert {"test.small.image", "faces.parser.crop"} <= set(inputs) and "faces.parser.parts" in expected

    torch.manual_seed(2)
    recogniser = faces_family({"recogniser": Recogniser(PRESETS["recogniser"]["tiny"])}, {"recogniser": {"seed": 3}})
    assemble([recogniser], out, OPTIONS)
    faces = open_pack(out).manifest.families["faces"]
    assert faces.tasks == ("parse", "recognise") and set(faces.graphs) == {"parser", "recogniser"}
    assert set(faces.preprocessing["crops"]) == {"parser", "recogniser"}
    assert pack_bytes(out) < 2_000_000


def test_the_card_can_be_written_anew(tmp_path: Path, small: Family) -> None:
    out = tmp_path / "p"
    assemble([small], out, OPTIONS)
    before = open_pack(out)
    figures = {
        "title": "swap",
        "figures": [{"name": "gain", "value": 4.5, "unit": "dB", "must": 3.5, "aim": 6, "ok": True}],
    }
    assemble([], out, replace(OPTIONS, quality=(figures,)))
    after = open_pack(out)
    assert "| gain | 4.5 dB | 3.5 | 6 | yes |" in (out / "MODEL_CARD.md").read_text()
    assert after.graphs == before.graphs
    assert after.manifest.training["quality"] == [figures]
    # Measured again under the same title: the newer figures stand alone.
    newer = {**figures, "figures": [{**figures["figures"][0], "value": 5.0}]}
    assemble([], out, replace(OPTIONS, quality=(newer,)))
    assert open_pack(out).manifest.training["quality"] == [newer]
    # Of an older version of the pack: a new one has not been measured so.
    version = open_pack(out).manifest.version
    timed = {**newer, "title": "speed", "settings": {"pack_version": version}}
    assemble([], out, replace(OPTIONS, quality=(timed,)))
    assert open_pack(out).manifest.training["quality"] == [newer, timed]
    assemble([], out, replace(OPTIONS, version="9.9.9"))
    assert open_pack(out).manifest.training["quality"] == [newer]


def test_a_missed_floor_leaves_the_pack_as_it_was(tmp_path: Path, small: Family, graph: TorchGraph) -> None:
    out = tmp_path / "p"
    strict = replace(small, graphs=(replace(graph, exact={"*": Floor(max_abs=0.0)}),))
    with pytest.raises(ParityError):
        assemble([strict], out, OPTIONS)
    assert list(tmp_path.iterdir()) == []
    assemble([small], out, OPTIONS)
    before = _snapshot(out)
    with pytest.raises(ParityError):
        assemble([strict], out, OPTIONS)
    assert _snapshot(out) == before and list(tmp_path.iterdir()) == [out]


def test_a_pack_that_is_too_large_is_not_written(tmp_path: Path, small: Family) -> None:
    with pytest.raises(PackError, match=r"at most 0\.15 MB may be \(largest: test\.small"):
        assemble([small], tmp_path / "p", replace(OPTIONS, max_bytes=MANIFEST_BYTES + 50_000))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_pack_is_left_alone(tmp_path: Path, small: Family) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PackError, match="is no pack"):
        assemble([small], tmp_path, OPTIONS)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_pack_is_not_extended(tmp_path: Path, small: Family, parser: Family) -> None:
    out = tmp_path / "p"
    assemble([small], out, OPTIONS)
    file = out / "graphs" / "test.small.onnx"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(PackError, match=r"test\.small\.onnx"):
        assemble([parser], out, OPTIONS)


def test_rendered_pictures_take_part_in_parity(tmp_path: Path, small: Family, graph: TorchGraph) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with pytest.raises(InputError, match="no picture found"):
        assemble([small], tmp_path / "p", replace(OPTIONS, pictures=pictures))
    rng = np.random.default_rng(0)
    for i in range(3):
        cv2.imwrite(str(pictures / f"{i}.png"), rng.integers(0, 255, (40, 40, 3), np.uint8))
    seen: list[int] = []

    def watched(image: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not torch.compiler.is_compiling():
            seen.append(len(image))
        out: tuple[torch.Tensor, torch.Tensor] = graph.owners[0](image, codes)
        return out

    family = replace(small, graphs=(replace(graph, function=watched),))
    assemble([family], tmp_path / "p", replace(OPTIONS, pictures=pictures))
    # Parity on 1, 2, 3, the probe and the 3 pictures, then the probe's expected outputs.
    assert seen == [1, 2, 3, 1, 3, 1]
