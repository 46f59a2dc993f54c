"""JSON with lines: the same document, and no line longer than need be."""

from __future__ import annotations

import json

import pytest

from facesdk.pack.json_text import WIDTH, json_text

LONG = ["x" * 50, "y" * 50, {"a": ["z" * 60, "é", None, True, 1e-5], "b": {"c": "w" * 40}}]


@pytest.mark.parametrize(
    "document", [1, "é", [], {}, [[]], {"a": {}}, LONG, {"deep": {"deeper": LONG}}, {"big": list(range(200))}]
)
def test_it_is_the_same_document(document: object) -> None:
    assert json.loads(json_text(document)) == document


def test_what_fits_a_line_is_on_one() -> None:
    short = {"name": "image", "shape": ["batch", 3, 128, 128]}
    assert json_text(short) == json.dumps(short)
    text = json_text({"outputs": [short] * 4, "n": 1})
    assert text.splitlines() == [
        "{",
        ' "outputs": [',
        *[f"  {json.dumps(short)},"] * 3,
        f"  {json.dumps(short)}",
        " ],",
        ' "n": 1',
        "}",
    ]
    assert max(map(len, json_text(LONG).splitlines())) <= WIDTH
