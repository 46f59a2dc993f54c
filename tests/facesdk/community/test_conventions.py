"""Each convention: the crop comes back, ranges and colours are those of its makers, and the face changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from facesdk.community.convention import Convention
from facesdk.community.crop_rule import CropRule
from facesdk.community.emap import project
from facesdk.community.model import FAMILY, Model
from facesdk.community.onnx_file import read_onnx
from facesdk.community.recognise_model import bind
from facesdk.community.table import CONVENTIONS
from facesdk.community.templates import TEMPLATES, template_matrix
from facesdk.errors import BackendError
from facesdk.faces.align import TEMPLATES as OWN_TEMPLATES
from facesdk.faces.align import apply_matrix
from facesdk.ops.warp_crop import cut_crop
from facesdk.pack import GraphSpec
from facesdk.pack.licence import COMMERCIAL, OWN, SPDX
from facesdk.runtime.onnx_session import OnnxSession
from tests.facesdk.community.community_graphs import GAIN, model_bytes, random_emap, recogniser, swapper
from tests.facesdk.fake_pack import GraphMaker

SWAPPERS = [name for name, convention in CONVENTIONS.items() if convention.role == "swapper"]
PICTURES = [name for name, c in CONVENTIONS.items() if c.picture is not None and c.picture.size]


def load(data: bytes, convention: Convention) -> Model:
    """A file in ONNX Runtime, without a pack around it."""
    file = read_onnx(data, "test")
    spec = GraphSpec("", "", len(data), "fp32", file.inputs, file.outputs)
    bound = bind(convention, file.inputs, file.outputs)
    assert bound is not None
    return Model(convention, OnnxSession(f"{FAMILY}.{convention.role}", spec, data, 1), *bound)


def _picture(side: int = 200) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), np.uint8)


def _source(convention: Convention) -> NDArray[np.float32]:
    rule = convention.source
    assert rule is not None
    shape = (1, 512) if rule.crop is None else (1, 3, rule.crop.size, rule.crop.size)
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize("name", SWAPPERS)
def test_a_crop_comes_back_and_the_source_changes_it(name: str) -> None:
    convention = CONVENTIONS[name]
    assert convention.picture is not None and convention.output is not None
    model, size = load(swapper(name, random_emap()), convention), convention.picture.size
    image, matrix = _picture(), np.array([[1.1, 0.2, -7], [-0.2, 1.1, 3]], np.float32)
    planes = convention.picture.cut(image, [matrix])
    back = convention.output.decode(model.run(picture=planes, source=_source(convention))["picture"])
    crop = cut_crop(image, matrix, size).astype(np.float32)
    assert back.shape == (1, size, size, 3)
    assert np.abs(back[0] - crop).max() < 1.01
    source = _source(convention)
    if source.ndim == 2:
        source[0, :3] = (0.4, -0.4, 0)
    else:
        source[:] = np.array([0.4, -0.4, 0]).reshape(1, 3, 1, 1)
    moved = convention.output.decode(model.run(picture=planes, source=source)["picture"])[0]
    per_unit = 255 if convention.output.range == "unit" else 127.5
    expected = np.clip(crop + np.array([0.4, -0.4, 0]) * GAIN * per_unit, 0, 255)
    assert np.abs(moved - expected).max() < 1.01 and np.abs(moved - back[0]).max() > 5


RANGE_ENDS = {
    "inswapper_128": (0.0, 1.0),
    "reswapper_256": (0.0, 1.0),
    "hyperswap_1b_256": (-1.0, 1.0),
    "simswap_unofficial_512": (0.0, 1.0),
    "ghost_2_256": (-1.0, 1.0),
    "hififace_unofficial_256": (-1.0, 1.0),
    "blendswap_256": (0.0, 1.0),
    "uniface_256": (-1.0, 1.0),
    "arcface_w600k_r50": (-1.0, 1.0),
    "xseg": (0.0, 1.0),
    "2dfan4": (0.0, 1.0),
    "gfpgan_1.4": (-1.0, 1.0),
    "scrfd": (-127.5 / 128, 127.5 / 128),
    "yunet": (0.0, 255.0),
}


@pytest.mark.parametrize("name", RANGE_ENDS)
def test_black_and_white_are_the_ends_of_the_range(name: str) -> None:
    rule = CONVENTIONS[name].picture
    assert rule is not None
    ends = [rule.encode(np.full((1, 4, 4, 3), value, np.uint8)) for value in (0, 255)]
    for values, end in zip(ends, RANGE_ENDS[name]):
        np.testing.assert_allclose(values, end, atol=1e-4)


def test_imagenet_is_each_channels_own() -> None:
    rule = CONVENTIONS["simswap_256"].picture
    assert rule is not None and rule == CropRule(256, "imagenet", "arcface_112_v1")
    values = rule.encode(np.full((1, 2, 2, 3), 255, np.uint8))[0, :, 0, 0]
    np.testing.assert_allclose(values, [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-5)


@pytest.mark.parametrize("name", PICTURES)
def test_red_is_where_the_model_expects_it(name: str) -> None:
    rule = CONVENTIONS[name].picture
    assert rule is not None
    red = np.zeros((1, 2, 2, 3), np.uint8)
    red[..., 0] = 255
    values = rule.encode(red)
    channels = values[0, :, 0, 0] if rule.layout == "nchw" else values[0, 0, 0]
    assert int(channels.argmax()) == (0 if rule.color == "rgb" else 2)
    assert values.shape == ((1, 3, 2, 2) if rule.layout == "nchw" else (1, 2, 2, 3))
    np.testing.assert_allclose(rule.decode(values), red, atol=0.01)


def test_the_colours_of_the_masks_and_detectors() -> None:
    bgr = {name for name, c in CONVENTIONS.items() if c.picture is not None and c.picture.color == "bgr"}
    assert bgr == {"yunet", "xseg"}


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("size", [128, 256, 512])
def test_a_template_puts_the_points_where_opencv_would(template: str, size: int) -> None:
    points = np.array(TEMPLATES[template]) * 300 + 40
    moved = apply_matrix(template_matrix(points, template, size), points)
    # OpenCV's pixel centres are whole numbers, ours lie half a pixel further.
    np.testing.assert_allclose(moved, np.array(TEMPLATES[template]) * size + 0.5, atol=1e-3)


def test_templates_agree_with_those_that_they_are_made_of() -> None:
    arcface = np.array(TEMPLATES["arcface_112_v2"])
    np.testing.assert_allclose(arcface, OWN_TEMPLATES["arcface"], atol=1e-5)
    # insightface's norm_crop2 at 128: the points of 112, moved by 8 in x.
    np.testing.assert_allclose(np.array(TEMPLATES["arcface_128"]) * 128, arcface * 112 + [8, 0], atol=1e-3)


def test_reswapper_256_keeps_the_pixel_edges_of_128() -> None:
    small, large = CONVENTIONS["reswapper_128"].picture, CONVENTIONS["reswapper_256"].picture
    assert small is not None and large is not None
    points = np.array(TEMPLATES["ffhq_512"]) * 200
    np.testing.assert_allclose(large.matrix(points), small.matrix(points) * 2, atol=1e-3)


def test_the_length_is_set_to_1_again_behind_the_matrix() -> None:
    rng = np.random.default_rng(9)
    embedding, emap = rng.normal(size=512).astype(np.float32) * 21, random_emap()
    latent = project(embedding, emap)
    direction = (embedding / np.linalg.norm(embedding)) @ emap.astype(np.float64)
    np.testing.assert_allclose(latent, direction / np.linalg.norm(direction), atol=1e-6)
    assert np.linalg.norm(direction) > 2 and abs(np.linalg.norm(latent) - 1) < 1e-6
    # The row times the matrix, and not the matrix times the column.
    assert float(latent @ project(embedding, emap.T.copy())) < 0.5


def test_a_free_batch_axis_gives_what_single_rows_give() -> None:
    rng = np.random.default_rng(4)
    planes = rng.uniform(0, 1, (3, 3, 128, 128)).astype(np.float32)
    sources = rng.normal(size=(3, 512)).astype(np.float32)
    fixed, free = (
        load(swapper("inswapper_128", random_emap(), batch=n), CONVENTIONS["inswapper_128"]) for n in (1, "N")
    )
    one = fixed.run(picture=planes, source=sources)["picture"]
    np.testing.assert_allclose(free.run(picture=planes, source=sources)["picture"], one, atol=1e-6)
    embedder = load(recogniser(), CONVENTIONS["arcface_w600k_r50"])
    # The published file says (1, 512) of an output that has a row for each crop.
    rows = embedder.run(picture=np.stack([np.full((3, 112, 112), v, np.float32) for v in (0.1, 0.2)]))["embedding"]
    np.testing.assert_allclose(rows[:, :4], [[2, 2, 2, 10], [4, 4, 4, 10]], atol=1e-4)


def test_edges_in_half_precision_are_fed_and_read() -> None:
    g = GraphMaker()
    color = g.op("MatMul", "source", g.constant(np.eye(512, 3), np.float16))
    g.op("Add", "target", g.op("Reshape", color, g.constant([1, 3, 1, 1], np.int64)), out="output")
    edges = {"source": (1, 512), "target": (1, 3, 256, 256)}
    data = model_bytes(g, edges, {"output": (1, 3, 256, 256)}, dtype=TensorProto.FLOAT16)
    model = load(data, CONVENTIONS["hyperswap_1a_256"])
    assert read_onnx(data, "f").precision == "fp16-weights"
    planes = np.linspace(-0.5, 0.5, 3 * 256 * 256, dtype=np.float32).reshape(1, 3, 256, 256)
    made = model.run(picture=planes, source=np.eye(1, 512, dtype=np.float32) * 0.25)["picture"]
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[0, 0], planes[0, 0] + 0.25, atol=2e-3)
    np.testing.assert_allclose(made[0, 1], planes[0, 1], atol=2e-3)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_black_or_constant_picture_is_no_result(value: float) -> None:
    g = GraphMaker()
    g.op("Mul", "source", g.constant(0), out="unused")
    g.op("Add", g.op("Mul", "target", g.constant(0)), g.constant(value), out="output")
    edges = {"source": (1, 512), "target": (1, 3, 128, 128)}
    model = load(model_bytes(g, edges, {"output": (1, 3, 128, 128)}), CONVENTIONS["inswapper_128"])
    with pytest.raises(BackendError, match="not finite|one constant"):
        model.run(picture=np.ones((1, 3, 128, 128), np.float32), source=_source(CONVENTIONS["inswapper_128"]))


def test_every_entry_is_whole() -> None:
    roles = {"swapper", "converter", "recogniser", "detector", "landmarks", "mask", "enhancer"}
    for name, convention in CONVENTIONS.items():
        assert convention.name == name and convention.role in roles
        licence = convention.licence
        assert licence.commercial in COMMERCIAL and licence.url.startswith("https://")
        assert licence.spdx in ("", *SPDX) or licence.spdx.startswith(OWN)
        if licence.spdx in SPDX:
            assert COMMERCIAL.index(licence.commercial) >= COMMERCIAL.index(SPDX[licence.spdx])
        if convention.source is not None and convention.source.kind != "frame":
            assert CONVENTIONS[convention.source.space].role == "recogniser"
        if convention.source is not None and convention.source.converter:
            assert CONVENTIONS[convention.source.converter].role == "converter"
