"""What a graph must not have, against files that the package onnx writes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facesdk.pack.graph_check import check_graph
from tests.facesdk.tiny_pack import tiny_graph


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_from_string(tiny_graph())
    change(model)
    return bytes(model.SerializeToString())


def external(tensor: onnx.TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")


def sparse(model: onnx.ModelProto) -> None:
    values, indices = (numpy_helper.from_array(np.array([1]), name) for name in ("v", "i"))
    external(values)
    model.graph.sparse_initializer.add(values=values, indices=indices, dims=[4])


def branch(op_type: str) -> Callable[[onnx.ModelProto], object]:
    inner = helper.make_graph([helper.make_node("Identity", ["edges"], ["out"])], "inner", [], [])
    return lambda model: model.graph.node.append(helper.make_node(op_type, ["edges"], ["more"], body=inner))


def inside_a_branch(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    external(tensor)
    inner = helper.make_graph([helper.make_node("Evil", [], ["w"], domain="com.evil")], "inner", [], [], [tensor])
    model.graph.node.append(helper.make_node("If", ["edges"], ["more"], then_branch=inner, else_branch=inner))


def constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    external(tensor)
    model.graph.node.append(helper.make_node("Constant", [], ["w"], value=tensor))


def test_a_plain_graph_has_no_faults() -> None:
    assert check_graph(tiny_graph()) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda model: external(model.graph.initializer[0]), "another file"),
        (lambda model: model.graph.initializer[0].external_data.add(key="location", value="x"), "another file"),
        (sparse, "another file"),
        (constant, "another file"),
        (lambda model: model.graph.node.append(helper.make_node("Evil", [], ["x"], domain="com.evil")), "'com.evil'"),
        (lambda model: model.opset_import.append(helper.make_opsetid("com.evil", 1)), "'com.evil'"),
        (lambda model: model.functions.append(helper.make_function("com.evil", "f", [], [], [], [])), "'com.evil'"),
        (lambda model: model.training_info.add(), "training graph"),
        *((branch(kind), f"operator {kind}") for kind in ("If", "Loop", "Scan", "SequenceMap")),
        (lambda model: model.ClearField("graph"), "holds no graph"),
    ],
)
def test_what_reaches_out_or_may_never_end(change: Callable[[onnx.ModelProto], object], fault: str) -> None:
    faults = check_graph(changed(change))
    assert len(faults) == 1 and fault in faults[0], faults


def test_all_faults_are_found_inside_branches_too() -> None:
    faults = check_graph(changed(inside_a_branch))
    assert len(faults) == 3 and check_graph(changed(inside_a_branch), control_flow=True) == faults[:0] + [
        fault for fault in faults if "operator If" not in fault
    ]
    assert check_graph(changed(branch("Loop")), control_flow=True) == []


def test_what_is_no_file_of_onnx() -> None:
    whole = tiny_graph()
    assert check_graph(b"") == ["it holds no graph"]
    for data in (b"\xff" * 40, b"\x00", whole[:-3], b"\x0b" + whole, b"<html>"):
        assert check_graph(data), data[:8]


def test_graphs_nested_without_end_are_refused() -> None:
    data = b"\x0a\x00"
    for _ in range(200):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            data = tag + _varint(len(data)) + data
    assert "nested too deeply" in check_graph(b"\x3a" + _varint(len(data)) + data)[0]


def test_it_never_fails_in_another_way() -> None:
    rng = np.random.default_rng(1)
    whole = changed(inside_a_branch)
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        assert isinstance(check_graph(bytes(data[: rng.integers(1, len(data) + 1)])), list)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
