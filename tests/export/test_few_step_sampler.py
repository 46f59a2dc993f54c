from __future__ import annotations

from collections import Counter
from typing import Any

import onnx
import pytest
import torch

from export.families.untrained import untrained_generator
from export.few_step_sampler import FewStepSampler
from train.flow.guidance import conditioned
from train.flow.solve import few_steps
from train.models.layers import parameter_count


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_it_is_the_loop_around_the_net(steps: int) -> None:
    net = untrained_generator("tiny", seed=3)[1]
    torch.manual_seed(1)
    noise, condition = torch.randn(3, net.config.latent), torch.randn(3, net.config.condition)
    identity = torch.nn.functional.normalize(torch.randn(3, net.config.identity))
    base = torch.randn(3, net.config.condition)
    guidance = torch.tensor([0.0, 1.0, 3.5])
    sampler, nobody = FewStepSampler(net, steps).eval(), torch.zeros_like(identity)
    with torch.no_grad():
        got = sampler(noise, condition, identity, base, guidance)
        plain = sampler(noise, condition, identity, torch.zeros_like(base), guidance)
        for row, weight in enumerate(guidance.tolist()):
            one = slice(row, row + 1)
            velocity = conditioned(net, condition[one], identity[one], weight)
            torch.testing.assert_close(plain[one], few_steps(velocity, noise[one], steps), atol=1e-5, rtol=1e-5)

            def between(*point: torch.Tensor, one: slice = one, weight: float = weight) -> torch.Tensor:
                wanted, other = net(*point, condition[one], identity[one]), net(*point, base[one], nobody[one])
                return other + weight * (wanted - other)

            torch.testing.assert_close(got[one], few_steps(between, noise[one], steps), atol=1e-5, rtol=1e-5)
    # The wish does something, and so does the base where it counts.
    assert (got[0] - got[2]).abs().max() > 0.1 and (got[2] - plain[2]).abs().max() > 0.1
    torch.testing.assert_close(got[1], plain[1])


def test_four_steps_share_their_weights_in_the_file(generator: Any) -> None:
    net, model = generator.net, generator.model("sampler")
    stored = sum(onnx.numpy_helper.to_array(w).size for w in model.graph.initializer)
    assert stored < 1.1 * parameter_count(net)
    reads = Counter(name for node in model.graph.node for name in node.input)
    blocks = [w.name for w in model.graph.initializer if ".first." in w.name and w.name.endswith("weight")]
    assert len(blocks) == net.config.depth and all(reads[name] == 4 for name in blocks)
    # Times are known, so their sines are numbers.
    assert not {"Sin", "Cos"} & {node.op_type for node in model.graph.node}
