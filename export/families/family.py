"""A family with its trained networks, as the pack needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from export.torch_graph import TorchGraph


@dataclass(frozen=True)
class Family:
    """What one family puts into a pack.

    Attributes:
        name: key in the manifest, e.g. "style_swap".
        tasks: what it does, verbs.
        graphs: its graphs.
        preprocessing: colour, layout, range, crops; copied into the manifest.
        training: net -> contents of the run's preset.json.
        features: names of the tensors that the encoder hands to the decoder.
        codes: number of styles and width of each, or None.
        extra: further keys of the family in the manifest.
    """

    name: str
    tasks: tuple[str, ...]
    graphs: tuple[TorchGraph, ...]
    preprocessing: Mapping[str, Any]
    training: Mapping[str, Mapping[str, Any]]
    features: tuple[str, ...] = ()
    codes: tuple[int, int] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


# Every network here takes RGB pictures as x / 127.5 - 1.
NORMALISATION: dict[str, Any] = {"color": "rgb", "layout": "nchw", "mean": 127.5, "scale": 127.5}
