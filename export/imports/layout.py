"""How a foreign file names, lays out and scales its tensors: rows of a table, and what a table must say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from facesdk.errors import InputError

Form = Literal["as is", "HWIO", "IO", "IOHW", "1C11", "gamma+1", "mean style"]
"""How their tensor lies: as ours; (k, k, in, out); (in, out); (in, out, k, k); (1, C, 1, 1); gamma, not gamma - 1, and
beta; one (D,) for every style element."""
AXES = {"HWIO": 4, "IO": 2, "IOHW": 4, "1C11": 4, "gamma+1": 1, "mean style": 1}


@dataclass(frozen=True)
class Row:
    """One tensor of theirs and where it goes.

    Attributes:
        theirs: its name in the file.
        ours: its name in our network.
        form: how it lies.
        gain: numerator of their run-time multiplier gain / sqrt(fan_in), None without one.
        factor: further multiplier.
        fused: of a kernel that doubles the resolution: whether theirs is applied as one transposed convolution; "auto"
            where their code goes by the resolution; None for every other tensor.
    """

    theirs: str
    ours: str
    form: Form = "as is"
    gain: float | None = None
    factor: float = 1.0
    fused: bool | Literal["auto"] | None = None


Rows: TypeAlias = Callable[[nn.Module, Mapping[str, Tensor], Mapping[str, Any]], list[Row]]
"""(our network, tensors below the root, settings of the file) to the table of this file."""


@dataclass(frozen=True)
class Layout:
    """A kind of file.

    Attributes:
        name: as people call it.
        net: our network that it goes into, a name of train.registry.
        signature: names that every such file holds, below the root.
        rows: its table; a tensor of the table that the file lacks is an error.
        left: pattern of their names -> why those are left; the first that fits.
        whole: pattern of their names of which nothing else may be left over, or "".
        zero: names of ours that the file's network does not have, and that are zero without a trace.
        roots: prefixes under which its tensors may lie; the first that fits counts.
        adapt: (config of a preset, tensors below the root) to the config for this file.
        mean_style: tensors below the root to the mean style (D,), where the file says it in a roundabout way.
        mean_style_reads: pattern of the names that it reads.
        differences: what our network computes differently, one sentence each.
    """

    name: str
    net: str
    signature: tuple[str, ...]
    rows: Rows
    left: Mapping[str, str] = field(default_factory=dict)
    whole: str = ""
    zero: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("",)
    adapt: Callable[[Any, Mapping[str, Tensor]], Any] | None = None
    mean_style: Callable[[Mapping[str, Tensor]], Tensor] | None = None
    mean_style_reads: str = ""
    differences: tuple[str, ...] = ()


def converted(tensor: Tensor, row: Row, network: nn.Module) -> Tensor:
    """Their tensor as ours: layout, scale, and the direction of an upsampling kernel.

    Args:
        tensor: theirs.
        row: of the table.
        network: ours, whose layer says what it multiplies the stored weight with.

    Raises:
        InputError: it has not as many axes as its form.
    """
    if tensor.dim() != AXES.get(row.form, tensor.dim()) or (row.form == "1C11" and tensor.numel() != tensor.shape[1]):
        raise InputError(f"{row.theirs} has the shape {tuple(tensor.shape)}, which is not of the form {row.form}.")
    if row.form == "HWIO":
        tensor = tensor.permute(3, 2, 0, 1)
    elif row.form in ("IO", "IOHW"):
        tensor = tensor.transpose(0, 1)
    elif row.form == "1C11":
        tensor = tensor.flatten()
    elif row.form == "gamma+1":
        # They keep gamma itself, we gamma - 1.
        tensor = tensor.float() - (torch.arange(tensor.numel()) < tensor.numel() // 2).float()
    elif row.form == "mean style":
        tensor = tensor.expand(network.get_buffer(row.ours).shape[1], -1)[None]
    if row.fused is not None and row.fused != network.get_submodule(row.ours.rpartition(".conv.")[0]).fused:
        # A transposed convolution turns its kernel: the other form needs it turned back.
        tensor = tensor.flip(2, 3)
    if row.gain is not None or row.factor != 1.0:
        # A noise weight is multiplied like a convolution's whose fan-in are its channels (rosinality, EqualLR).
        fan_in = tensor.numel() if row.form == "1C11" else tensor[0].numel()
        theirs = (1.0 if row.gain is None else row.gain / math.sqrt(fan_in)) * row.factor
        layer = network.get_submodule(row.ours.removesuffix(".weight")) if row.ours.endswith(".weight") else None
        tensor = tensor.float() * (theirs / float(getattr(layer, "scale", 1.0)))
    return tensor.contiguous()
