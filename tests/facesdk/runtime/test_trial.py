"""The trial of unsigned packs: a child dies in this process's place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from facesdk.errors import PackError
from facesdk.pack import GraphSpec, Pack, TensorSpec, open_pack
from facesdk.pack.signature import SIGNATURE_FILE
from facesdk.runtime import trial
from facesdk.runtime.select import open_session
from facesdk.runtime.trial import TrialLimits, try_graph
from tests.facesdk.tiny_pack import tiny_graph

pytest.importorskip("onnxruntime")
BACKEND = "onnxruntime"
LIMITS = TrialLimits(1 << 30, 4, 30.0)


@pytest.fixture(autouse=True)
def nothing_passed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_passed", set())


def graph(nodes: list[onnx.NodeProto], shape: list[int], constants: list[onnx.TensorProto]) -> tuple[GraphSpec, bytes]:
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]
    made = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    spec = GraphSpec(
        "g.onnx", "", 0, "fp32", (TensorSpec("x", "float32", tuple(shape)),), (TensorSpec("y", "float32", ()),)
    )
    return spec, made.SerializeToString()


def test_a_good_graph_passes_once_and_is_not_tried_again(tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    (tiny_pack.path / SIGNATURE_FILE).unlink()
    pack = open_pack(tiny_pack.path, unsigned=True)
    session = open_session(pack, "faces", "edges", BACKEND, 1)
    assert session.run({"image": np.zeros((1, 3, 8, 8), np.float32)})["edges"].shape == (1, 4, 8, 8)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(subprocess, "run", never)
    open_session(pack, "faces", "edges", BACKEND, 1)
    # A signed pack has no need of it.
    tiny_pack.signer = "someone"
    monkeypatch.setattr(trial, "_passed", set())
    open_session(tiny_pack, "faces", "edges", BACKEND, 1)


def test_a_graph_that_wants_all_memory_or_time_fails_there() -> None:
    big = numpy_helper.from_array(np.array([100_000, 200_000], np.int64), "shape")
    spec, data = graph([helper.make_node("Expand", ["x", "shape"], ["y"])], [1], [big])
    with pytest.raises(PackError, match="failed in its trial"):
        try_graph("f.g", spec, data, BACKEND, LIMITS)
    limit = numpy_helper.from_array(np.array(1 << 60, np.int64), "n")
    true = numpy_helper.from_array(np.array(True), "true")
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", onnx.TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("d", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [1]),
        ],
    )
    spec, data = graph([helper.make_node("Loop", ["n", "true", "x"], ["y"], body=body)], [1], [limit, true])
    with pytest.raises(PackError, match="died of SIG(XCPU|KILL)|did not come back"):
        try_graph("f.g", spec, data, BACKEND, TrialLimits(1 << 30, 1, 30.0))


def test_what_the_runtime_refuses_is_said(tiny_pack: Pack) -> None:
    spec = tiny_pack.graphs["faces.edges"]
    with pytest.raises(PackError, match="onnxruntime cannot load the graph"):
        try_graph("f.g", spec, tiny_graph()[:-40], BACKEND, LIMITS)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.abort()", "died of SIGABRT"),
        ("import os; os.kill(os.getpid(), 11)", "died of SIGSEGV"),
        ("import time; time.sleep(60)", "did not come back within 0.5 s"),
        ("print('out of luck'); raise SystemExit(1)", "out of luck"),
        ("raise SystemExit(7)", "ended with code 7"),
        ("pass", "ended with code 0"),
    ],
)
def test_however_the_child_ends_this_process_lives(
    code: str, message: str, tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **rest: real([sys.executable, "-c", code], **rest))
    wall = 0.5 if "sleep" in code else 30.0
    with pytest.raises(PackError, match=f"unsigned pack failed in its trial: .*{message}"):
        try_graph("f.g", tiny_pack.graphs["faces.edges"], tiny_graph(), BACKEND, TrialLimits(1 << 30, 4, wall))


def test_mutants_kill_no_more_than_their_child(tiny_pack: Pack) -> None:
    """A sample; `python -m bench trust --part packs` has the thousands."""
    rng = np.random.default_rng(7)
    spec = tiny_pack.graphs["faces.edges"]
    for _ in range(4):
        data = bytearray(tiny_graph())
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        try:
            try_graph("f.g", spec, bytes(data), BACKEND, LIMITS)
        except PackError as error:
            assert "failed in its trial" in str(error)
