"""Puts a file's tensors into a network by a layout's table, and accounts for every one."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from export.imports.coverage import Coverage, Left, Placed
from export.imports.layout import Layout, Row, converted
from facesdk.errors import InputError

# Counts batches for a momentum that no network here uses; older files lack it.
OPTIONAL = "*.num_batches_tracked"
MEAN_STYLE = "encoder.w_avg"
MOST_NAMED = 5


def place(
    network: nn.Module,
    layout: Layout,
    prefix: str,
    tensors: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    kept: str,
) -> Coverage:
    """Fills a network from a file; on any error the network is as it was.

    Args:
        network: of the layout's kind.
        layout: what the file is.
        prefix: under which its tensors lie.
        tensors: all of the file.
        settings: of the file.
        kept: why a tensor of ours that gets no value stays as it is.

    Raises:
        InputError: a tensor of the table is missing or has another shape, or one of the file that belongs to the
            network has no place in it.
    """
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    rows = layout.rows(network, inside, settings)
    missing = [row.theirs for row in rows if row.theirs not in inside and not fnmatchcase(row.theirs, OPTIONAL)]
    if missing:
        raise InputError(
            f"The file is a {layout.name}, but lacks {_some(missing)}.",
            "It is cut, or of a network of another size than the preset's.",
        )
    state = network.state_dict()
    values: dict[str, Tensor] = {}
    placed: list[Placed] = []
    for row in rows:
        if row.theirs in inside:
            values[row.ours] = converted(inside[row.theirs], row, network)
            shapes = tuple(inside[row.theirs].shape), tuple(values[row.ours].shape)
            placed.append(Placed(prefix + row.theirs, row.ours, *shapes, _change(row)))
    used = {row.theirs for row in rows}
    if layout.mean_style is not None and MEAN_STYLE in state:
        reads = [name for name in inside if fnmatchcase(name, layout.mean_style_reads)]
        values[MEAN_STYLE] = layout.mean_style(inside).expand_as(state[MEAN_STYLE]).contiguous()
        shape = tuple(state[MEAN_STYLE].shape)
        placed += [Placed(prefix + n, MEAN_STYLE, tuple(inside[n].shape), shape, "mean of drawn styles") for n in reads]
        used |= set(reads)
    wrong = [
        f"{name}: {tuple(value.shape)}, expected {tuple(state[name].shape)}"
        for name, value in values.items()
        if value.shape != state[name].shape
    ]
    if wrong:
        raise InputError(
            f"The file is a {layout.name} of another size than the preset: {_some(wrong)}.",
            "Name the preset of its size with --preset.",
        )
    # Also over a base, whose value would be added to what the file means.
    values |= {name: torch.zeros_like(state[name]) for name in layout.zero}
    left = [_left(name, tensor, layout, prefix, used) for name, tensor in tensors.items()]
    with torch.no_grad():
        network.load_state_dict({**state, **values})
    unfilled = [
        Left(name, tuple(tensor.shape), "zero, for the file's network has none" if name in layout.zero else kept)
        for name, tensor in state.items()
        if name not in values or name in layout.zero
    ]
    return Coverage(
        layout.name,
        tuple(placed),
        tuple(item for item in left if item is not None),
        tuple(unfilled),
        layout.differences,
    )


def _left(name: str, tensor: Tensor, layout: Layout, prefix: str, used: set[str]) -> Left | None:
    if not name.startswith(prefix):
        return Left(name, tuple(tensor.shape), f"not under {prefix}, where the {layout.name} lies")
    inner = name.removeprefix(prefix)
    if inner in used:
        return None
    for pattern, why in layout.left.items():
        if fnmatchcase(inner, pattern):
            return Left(name, tuple(tensor.shape), why)
    if layout.whole and fnmatchcase(inner, layout.whole):
        raise InputError(
            f"The file is a {layout.name}, but {inner} has no place in the preset's network.",
            "It is of a larger network than the preset's.",
        )
    return Left(name, tuple(tensor.shape), f"no part of a {layout.name}")


def _change(row: Row) -> str:
    said = [] if row.form == "as is" else [row.form]
    if row.gain is not None or row.factor != 1.0:
        said.append("scale")
    return ", ".join(said)


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return "; ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
