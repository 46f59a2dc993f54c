"""Budgets by closed forms: layers whose memory can be worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.budget.budget import CONTEXT_BYTES, Budget, GraphCost, SetBudget, edge_bytes, group_sets, largest_picture
from export.budget.costs import estimated_cost, planned_cost
from export.budget.estimate import WORKSPACE_BYTES, estimate_activations, weights_bytes
from export.budget.report import budget_table, notes
from export.torch_graph import float32
from facesdk.pack import EngineSpec, GraphSpec

IMAGE, EDGES = float32("image", "batch", 3, "height", "width"), float32("edges", "batch", 4, "height", "width")


def _chain(channels: list[int], ops: str = "") -> onnx.ModelProto:
    """Convolutions of 3 x 3 one after the other in float16, each followed by the operators named."""
    nodes, weights, name = [], [], "image"
    for index, (inner, outer) in enumerate(zip(channels, channels[1:])):
        weights.append(numpy_helper.from_array(np.zeros((outer, inner, 3, 3), np.float16), f"w{index}"))
        last = index == len(channels) - 2
        out = "edges" if last and not ops else f"c{index}"
        nodes.append(helper.make_node("Conv", [name, f"w{index}"], [out], pads=[1, 1, 1, 1]))
        name = out
        if ops:
            nodes.append(helper.make_node(ops, [name], ["edges" if last else f"a{index}"]))
            name = nodes[-1].output[0]
    edges = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT16, ["batch", c, "height", "width"])
        for n, c in (("image", channels[0]), ("edges", channels[-1]))
    ]
    graph = helper.make_graph(nodes, "g", edges[:1], edges[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("op", ["", "Relu"])
def test_a_chain_holds_two_neighbours_at_once(op: str) -> None:
    """Of layers a -> b -> c two live at a time; what works in place adds nothing."""
    channels, batch, height, width = [3, 8, 16, 4, 4], 2, 10, 12
    pairs = [8 + 16, 16 + 4, 4 + (4 if op else 0)]
    got, unknown = estimate_activations(_chain(channels, op), {"batch": batch, "height": height, "width": width})
    assert (got, unknown) == (max(pairs) * batch * height * width * 2, 0)


def test_a_skip_keeps_its_tensor_alive() -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w1"], ["b"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["b", "w1"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Concat", ["a", "c"], ["edges"], axis=1),
    ]
    weights = [numpy_helper.from_array(np.zeros((5, i, 3, 3), np.float16), f"w{k}") for k, i in enumerate((3, 5))]
    edges = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT16, ["batch", c, 4, 4])
        for n, c in (("image", 3), ("edges", 10))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", edges[:1], edges[1:], weights),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
    )  # fmt: skip
    # a, b and c stand together while c is made.
    assert estimate_activations(model, {"batch": 1}) == (3 * 5 * 16 * 2, 0)
    assert weights_bytes(model) == (5 * 3 * 9 + 5 * 5 * 9) * 2


def test_edges() -> None:
    sizes = {"batch": 2, "height": 5, "width": 7}
    assert edge_bytes((IMAGE, EDGES), sizes) == 2 * (3 + 4) * 35 * 4
    # An axis that only an output has counts as 1.
    assert edge_bytes((float32("boxes", "batch", "anchors", 4),), sizes) == 2 * 4 * 4
    assert (
        largest_picture((IMAGE, EDGES), sizes) == (5, 7)
        and largest_picture((float32("codes", "batch", 9),), {}) is None
    )


def test_a_plan_holds_for_the_whole_profile() -> None:
    engine = EngineSpec(
        "e", "r", "1", ("sm89",), "", {"batch": (1, 1, 4), "height": (8, 8, 16), "width": (8, 8, 32)}, 100, 5000
    )
    spec = GraphSpec("f", "", 0, "fp16", (IMAGE,), (EDGES,))
    one, four, nine = (planned_cost("faces.g", spec, engine, batch) for batch in (1, 4, 9))
    assert {c.activation_bytes for c in (one, four, nine)} == {5000} and one.workspace_bytes == 0
    assert [c.io_bytes for c in (one, four, nine)] == [b * 7 * 16 * 32 * 4 for b in (1, 4, 4)]
    assert nine.batch == 4 and one.size_hw == (16, 32)


def test_an_estimate_adds_its_workspace() -> None:
    model = _chain([3, 4])
    cost = estimated_cost("faces.g", ((IMAGE,), (EDGES,)), model, batch=2, side=8)
    assert (cost.weights_bytes, cost.activation_bytes, cost.workspace_bytes) == (4 * 3 * 9 * 2, 0, WORKSPACE_BYTES)
    assert cost.io_bytes == 2 * 7 * 64 * 4
    assert cost.total_bytes == 216 + WORKSPACE_BYTES + 3584 and sum(cost.parts.values()) == cost.total_bytes


def _cost(graph: str, weights: int, activations: int) -> GraphCost:
    return GraphCost(graph, "plan", None, 1, weights, activations, 7, 3)


def test_sets_add_up_and_name_what_is_over() -> None:
    costs = [
        _cost("style_swap.encoder", 900_000_000, 100),
        _cost("faces.detector", 599_999_000, 200),
        _cost("latent_flow.decoder", 1, 2),
        _cost("other.graph", 10**12, 1),
    ]
    swap, generation = group_sets(costs, 1)
    assert (swap.name, generation.name) == ("swap", "generation") and len(swap.costs) == 2
    assert swap.total_bytes == 1_499_999_000 + 300 + 2 * 10 and swap.ok and generation.total_bytes == 1 + 2 + 10
    # In one buffer of activations the smaller of the two comes free.
    assert swap.shared_bytes == swap.total_bytes - 100
    fits = Budget("p", 16_000_000_000, (swap, generation))
    assert fits.faults == [] and fits.loaded_bytes(1) == CONTEXT_BYTES + swap.total_bytes + generation.total_bytes
    over = SetBudget("swap", 4, (*swap.costs, _cost("faces.parser", 1000, 0)), 1_500_000_000)
    tight = Budget("p", 2_000_000_100, (swap, over))
    assert len(tight.faults) == 2 and tight.faults[0].startswith("swap at batch 4: 1.500 GB, at most 1.500")
    assert "all sets at batch 4: 2.000 GB with the context" in tight.faults[1]
    document = json.loads(json.dumps(tight.document()))
    assert document["ok"] is False and document["sets"][1]["total_bytes"] == over.total_bytes
    assert budget_table(tight).row_count == 2 + 1 + 3 + 1 + 2
    assert any("one activation buffer" in line for line in notes(tight))
    # These costs are of one row at a time.
    assert [line for line in notes(tight) if "pieces" in line] == [
        "swap at batch 4: engines take 1 at once, so it runs in pieces"
    ]
