"""Which files can be read, and which of them a file is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from export.imports.encoder_layouts import IR_SE_50, PSP
from export.imports.layout import Layout, Row
from export.imports.recogniser_layouts import IRESNET
from export.imports.stylegan_layouts import LERNAPPARAT, OFFICIAL, ROSINALITY
from facesdk.errors import InputError

DATA_PARALLEL = "module."


def own_rows(network: nn.Module, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> list[Row]:
    """The table of a model.safetensors of this project: every name is ours."""
    return [Row(name, name) for name in network.state_dict()]


LAYOUTS = (
    # First, for our encoder's names are pSp's.
    Layout("facesdk style_swap", "style_swap", ("decoder.blocks.0.const", "encoder.w_avg"), own_rows, whole="*"),
    Layout("facesdk recogniser", "recogniser", ("body.conv1.weight", "body.features.weight"), own_rows, whole="*"),
    OFFICIAL,
    LERNAPPARAT,
    ROSINALITY,
    PSP,
    IR_SE_50,
    IRESNET,
)


def find_layout(names: Mapping[str, Tensor], source: str) -> tuple[Layout, str]:
    """Says what a file is by the names in it.

    Args:
        names: of the file's tensors.
        source: the file's name, for messages.

    Returns:
        The layout, and the prefix under which its tensors lie.

    Raises:
        InputError: none of them.
    """
    for layout in LAYOUTS:
        for root in layout.roots:
            for prefix in (root, root + DATA_PARALLEL):
                if all(prefix + name in names for name in layout.signature):
                    return layout, prefix
    shown = ", ".join(sorted(names)[:4])
    raise InputError(
        f"{source} is no file that can be imported: {len(names)} tensors, the first are {shown}.",
        f"Known are: {'; '.join(layout.name for layout in LAYOUTS)}.",
    )
