from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import onnx
import pytest
from rich.console import Console

from export.parity import (
    BACKENDS,
    ParityError,
    check_parity,
    compare,
    manifest_parity,
    measurable_backends,
    meets,
    open_backend,
    parity_table,
    random_batches,
)
from export.to_fp16 import store_fp16
from export.torch_graph import Floor, TorchGraph


def test_compare_in_closed_form() -> None:
    reference = [np.array([[0.0, 1.0], [0.0, 2.0]], np.float32)]
    got = [np.array([[0.0, 1.0], [0.2, 2.0]], np.float32)]
    values = compare(reference, got)
    assert values["max_abs"] == pytest.approx(0.2)
    assert values["mean_abs"] == pytest.approx(0.05)
    # The second sample is (0, 2) against (0.2, 2): the angle's cosine is 2 / sqrt(4.04).
    assert values["cosine"] == pytest.approx(2 / math.sqrt(4.04))
    # Range 2, mean square 0.04 / 4.
    assert values["psnr_db"] == pytest.approx(10 * math.log10(4 / 0.01))


def test_compare_sees_what_is_not_a_number_and_what_has_another_shape() -> None:
    one = [np.ones((1, 4), np.float32)]
    values = compare(one, [np.array([[1, np.nan, 1, 1]], np.float32)])
    assert values["max_abs"] == np.inf and values["cosine"] == -1.0
    with pytest.raises(ParityError, match=r"\(1, 3\).*\(1, 4\)"):
        compare(one, [np.ones((1, 3), np.float32)])
    assert compare(one, one)["psnr_db"] == np.inf


@pytest.mark.parametrize(
    ("floor", "ok"),
    [
        (Floor(), True),
        (Floor(max_abs=0.2), True),
        (Floor(max_abs=0.19), False),
        (Floor(mean_abs=0.04), False),
        (Floor(cosine=0.9), True),
        (Floor(cosine=0.999), False),
        (Floor(psnr_db=40), False),
    ],
)
def test_floor_bounds_each_figure(floor: Floor, ok: bool) -> None:
    assert meets({"max_abs": 0.2, "mean_abs": 0.05, "cosine": 0.99, "psnr_db": 26.0}, floor) is ok


def test_every_backend_is_measured_on_batches_of_one_two_and_three(graph: TorchGraph, model: onnx.ModelProto) -> None:
    assert [len(b["image"]) for b in random_batches(graph)] == [1, 2, 3]
    rows = check_parity(graph, store_fp16(model).SerializeToString())
    assert {(r.backend, r.output) for r in rows} == {(b, t.name) for b in measurable_backends() for t in graph.outputs}
    assert all(r.ok and 0 < r.mean_abs < 0.02 for r in rows), [r.manifest() for r in rows]
    worst = manifest_parity(rows)["onnxruntime"]
    assert worst["max_abs"] == pytest.approx(max(r.max_abs for r in rows if r.backend == "onnxruntime"), rel=1e-3)
    assert worst["cosine"] <= min(r.cosine for r in rows if r.backend == "onnxruntime") + 1e-5
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(parity_table(rows))
    assert "test.small picture" in console.export_text()


def test_a_missed_floor_raises_with_the_figures(graph: TorchGraph, model: onnx.ModelProto) -> None:
    strict = replace(graph, exact={"picture": Floor(max_abs=1e-12), "mixed": Floor()})
    with pytest.raises(ParityError, match=r"test\.small picture on onnxruntime: .*max_abs <= 1e-12"):
        check_parity(strict, store_fp16(model).SerializeToString(), backends=["onnxruntime"])


def test_a_wrong_graph_is_found(graph: TorchGraph, model: onnx.ModelProto) -> None:
    broken = onnx.ModelProto()
    broken.CopyFrom(model)
    weight = next(w for w in broken.graph.initializer if w.name.endswith("out.weight"))
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0] *= -1
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    with pytest.raises(ParityError, match="picture"):
        check_parity(graph, broken.SerializeToString(), backends=["onnxruntime"])


def test_reduced_graphs_are_held_to_the_reduced_floor(graph: TorchGraph, model: onnx.ModelProto) -> None:
    never = replace(graph, exact={"*": Floor(max_abs=0.0)}, reduced={"*": Floor(cosine=0.9)})
    data = store_fp16(model).SerializeToString()
    assert all(row.ok for row in check_parity(never, data, backends=["onnxruntime"], reduced=True))
    with pytest.raises(ParityError):
        check_parity(never, data, backends=["onnxruntime"])


def test_an_unknown_backend_is_named(graph: TorchGraph, model: onnx.ModelProto) -> None:
    with pytest.raises(ParityError, match="'tpu' is not known"):
        open_backend("tpu", graph, model.SerializeToString())
    assert set(measurable_backends()) <= set(BACKENDS)
