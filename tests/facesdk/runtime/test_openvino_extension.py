"""The project's operations inside OpenVINO: right at odd sizes and any batch, from several threads, and only in place
of what they compute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.fold_upsample import doubled_taps
from facesdk.ops.adain import adain
from facesdk.runtime import openvino_extension as extension
from facesdk.runtime.device import read_cpu
from facesdk.runtime.openvino_extension import Extension, find_extension, fuse_style_layers, match_layer
from facesdk.runtime.style_weights import doubled_products, pack_products, winograd_products

pytest.importorskip("openvino")
from facesdk.runtime.openvino_session import import_openvino, open_core  # noqa: E402

# bfloat16 has 8 bits; Winograd's transform adds up to four values before it rounds.
BF16 = 4 * 2.0**-8


@pytest.fixture(scope="module")
def factory() -> Any:
    """Makes nodes of the compiled operations."""
    found = find_extension()
    if found.path is None:
        pytest.skip(found.reason)
    return extension._factory(open_core(), found.path)


@pytest.fixture()
def bf16(factory: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The factory, on a CPU that can run the style layer; AMX would make the runtime leave it alone."""
    if "avx512_bf16" not in read_cpu().flags:
        pytest.skip("this CPU has no AVX-512 BF16")
    monkeypatch.setattr(extension, "own_layers", find_extension)
    return factory


def compiled(outputs: list[Any], inputs: list[Any], precision: str = "f32") -> Any:
    model = import_openvino().Model(outputs, inputs, "test")
    return open_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 2})


def run(model: Any, *given: np.ndarray) -> np.ndarray:
    """One output, written over NaN."""
    request = model.create_infer_request()
    request.infer(list(given))
    shape = tuple(request.get_output_tensor(0).shape)
    out = np.full(shape, np.nan, np.float32)
    request.set_output_tensor(0, import_openvino().Tensor(out, shared_memory=True))
    request.infer(list(given))
    return out


def ops() -> Any:
    import_openvino()
    import openvino.opset13 as opset

    return opset


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# Which library is taken.


@pytest.mark.parametrize(
    ("built", "installed", "reason"),
    [((), "2026.4.1", "was not built"), (("2026_2_0",), "2026.4.1", "built for OpenVINO 2026.2.0, and 2026.4.1 is")],
)
def test_no_library_fits_and_the_reason_is_told(
    tmp_path: Path, built: tuple[str, ...], installed: str, reason: str
) -> None:
    for version in built:
        (tmp_path / f"_openvino_ext_{version}.so").touch()
    found = find_extension(tmp_path, installed)
    assert found.path is None and reason in found.reason


def test_the_library_of_the_installed_version_is_taken(tmp_path: Path) -> None:
    for version in ("2026_2_0", "2026_4_1"):
        (tmp_path / f"_openvino_ext_{version}.cpython-311-x86_64-linux-gnu.so").touch()
    found = find_extension(tmp_path, "2026.4.1")
    assert found.path is not None and "2026_4_1" in found.path.name and not found.reason


def test_the_doctor_says_why_nothing_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "own_layers", lambda: Extension(None, "the moon is full"))
    assert extension.describe_extension() == "not used: the moon is full"


# facesdk::FusedAdaIN.


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (33, 20)])
@pytest.mark.parametrize("batch", [1, 3])
def test_fused_adain_read_from_onnx_is_the_reference(factory: Any, size: tuple[int, int], batch: int) -> None:
    model = open_core().compile_model(
        open_core().read_model(onnx_adain(5, *size)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    x, gamma, beta = 0.2 * normal(0, batch, 5, *size) + 3, normal(1, batch, 5), normal(2, batch, 5)
    noise, weight, bias = normal(3, *size), normal(4, 5), normal(5, 5)
    want = adain(x, gamma, beta, noise, weight, bias, 0.2, 1e-3, impl="numpy")
    np.testing.assert_allclose(run(model, x, gamma, beta, noise, weight, bias), want, atol=1e-4)


def onnx_adain(channels: int, height: int, width: int) -> bytes:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    shapes = {
        "x": ["n", channels, height, width],
        "gamma": ["n", channels],
        "beta": ["n", channels],
        "noise": [height, width],
        "noise_weight": [channels],
        "bias": [channels],
    }
    node = helper.make_node("FusedAdaIN", list(shapes), ["y"], domain="facesdk", slope=0.2, epsilon=1e-3)
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", kind, shapes["x"])])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("facesdk", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def test_several_requests_at_once_do_not_mix(factory: Any) -> None:
    model = open_core().compile_model(open_core().read_model(onnx_adain(4, 16, 17)), "CPU")
    rest = [normal(9, 16, 17), normal(8, 4), normal(7, 4)]
    given = [(normal(s, 1, 4, 16, 17), normal(s + 50, 1, 4), normal(s + 90, 1, 4), *rest) for s in range(16)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda arrays: run(model, *arrays), given))
    for arrays, out in zip(given, got, strict=True):
        np.testing.assert_allclose(out, adain(*arrays, 0.2, 1e-3, impl="numpy"), atol=2e-2)


# facesdk::StyleLayer.


def layer_reference(
    x: np.ndarray, weight: np.ndarray, doubled: bool, rest: list[np.ndarray], epsilon: float
) -> np.ndarray:
    noise, noise_weight, bias, gamma, beta = rest
    if doubled:
        x = x.repeat(2, 2).repeat(2, 3)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
    y = np.ascontiguousarray(np.einsum("nchwkl,ockl->nohw", windows, weight, optimize=True))
    return adain(y, gamma, beta, noise.reshape(y.shape[2:]), noise_weight, bias, 0.2, epsilon, impl="numpy")


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize(("inner", "outer", "size"), [(16, 16, (1, 1)), (32, 48, (5, 7)), (48, 80, (16, 9))])
def test_style_layer_is_the_reference_in_bfloat16(
    bf16: Any, doubled: bool, inner: int, outer: int, size: tuple[int, int]
) -> None:
    height, width = (2 * size[0], 2 * size[1]) if doubled else size
    weight = (normal(0, outer, inner, 3, 3) / np.sqrt(9 * inner)).astype(np.float32)
    products = doubled_products(doubled_taps(weight)) if doubled else winograd_products(weight)
    assert products is not None
    epsilon = 1e-2
    noise, noise_weight, bias = 0.3 * normal(1, height * width), normal(2, outer), 0.5 * normal(3, outer)
    opset = ops()
    x, gamma, beta = (opset.parameter(shape, np.float32) for shape in ([-1, inner, *size], [-1, outer], [-1, outer]))
    last = opset.convert(opset.transpose(x, opset.constant(np.array([0, 2, 3, 1]))), "bf16").output(0)
    given = [opset.constant(a).output(0) for a in (pack_products(products), noise, noise_weight, bias)]
    attributes = {"out_channels": outer, "doubled": doubled, "slope": 0.2, "epsilon": epsilon}
    own = bf16.create("StyleLayer", [last, *given, gamma.output(0), beta.output(0)], attributes)
    out = opset.transpose(opset.convert(own.output(0), "f32"), opset.constant(np.array([0, 3, 1, 2])))
    model = compiled([out], [x, gamma, beta])
    for batch in (1, 3):
        arrays = normal(5, batch, inner, *size), normal(6, batch, outer), normal(7, batch, outer)
        want = layer_reference(arrays[0], weight, doubled, [noise, noise_weight, bias, *arrays[1:]], epsilon)
        got = run(model, *arrays)
        assert np.isfinite(got).all()
        assert np.abs(got - want).max() <= BF16 * np.abs(want).max() and np.abs(got - want).mean() < BF16 / 4


# How it gets into a graph.


def styled(opset: Any, x: Any, channels: int, codes: Any, axes: tuple[int, ...] = (2, 3)) -> Any:
    """Activation and AdaIN as ONNX's InstanceNormalization is read."""
    y = opset.prelu(x, opset.constant(np.array([0.2], np.float32)))
    y = opset.mvn(y, opset.constant(np.array(axes)), True, 1e-5, "inside_sqrt")
    for node, value in ((opset.multiply, 1.0), (opset.add, 0.0)):
        y = node(y, opset.constant(np.full((1, channels, 1, 1), value, np.float32)))
    for node, part in ((opset.multiply, 0), (opset.add, 1)):
        style = opset.gather(codes, opset.constant(part), opset.constant(1))
        y = node(y, opset.unsqueeze(style, opset.constant(np.array([2, 3]))))
    return y


def decoder(side: int = 16, channels: int = 32, axes: tuple[int, ...] = (2, 3), peek: bool = False) -> Any:
    """Two layers, the first one doubled, a shortcut, and a 1x1 convolution."""
    opset = ops()
    x = opset.parameter([-1, 16, side // 2, side // 2], np.float32)
    codes = opset.parameter([-1, 2, channels], np.float32)
    shortcut = opset.parameter([-1, channels, side, side], np.float32)
    taps = doubled_taps(normal(0, channels, 16, 3, 3) / 12)
    y = opset.convolution_backprop_data(x, opset.constant(taps), [2, 2], pads_begin=[1, 1], pads_end=[1, 1])
    noise = opset.multiply(opset.constant(normal(1, 1, 1, side, side)), opset.constant(normal(2, channels, 1, 1)))
    y = opset.add(opset.add(y, noise), opset.constant(normal(3, channels, 1, 1)))
    y = opset.add(styled(opset, y, channels, codes, axes), shortcut)
    weight = normal(4, channels, channels, 3, 3) / 17
    inner = opset.convolution(y, opset.constant(weight), [1, 1], [1, 1], [1, 1], [1, 1])
    y = styled(opset, opset.add(inner, opset.constant(normal(5, channels, 1, 1))), channels, codes, axes)
    rgb = opset.convolution(y, opset.constant(normal(6, 3, channels, 1, 1)), [1, 1], [0, 0], [0, 0], [1, 1])
    outputs = [rgb, inner] if peek else [rgb]
    return import_openvino().Model(outputs, [x, codes, shortcut], "decoder")


def kinds(model: Any) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_graph_with_own_layers_has_the_same_values(bf16: Any, batch: int) -> None:
    plain, own = decoder(), decoder()
    assert fuse_style_layers(open_core(), own) == 2
    assert kinds(own).count("StyleLayer") == 2 and "MVN" not in kinds(own) and "Convolution" not in kinds(own)
    arrays = normal(0, batch, 16, 8, 8), normal(1, batch, 2, 32), normal(2, batch, 32, 16, 16)
    want, near, got = (
        run(open_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision}), *arrays)
        for model, precision in ((plain, "f32"), (plain, "bf16"), (own, "bf16"))
    )
    # No further from float32 than OpenVINO's own bfloat16, up to Winograd's share.
    assert np.abs(got - want).mean() <= 2 * np.abs(near - want).mean()
    assert np.abs(got - want).max() <= 6 * BF16 * np.abs(want).max()


@pytest.mark.parametrize(
    ("what", "count"), [({"axes": (1, 2, 3)}, 0), ({"peek": True}, 1), ({"channels": 24}, 0), ({"side": 8}, 0)]
)
def test_what_only_looks_like_a_layer_is_left_alone(bf16: Any, what: dict[str, Any], count: int) -> None:
    model = decoder(**what)
    assert fuse_style_layers(open_core(), model) == count and kinds(model).count("StyleLayer") == count


def test_without_the_library_the_graph_stays_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(extension, "own_layers", lambda: Extension(None, "it was built for another OpenVINO"))
    model = decoder()
    with caplog.at_level("INFO", "facesdk.runtime"):
        assert fuse_style_layers(open_core(), model, "style_swap.decoder") == 0
    assert "style_swap.decoder: keeps the standard operations: it was built for another OpenVINO" in caplog.text
    assert "StyleLayer" not in kinds(model)


def test_noise_that_is_no_product_is_left_alone() -> None:
    opset = ops()
    x, codes = opset.parameter([-1, 16, 16, 16], np.float32), opset.parameter([-1, 2, 16], np.float32)
    y = opset.convolution(x, opset.constant(normal(0, 16, 16, 3, 3)), [1, 1], [1, 1], [1, 1], [1, 1])
    y = styled(opset, opset.add(y, opset.constant(normal(1, 1, 16, 16, 16))), 16, codes)
    model = import_openvino().Model([y], [x, codes], "m")
    norm = next(node for node in model.get_ordered_ops() if node.get_type_name() == "MVN")
    assert match_layer(norm) is None
