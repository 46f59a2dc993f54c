"""A file is recognised by its tensors; what is not clear is an error that lists the candidates."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from facesdk.community.emap import find_emap
from facesdk.community.onnx_file import read_onnx
from facesdk.community.recognise_model import recognise_model
from facesdk.community.table import CONVENTIONS
from facesdk.errors import PackError
from tests.facesdk.community.community_graphs import (
    converter,
    emap_tensor,
    enhancer,
    model_bytes,
    random_emap,
    recogniser,
    swapper,
)
from tests.facesdk.fake_pack import GraphMaker

UNREAD = numpy_helper.from_array(np.ones((512, 512), np.float32), "left_over")


def _name(data: bytes, where: str = "file.onnx", wish: str | None = None) -> str:
    return recognise_model(read_onnx(data, where), where, wish).name


def _maps(shapes: dict[str, tuple[int | str, ...]], inputs: dict[str, tuple[int | str, ...]]) -> bytes:
    """A graph whose outputs are zeros of these shapes."""
    g = GraphMaker()
    for name, shape in shapes.items():
        g.constant_output(next(iter(inputs)), np.zeros([n for n in shape[1:] if isinstance(n, int)], np.float32), name)
    return model_bytes(g, inputs, shapes)


def test_what_only_one_model_has_is_recognised() -> None:
    assert _name(swapper("reswapper_256", random_emap())) == "reswapper_256"
    assert _name(swapper("simswap_unofficial_512")) == "simswap_unofficial_512"
    assert _name(swapper("blendswap_256")) == "blendswap_256"
    assert _name(swapper("uniface_256")) == "uniface_256"
    assert _name(recogniser()) == "arcface_w600k_r50"
    assert _name(enhancer("gpen_bfr_1024", 0.0)) == "gpen_bfr_1024"


def test_scrfd_yunet_2dfan4_and_masks_are_recognised_by_their_maps() -> None:
    scrfd = {f"{number}": ("rows", width) for number, width in enumerate((1, 1, 1, 4, 4, 4, 10, 10, 10))}
    frame = {"input.1": (1, 3, "?", "?")}
    assert _name(_maps(scrfd, frame)) == "scrfd"
    yunet = {
        f"{kind}_{stride}": (1, (640 // stride) ** 2, width)
        for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
        for stride in (8, 16, 32)
    }
    assert _name(_maps(yunet, {"input": (1, 3, 640, 640)})) == "yunet"
    assert _name(_maps({"l": (1, 68, 3), "h": (1, 68, 64, 64)}, {"input": (1, 3, 256, 256)})) == "2dfan4"
    assert _name(_maps({"o": (1, 19, 512, 512)}, {"input": (1, 3, 512, 512)})) == "bisenet"
    g = GraphMaker()
    g.op("Slice", "in", g.constant([0], np.int64), g.constant([1], np.int64), g.constant([3], np.int64), out="out")
    assert _name(model_bytes(g, {"in": (1, 256, 256, 3)}, {"out": (1, 256, 256, 1)})) == "xseg"


def test_several_candidates_are_listed_and_one_is_suggested_by_the_files_name() -> None:
    data = swapper("ghost_2_256")
    with pytest.raises(PackError) as caught:
        _name(data, "ghost_2_256.onnx")
    text = str(caught.value)
    for name in ("hyperswap_1a_256", "simswap_256", "ghost_1_256", "ghost_3_256", "hififace_unofficial_256"):
        assert name in text
    assert "reswapper_256" not in text and "--as ghost_2_256" in text
    assert _name(data, "renamed.onnx", "ghost_2_256") == "ghost_2_256"
    with pytest.raises(PackError, match="crossface_simswap, crossface_ghost, crossface_hififace"):
        _name(converter())
    with pytest.raises(PackError, match="inswapper_128, inswapper_128_fp16, reswapper_128"):
        _name(swapper("inswapper_128", random_emap()))


def test_an_embedder_of_the_same_shape_is_not_taken_for_w600k() -> None:
    g = GraphMaker()
    mean = g.op("ReduceMean", "data", g.constant([2, 3], np.int64), keepdims=0)
    g.op("MatMul", mean, g.constant(np.eye(3, 512)), out="fc1")
    data = model_bytes(g, {"data": (1, 3, 112, 112)}, {"fc1": (1, 512)})
    with pytest.raises(PackError, match="none of the models"):
        _name(data)
    # The user knows better, and says so.
    assert _name(data, wish="arcface_w600k_r50") == "arcface_w600k_r50"


@pytest.mark.parametrize(
    ("data", "wish"),
    [
        (swapper("simswap_unofficial_512"), "simswap_256"),
        (swapper("hyperswap_1a_256"), "uniface_256"),
        (recogniser(), "scrfd"),
        (enhancer("gpen_bfr_256", 0), "gfpgan_1.4"),
    ],
)
def test_a_wish_must_fit_the_tensors(data: bytes, wish: str) -> None:
    with pytest.raises(PackError, match=f"cannot be {wish}"):
        _name(data, wish=wish)


def test_names_that_were_changed_inside_need_a_wish() -> None:
    data = swapper("inswapper_128", random_emap(), names=("onnx::Gemm_1", "input"))
    with pytest.raises(PackError, match="none of the models"):
        _name(data)
    assert _name(data, wish="inswapper_128") == "inswapper_128"
    # Two pictures of one size cannot be told apart by their shapes.
    with pytest.raises(PackError, match="cannot be uniface_256"):
        _name(swapper("uniface_256", names=("a", "b")), wish="uniface_256")
    with pytest.raises(PackError, match="no such model"):
        _name(data, wish="inswapper_512")


def test_the_emap_is_found_by_its_name_wherever_it_stands() -> None:
    emap = random_emap()
    for name in ("emap", "buff2fs"):
        file = read_onnx(swapper("inswapper_128", emap, emap_name=name, extra=(UNREAD,)), "f")
        assert [weight.name for weight in file.weights][-1] == "left_over"
        np.testing.assert_array_equal(find_emap(file), emap)


def test_a_nameless_emap_is_the_only_one_that_feeds_nothing() -> None:
    emap = random_emap()
    named = read_onnx(swapper("inswapper_128", emap, emap_name="initializer_77"), "f")
    np.testing.assert_array_equal(find_emap(named), emap)
    # One of the same size that the graph reads, behind it.
    g = GraphMaker()
    color = g.op("MatMul", g.op("MatMul", "source", "read"), g.constant(np.eye(512, 3)))
    g.op("Add", "target", g.op("Reshape", color, g.constant([1, 3, 1, 1], np.int64)), out="output")
    extra = (emap_tensor(emap, "x"), emap_tensor(np.eye(512, dtype=np.float32), "read"))
    edges = {"target": (1, 3, 128, 128), "source": (1, 512)}
    file = read_onnx(model_bytes(g, edges, {"output": (1, 3, 128, 128)}, extra), "f")
    np.testing.assert_array_equal(find_emap(file), emap)


def test_two_that_feed_nothing_or_none_are_refused() -> None:
    two = swapper("inswapper_128", random_emap(), emap_name="x", extra=(UNREAD,))
    for data in (two, swapper("inswapper_128")):
        with pytest.raises(PackError, match="no emap"):
            _name(data)
        with pytest.raises(PackError, match="no emap"):
            _name(data, wish="inswapper_128")


def test_an_emap_that_the_graph_reads_itself_is_not_applied_twice() -> None:
    g = GraphMaker()
    color = g.op("MatMul", g.op("MatMul", "source", "emap"), g.constant(np.eye(512, 3)))
    g.op("Add", "target", g.op("Reshape", color, g.constant([1, 3, 1, 1], np.int64)), out="output")
    edges = {"target": (1, 3, 128, 128), "source": (1, 512)}
    data = model_bytes(g, edges, {"output": (1, 3, 128, 128)}, (emap_tensor(random_emap()),))
    with pytest.raises(PackError, match="no emap"):
        _name(data, wish="inswapper_128")


def test_a_half_precision_emap_and_a_broken_one() -> None:
    half = random_emap().astype(np.float16)
    found = find_emap(read_onnx(swapper("inswapper_128", half), "f"))
    assert found is not None and found.dtype == np.float32
    np.testing.assert_array_equal(found, half.astype(np.float32))
    for wrong in (np.zeros((512, 512), np.float32), np.full((512, 512), np.nan, np.float32)):
        with pytest.raises(PackError, match="no usable numbers"):
            find_emap(read_onnx(swapper("inswapper_128", wrong), "f"))


def test_free_axes_get_names_of_their_own() -> None:
    file = read_onnx(_maps({"out": ("None", 4)}, {"input.1": ("?", 3, "?", "?")}), "f")
    ((first, three, height, width),) = (tensor.shape for tensor in file.inputs)
    assert (first, three) == ("batch", 3) and height != width and isinstance(height, str)
    assert file.outputs[0].shape[0] not in (first, height, width)


def test_old_files_list_their_weights_among_the_inputs() -> None:
    import onnx

    model = onnx.load_model_from_string(swapper("inswapper_128", random_emap()))
    listed = [onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in model.graph.initializer]
    model.graph.input.extend(listed)
    file = read_onnx(model.SerializeToString(), "f")
    assert [tensor.name for tensor in file.inputs] == ["target", "source"]
    assert recognise_model(file, "f", "inswapper_128") is CONVENTIONS["inswapper_128"]


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x08\x07", swapper("inswapper_128")[:-40]])
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(PackError, match="is no ONNX file"):
        read_onnx(data, "file.onnx")


def test_a_tensor_that_no_session_feeds_is_refused() -> None:
    from onnx import TensorProto

    g = GraphMaker()
    g.op("Identity", "target", out="output")
    shape = (1, 3, 128, 128)
    data = model_bytes(g, {"target": shape}, {"output": shape}, dtype=TensorProto.DOUBLE)
    with pytest.raises(PackError, match="is of type 11"):
        read_onnx(data, "file.onnx")
