"""What TensorRT made of a graph, as its engine inspector tells it: how many layers compute in half precision."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from facesdk.errors import BackendError

HALF, FLOAT = "half", "float"
# These only move or re-type values, or compute shapes; a network has more of them where it is typed for float16.
MOVES = frozenset({"Reformat", "NoOp", "Constant", "shape_call", "ShapeHostToDeviceCopy", "signal", "wait"})


def read_layer_types(text: str, name: str) -> Counter[str]:
    """Counts layers by the type that they compute in: "half", "float", or another name of TensorRT's.

    A layer's type is that of its weights, else that of its first output. Of a dynamic shape the inspector says no type
    unless it has an execution context whose shapes are set.

    Args:
        text: JSON of `get_engine_information`, of an engine that was built with detailed verbosity.
        name: how errors call the graph.

    Raises:
        BackendError: it is no such JSON, or says no type of any layer.
    """
    try:
        layers = json.loads(text)["Layers"]
    except (ValueError, KeyError, TypeError) as error:
        raise BackendError(f"{name}: the engine inspector gave no list of layers ({error}).") from error
    types: Counter[str] = Counter()
    for layer in layers:
        # With little verbosity a layer is its name alone.
        kind = _layer_type(layer) if isinstance(layer, dict) else ""
        if kind:
            types[kind] += 1
    if not types:
        raise BackendError(
            f"{name}: the engine inspector says the type of none of {len(layers)} layers.",
            "Build with ProfilingVerbosity.DETAILED, and inspect with a context whose shapes are set.",
        )
    return types


def half_layers(types: Mapping[str, int]) -> float:
    """The share of half precision among the layers that compute in floating point; 1 if there are none.

    Args:
        types: from `read_layer_types`.
    """
    count = types.get(HALF, 0) + types.get(FLOAT, 0)
    return types.get(HALF, 0) / count if count else 1.0


def _layer_type(layer: Mapping[str, Any]) -> str:
    if layer.get("LayerType") in MOVES:
        return ""
    weights = layer.get("Weights")
    if isinstance(weights, dict) and weights.get("Count", 0) and weights.get("Type"):
        return _plain(str(weights["Type"]))
    for tensor in layer.get("Outputs") or ():
        return _plain(str(tensor.get("Format/Datatype", "")))
    return ""


def _plain(words: str) -> str:
    """ "Half" of "Half", "Half(64,1:8,...)" and "Channel major FP16 format where C % 8 == 0"; "" of "N/A ..."."""
    text = words.lower()
    if text.startswith("n/a"):
        return ""
    if text.startswith(HALF) or "fp16" in text:
        return HALF
    return FLOAT if text.startswith(FLOAT) or "fp32" in text else text.split("(")[0].split(" ")[0]
