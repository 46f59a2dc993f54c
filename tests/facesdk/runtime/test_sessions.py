"""Sessions: what goes in is checked, what comes out is right, in every backend and from several threads."""

from __future__ import annotations

import importlib.util
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facesdk.errors import BackendError, InputError, PackError
from facesdk.pack import Pack, TensorSpec
from facesdk.runtime import select
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.runtime.openvino_session import OpenvinoSession, cpu_has_bf16
from facesdk.runtime.session import check_feeds
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_convolution

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
F32_BACKENDS = ["onnxruntime", "openvino-f32"]


def picture(batch: int = 2, seed: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 3, 8, 16)).astype(np.float32)


@pytest.mark.parametrize("backend", F32_BACKENDS)
@pytest.mark.parametrize("batch", [1, 3])
def test_float32_backends_compute_the_convolution(tiny_pack: Pack, backend: str, batch: int) -> None:
    session = select.open_session(tiny_pack, "faces", "edges", backend, threads=1)
    image = picture(batch)
    np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=2e-6)


def test_bf16_is_close_and_is_bf16(tiny_pack: Pack) -> None:
    if not cpu_has_bf16():
        with pytest.raises(BackendError, match="no bfloat16"):
            select.open_session(tiny_pack, "faces", "edges", "openvino-bf16")
        return
    session = select.open_session(tiny_pack, "faces", "edges", "openvino-bf16", threads=1)
    image = picture()
    error = np.abs(session.run({"image": image})["edges"] - tiny_convolution(image))
    assert session.backend == "openvino-bf16"
    # Eight bits of mantissa: worse than float32, and no worse than a few units of 2^-8 of the largest value.
    assert 1e-5 < error.max() < 0.03


@pytest.mark.parametrize("backend", F32_BACKENDS)
def test_outputs_belong_to_the_caller(tiny_pack: Pack, backend: str) -> None:
    session = select.open_session(tiny_pack, "faces", "edges", backend, threads=1)
    first = session.run({"image": picture(seed=1)})["edges"]
    kept = first.copy()
    session.run({"image": picture(seed=2)})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("backend", F32_BACKENDS)
def test_inputs_may_be_views(tiny_pack: Pack, backend: str) -> None:
    session = select.open_session(tiny_pack, "faces", "edges", backend, threads=1)
    hwc = np.ascontiguousarray(picture().transpose(0, 2, 3, 1))
    view = hwc.transpose(0, 3, 1, 2)[:, ::-1]
    np.testing.assert_allclose(session.run({"image": view})["edges"], tiny_convolution(view), atol=2e-6)


@pytest.mark.parametrize("backend", F32_BACKENDS)
def test_threads_do_not_mix_their_results(tiny_pack: Pack, backend: str) -> None:
    session = select.open_session(tiny_pack, "faces", "edges", backend, threads=1)
    images = [picture(1 + seed % 3, seed) for seed in range(48)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda image: session.run({"image": image})["edges"], images))
    for image, result in zip(images, results, strict=True):
        np.testing.assert_allclose(result, tiny_convolution(image), atol=2e-6)


def test_wrong_inputs_say_got_and_expected(tiny_pack: Pack) -> None:
    session = select.open_session(tiny_pack, "faces", "edges", "onnxruntime", threads=1)
    image = picture()
    cases = {
        r"input 'image' has shape \(2, 1, 8, 16\), \(batch, 3, height, width\) expected": {"image": image[:, :1]},
        r"has shape \(3, 8, 16\)": {"image": image[0]},
        r"has shape \(0, 3, 8, 16\)": {"image": image[:0]},
        r"'image' is float64, float32 expected": {"image": image.astype(np.float64)},
        r"inputs picture given, image expected": {"picture": image},
        r"inputs extra, image given, image expected": {"image": image, "extra": image},
        r"'image' is a list": {"image": image.tolist()},
    }
    for message, feeds in cases.items():
        with pytest.raises(InputError, match=message):
            session.run(feeds)  # type: ignore[arg-type]


def test_axes_of_one_name_have_one_size() -> None:
    specs = (TensorSpec("a", "float32", ("batch", 4)), TensorSpec("b", "float32", ("batch", 2)))
    a, b = np.zeros((3, 4), np.float32), np.zeros((2, 2), np.float32)
    with pytest.raises(InputError, match=r"'b' has shape \(2, 2\), \(batch, 2\) expected, batch=3"):
        check_feeds("pair", specs, {"a": a, "b": b})
    check_feeds("pair", specs, {"a": a, "b": np.zeros((3, 2), np.float32)})


@pytest.mark.parametrize("kind", [OnnxSession, OpenvinoSession])
def test_graph_that_is_not_as_the_manifest_says(tiny_pack: Pack, kind: type) -> None:
    spec = tiny_pack.graphs["faces.edges"]
    data = tiny_pack.graph("faces", "edges")
    rest = ("f32",) if kind is OpenvinoSession else ()
    other = replace(spec, outputs=(TensorSpec("score", "float32", ("batch",)),))
    with pytest.raises(PackError, match="outputs are edges; the manifest says score"):
        kind("faces.edges", other, data, 1, *rest)
    other = replace(spec, inputs=(TensorSpec("crop", "float32", ("batch",)),))
    with pytest.raises(PackError, match="inputs are image; the manifest says crop"):
        kind("faces.edges", other, data, 1, *rest)
    with pytest.raises(PackError, match="cannot load the graph"):
        kind("faces.edges", spec, data[: len(data) // 2], 1, *rest)


def test_auto_takes_openvino_and_bf16_only_where_measured(
    tiny_pack: Pack, tiny_pack_without_bf16: Pack, caplog: pytest.LogCaptureFixture
) -> None:
    best = "openvino-bf16" if cpu_has_bf16() else "openvino-f32"
    with caplog.at_level(logging.INFO, "facesdk.runtime"):
        session = select.open_session(tiny_pack, "faces", "edges", threads=1)
    assert session.backend == best and best in caplog.text
    assert select.resolve_backend("auto", tiny_pack_without_bf16.graphs["faces.edges"], Settings()) == "openvino-f32"
    assert select.available_backends()[0] == best


def test_environment_names_what_auto_means(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_BACKEND", "onnxruntime")
    monkeypatch.setenv("FACESDK_THREADS", "1")
    session = select.open_session(tiny_pack, "faces", "edges")
    assert (session.backend, session.threads) == ("onnxruntime-cpu", 1)
    monkeypatch.setenv("FACESDK_BACKEND", "cuda")
    with pytest.raises(InputError, match="FACESDK_BACKEND='cuda': one of auto, fastest, openvino"):
        select.open_session(tiny_pack, "faces", "edges")


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes modules look as if they were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in names else real(name, *a))


def test_missing_runtimes_name_the_extra(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny_pack.graphs["faces.edges"]
    without(monkeypatch, "openvino")
    assert select.resolve_backend("auto", spec, Settings()) == "onnxruntime"
    with pytest.raises(BackendError, match=r"openvino is not installed(.|\n)*facesdk\[cpu\]"):
        select.resolve_backend("openvino-f32", spec, Settings())
    monkeypatch.undo()
    without(monkeypatch, "openvino", "onnxruntime")
    with pytest.raises(BackendError, match=r"no runtime is installed(.|\n)*facesdk\[cpu\]"):
        select.open_session(tiny_pack, "faces", "edges")


def test_wrong_backend_and_threads(tiny_pack: Pack) -> None:
    with pytest.raises(InputError, match="backend='cuda'"):
        select.open_session(tiny_pack, "faces", "edges", "cuda")
    with pytest.raises(InputError, match="threads=0"):
        select.open_session(tiny_pack, "faces", "edges", threads=0)
