"""Detectors, points and masks of other makers, in the place of the pack's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facesdk.community import add_models as add
from facesdk.community.add_models import add_models
from facesdk.community.analyzer import CommunityAnalyzer
from facesdk.community.detector import CommunityDetector, decode_yunet
from facesdk.community.landmarks import box_matrix
from facesdk.community.masks import face_masks
from facesdk.community.model import FAMILY, Model
from facesdk.community.onnx_file import read_onnx
from facesdk.community.recognise_model import bind
from facesdk.community.table import CONVENTIONS
from facesdk.consent import Consent
from facesdk.faces import analyze
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.evidence import Evidence
from facesdk.identity import Identity
from facesdk.pack import GraphSpec
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.swapper import FaceSwapper
from tests.facesdk.community.community_graphs import model_bytes, random_emap, swapper, write
from tests.facesdk.fake_pack import LANDMARKS, GraphMaker, box_of, detector, picture, points_of


def scrfd(side: int | None = None) -> bytes:
    """The fake pack's detector with the edges of SCRFD: maps by kind and then by stride."""
    model = onnx.load_model_from_string(detector().data)
    outputs = {output.name: output for output in model.graph.output}
    del model.graph.output[:]
    for kind, width in (("score", 1), ("box", 4), ("points", 10)):
        for stride in (8, 16, 32):
            name = outputs[f"{kind}_{stride}"].name
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None, width]))
    del model.graph.input[:]
    shape = [1, 3, side or "?", side or "?"]
    model.graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))
    return bytes(model.SerializeToString())


def fan(peak: float) -> bytes:
    """Always the same points, with heat maps of which the highest value is peak."""
    g = GraphMaker()
    points = np.concatenate([LANDMARKS * 64, np.ones((68, 1))], 1).astype(np.float32)
    heat = np.zeros((68, 64, 64), np.float32)
    heat[:, 5, 7] = peak
    g.constant_output("input", points, "points")
    g.constant_output("input", heat, "heat")
    return model_bytes(g, {"input": (1, 3, 256, 256)}, {"points": (1, 68, 3), "heat": (1, 68, 64, 64)})


def xseg() -> bytes:
    """What is blue is face: the first of the BGR channels, last axis."""
    g = GraphMaker()
    ends = [g.constant([value], np.int64) for value in (0, 1, 3)]
    g.op("Slice", "in", *ends, out="out")
    return model_bytes(g, {"in": (1, 256, 256, 3)}, {"out": (1, 256, 256, 1)})


def bisenet() -> bytes:
    """What is red is skin (class 1), what is green hair (17), all else background."""
    weights = np.zeros((19, 3, 1, 1))
    weights[1, 0], weights[17, 1] = 1.0, 1.0
    g = GraphMaker()
    g.op("Conv", "in", g.constant(weights), out="out")
    return model_bytes(g, {"in": (1, 3, 512, 512)}, {"out": (1, 19, 512, 512)})


def _load(name: str, data: bytes) -> Model:
    file, convention = read_onnx(data, name), CONVENTIONS[name]
    spec = GraphSpec("", "", len(data), "fp32", file.inputs, file.outputs)
    bound = bind(convention, file.inputs, file.outputs)
    assert bound is not None
    return Model(convention, OnnxSession(f"{FAMILY}.{convention.role}", spec, data, 1), *bound)


@pytest.mark.parametrize("side", [None, 384])
def test_scrfd_finds_what_is_there(side: int | None) -> None:
    found = CommunityDetector(_load("scrfd", scrfd(side))).detect(picture((320, 384), [(3, 4)]))
    assert len(found) == 1 and found[0].score > 0.98
    np.testing.assert_allclose(found[0].box, box_of(3, 4), atol=0.01)
    np.testing.assert_allclose(found[0].points, points_of(3, 4), atol=0.01)


def test_a_detector_of_one_size_sees_a_larger_picture_scaled() -> None:
    image = np.kron(picture((320, 384), [(3, 4)]), np.ones((2, 2, 1), np.uint8))
    found = CommunityDetector(_load("scrfd", scrfd(384))).detect(image)
    np.testing.assert_allclose(found[0].box, box_of(3, 4) * 2, atol=1.0)


def test_yunets_maps_by_hand() -> None:
    outputs = {}
    for stride in (8, 16, 32):
        cells = (64 // stride) * (96 // stride)
        for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{kind}_{stride}"] = np.zeros((1, cells, width), np.float32)
    # Row 1, column 4 of the 6 columns of stride 16.
    cell = 1 * 6 + 4
    outputs["cls_16"][0, cell], outputs["obj_16"][0, cell] = 0.81, 1.3
    outputs["bbox_16"][0, cell] = (0.5, 0.25, np.log(3.0), np.log(2.0))
    outputs["kps_16"][0, cell] = np.arange(10)
    boxes, scores, points = decode_yunet(outputs, (64, 96), 0.5)
    np.testing.assert_allclose(scores, [0.9], atol=1e-6)
    np.testing.assert_allclose(boxes, [[72 - 24, 20 - 16, 72 + 24, 20 + 16]], atol=1e-4)
    np.testing.assert_allclose(points[0], (np.arange(10).reshape(5, 2) + [4, 1]) * 16, atol=1e-4)


@pytest.mark.parametrize(("name", "color"), [("xseg", (0, 0, 255)), ("bisenet", (255, 0, 0))])
def test_a_mask_lies_where_the_face_is(name: str, color: tuple[int, int, int]) -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    image[:] = (0, 255, 0)
    image[100:200, 120:220] = color
    # The crop shows x from 90 and y from 60, twice as large.
    matrix = np.array([[2, 0, -180], [0, 2, -120]], np.float32)
    mask = face_masks(_load(name, xseg() if name == "xseg" else bisenet()), image, [matrix], 320)[0]
    inside = np.zeros((320, 320), bool)
    inside[80:280, 60:260] = True
    assert mask.shape == (320, 320) and mask[~inside].max() < 0.1
    assert mask[inside].mean() > 0.85 and mask[110:250, 90:230].min() > 0.99


def test_2dfan4_moves_the_points_where_it_is_sure(base_folder: Path, tmp_path: Path) -> None:
    image = picture((320, 384), [(3, 4)])
    with FaceAnalyzer(base_folder / "nano") as opened:
        own = opened.analyze(image, parse=False)[0]
    for peak, moves in ((0.9, True), (0.3, False)):
        folder = tmp_path / str(peak)
        folder.mkdir()
        pack, _ = add_models([write(folder, "2dfan4.onnx", fan(peak))], folder / "pack")
        with CommunityAnalyzer(pack) as analyzer:
            face = analyzer.analyze(image, parse=False)[0]
        assert "landmarks by the pack's own" in analyzer.note and face.pose == own.pose
        if not moves:
            np.testing.assert_array_equal(face.landmarks, own.landmarks)
            continue
        crop = LANDMARKS * 256
        matrix = box_matrix(own.box, 256)
        np.testing.assert_allclose(face.landmarks @ matrix[:, :2].T + matrix[:, 2], crop, atol=0.01)


def test_rules_that_were_fitted_to_the_bases_nets_do_not_judge_other_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nobody(Evidence):
        def enough(self, score: float, presence: float | None) -> bool:
            return False

    class Average:
        def share(self, signals: object) -> float:
            return 0.5

    monkeypatch.setattr(FaceAnalyzer, "evidence", property(lambda _: Nobody(0.1, 1.0, 0.0)))
    monkeypatch.setattr(analyze, "read_table", lambda *_: Average())
    monkeypatch.setattr(analyze, "face_signals", lambda *_: np.zeros(1))
    pack, _ = add_models([write(tmp_path, "det_10g.onnx", scrfd())], tmp_path / "pack")
    with CommunityAnalyzer(pack) as analyzer:
        faces = analyzer.analyze(picture((320, 384), [(3, 4)]), recognise=False, parse=False)
    assert [face.typical for face in faces] == [None]


@pytest.mark.parametrize("backend", ["fastest", "tensorrt", "onnxruntime-cuda"])
def test_files_are_tried_on_a_cpu_whatever_runs_them_later(
    tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = list[str]()
    monkeypatch.setenv("FACESDK_BACKEND", backend)
    monkeypatch.setattr(add, "try_graph", lambda name, spec, data, chosen, limits: tried.append(chosen))
    add.add_models([write(tmp_path, "xseg_1.onnx", xseg())], tmp_path / "pack")
    assert len(tried) == 1 and tried[0] in ("openvino-bf16", "openvino-f32", "onnxruntime")


def test_the_packs_own_detector_and_mask_take_part_in_a_swap(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, "inswapper_128.onnx", swapper("inswapper_128", random_emap())),
        write(tmp_path, "det_10g.onnx", scrfd()),
        write(tmp_path, "xseg_1.onnx", xseg()),
    ]
    pack, added = add_models(paths, tmp_path / "all", {"inswapper_128.onnx": "inswapper_128"})
    assert {role: model.convention for role, model in added.items()} == {
        "swapper": "inswapper_128",
        "detector": "scrfd",
        "mask": "xseg",
    }
    unit = np.zeros(512, np.float32)
    unit[0] = 1
    none = np.zeros((0, 256, 256, 3), np.uint8)
    who = Identity(unit, none, Consent.self_(), "", "arcface_w600k_r50", 20.0)
    image = picture((320, 384), [(3, 4)])
    with FaceSwapper(pack) as opened:
        result = opened.swap(image, who)
    assert result.swapped == (0,) and "detector by the pack's own" in result.notes[0]
    # Only blue is face to this mask: the lower half of the marker.
    changed = result.mask > 0.5
    assert changed.any() and (image[changed][:, 2] == 255).mean() > 0.95
