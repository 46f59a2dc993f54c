"""Batch normalisations that the exporter folded into the layer before them, made whole again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def layers_before(network: nn.Module, run: Callable[[], Any]) -> dict[str, str]:
    """Each batch normalisation of a network -> the convolution or linear layer whose output it reads.

    Where the layer's filters are used without calling it, that is the one registered before the normalisation.

    Args:
        network: in eval mode.
        run: runs it once.
    """
    made: dict[int, tuple[str, Tensor]] = {}
    before: dict[str, str] = {}
    last = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            last = name
        elif isinstance(module, _BatchNorm) and last:
            before[name] = last

    def note(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            made[id(output)] = (name, output)  # held, or its id could be given again

        return hook

    def ask(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if id(inputs[0]) in made:
                before[name] = made[id(inputs[0])][0]

        return hook

    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            hooks.append(module.register_forward_hook(note(name)))
        elif isinstance(module, _BatchNorm):
            hooks.append(module.register_forward_pre_hook(ask(name)))
    try:
        run()
    finally:
        for handle in hooks:
            handle.remove()
    return before


@torch.no_grad()
def pass_through(norm: _BatchNorm, bias: Tensor | None = None) -> None:
    """Lets a normalisation in eval mode add its bias, by default nothing, and do no more."""
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.zero_()
    if bias is not None:
        norm.bias.copy_(bias)


@torch.no_grad()
def give_statistics(norms: Mapping[str, _BatchNorm], runs: Iterable[Callable[[], Any]]) -> None:
    """Gives normalisations that pass through the statistics of what they see, and keeps what the network computes.

    Without them the first step of a training would normalise what was never meant to be.

    Args:
        norms: those that only add their bias, by name; changed in place.
        runs: each runs their network, in eval mode, on some pictures.
    """
    sums = {name: [0, 0.0, 0.0] for name in norms}

    def measure(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].double().transpose(0, 1).flatten(1)
            total = sums[name]
            total[0], total[1], total[2] = total[0] + x.shape[1], total[1] + x.sum(1), total[2] + x.square().sum(1)

        return hook

    hooks = [norm.register_forward_pre_hook(measure(name)) for name, norm in norms.items()]
    try:
        for run in runs:
            run()
    finally:
        for handle in hooks:
            handle.remove()
    for name, norm in norms.items():
        count, total, squares = sums[name]
        if not count:
            warnings.warn(f"{name} saw nothing and keeps passing through.", stacklevel=2)
            continue
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(1e-6)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
