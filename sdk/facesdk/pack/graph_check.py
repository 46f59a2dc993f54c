"""Looks into an ONNX file before any runtime does: what a graph must not have, found without the package onnx.

An ONNX file is a program. This finds what reaches out of it (other files, own operators) and what may never end; it
does not show that a graph is harmless, which is why a pack is signed, and an unsigned one tried in another process.

Source: the field numbers of onnx/onnx.proto, ONNX 1.20.
"""

from __future__ import annotations

from facesdk.pack.wire import BYTES, VARINT, WireError, fields

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "facesdk")
"""Operators' domains that runtimes bring themselves, and this project's own, whose operators carry their body."""
CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
DEPTH = 16

# Which fields of a message are messages of which kind. Attributes hold tensors and graphs, nodes hold attributes.
_INSIDE = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "tensor": {},
    "opset": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_TEXTS = {"node": {4: "op_type", 7: "domain"}, "opset": {1: "domain"}, "function": {10: "domain"}}


def check_graph(data: bytes, control_flow: bool = False) -> list[str]:
    """What is wrong with an ONNX file.

    Args:
        data: its bytes.
        control_flow: whether the manifest declares branches and loops.

    Returns:
        One line a fault; none if it may be loaded.
    """
    found: dict[str, None] = {}
    try:
        graphs = _walk(data, 0, len(data), "model", 0, control_flow, found)
    except WireError as error:
        return [f"it is no ONNX file: {error}"]
    if not graphs:
        found["it holds no graph"] = None
    return list(found)


def _walk(data: bytes, start: int, end: int, kind: str, depth: int, control_flow: bool, found: dict[str, None]) -> int:
    """Walks through a message; gives the number of graphs right in it."""
    if depth > DEPTH:
        raise WireError("graphs are nested too deeply")
    inside, texts, graphs = _INSIDE[kind], _TEXTS.get(kind, {}), 0
    for number, wire, first, last in fields(data, start, end):
        if kind == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and wire == VARINT and first):
                found["its weights are in another file"] = None
        elif wire == BYTES and number in texts:
            _check_text(texts[number], data[first:last], control_flow, found)
        elif wire == BYTES and number in inside:
            if inside[number] == "training":
                found["it holds a training graph"] = None
                continue
            graphs += inside[number] == "graph"
            _walk(data, first, last, inside[number], depth + 1, control_flow, found)
    return graphs


def _check_text(what: str, value: bytes, control_flow: bool, found: dict[str, None]) -> None:
    text = value.decode("utf-8", "replace")
    if what == "domain":
        if text not in DOMAINS:
            found[f"it has operators of the domain {text[:40]!r}, which is not known"] = None
    elif text in CONTROL_FLOW and not control_flow:
        found[f"it has the operator {text}, and the manifest does not declare control_flow"] = None
