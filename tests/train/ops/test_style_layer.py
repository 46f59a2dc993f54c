"""The style decoder with the fused op in it: what training computes is what export sees."""

from __future__ import annotations

import copy

import pytest
import torch

import train.models.style_swap.synthesis as synthesis
from train.models.style_swap.config import PRESETS
from train.models.style_swap.synthesis import StyleLayer


def layer_and_inputs(noisy: bool) -> tuple[StyleLayer, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    layer = StyleLayer(6, 5, 8 if noisy else 64, 12, PRESETS["tiny"].decoder, up=False, conv=True)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, 0.2)
    return layer, torch.randn(2, 6, 8, 8), torch.randn(2, 12)


@pytest.mark.parametrize("noisy", [True, False])
def test_training_equals_the_standard_ops(monkeypatch: pytest.MonkeyPatch, noisy: bool) -> None:
    layer, x, style = layer_and_inputs(noisy)
    other = copy.deepcopy(layer)
    assert synthesis.can_fuse(x), "the native module must be there"
    mine = layer.train()(x, style, "fixed")
    mine.square().sum().backward()
    monkeypatch.setattr(synthesis, "can_fuse", lambda x: False)
    for mode in (True, False):
        other.zero_grad()
        its = other.train(mode)(x, style, "fixed")
        its.square().sum().backward()
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-4)
        for (name, a), b in zip(layer.named_parameters(), other.parameters()):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-3, msg=name)


def test_random_noise_is_drawn_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, style = layer_and_inputs(True)
    results = []
    for fuse in (True, False):
        monkeypatch.setattr(synthesis, "can_fuse", lambda x, fuse=fuse: fuse)
        torch.manual_seed(7)
        results.append(layer.train()(x, style, "random"))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-4)


def test_export_sees_standard_ops_only_and_compile_takes_the_fused_one() -> None:
    layer, x, style = layer_and_inputs(True)
    program = torch.export.export(layer.eval(), (x, style, "fixed"))
    assert not [node for node in program.graph.nodes if "facesdk" in str(node.target)]
    seen = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> torch.fx.GraphModule:
        seen.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    layer.train()
    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    torch.testing.assert_close(compiled(x, style, "fixed"), layer(x, style, "fixed"))
    assert any("facesdk.adain" in target for target in seen)
