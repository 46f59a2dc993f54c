"""No file that is read may carry code: no room opens a pickle or its like. For the runtime there are more rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("sdk", "train", "export", "bench", "supply")
MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "jsonpickle"}
HARMLESS = {"UnpicklingError", "PicklingError", "PickleError"}
"""Errors, which torch raises: to catch one opens nothing."""
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {("yaml", "load"), ("yaml", "unsafe_load"), ("pandas", "read_pickle"), ("pd", "read_pickle")}


def faults(text: str) -> Iterator[str]:
    """Every place of a program that could run what a file says."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield from (f"from {node.module} import {a.name}" for a in node.names if a.name not in HARMLESS)
        elif isinstance(node, ast.Call):
            yield from _call(node)


def _call(node: ast.Call) -> Iterator[str]:
    keywords = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
    if keywords.get("allow_pickle", False) is not False:
        yield "allow_pickle"
    if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield f"{node.func.id}()"
    elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        place = (node.func.value.id, node.func.attr)
        if place in METHODS:
            yield ".".join(place)
        if place == ("torch", "load") and keywords.get("weights_only") is not True:
            yield "torch.load without weights_only=True"
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "load" and _is_jit(node.func.value):
        yield "torch.jit.load"


def _is_jit(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "jit"


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_opens_a_file_that_is_a_program(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    found = {str(path.relative_to(ROOT)): list(faults(path.read_text())) for path in files}
    assert files and {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import os, dill.source",
        "from pickle import UnpicklingError, Unpickler",
        "from yaml import load",
        "import marshal",
        "eval('1')",
        "exec(text)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=chosen)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, map_location='cpu', weights_only=flag)",
        "torch.jit.load(path)",
        "yaml.load(text)",
    ],
)
def test_it_would_be_found(text: str) -> None:
    assert len(list(faults(text))) == 1


def test_what_is_harmless_is_let_through() -> None:
    assert not list(
        faults(
            "import pickletools\nfrom pickle import UnpicklingError\nmodel.eval()\nre.compile('a')\n"
            "np.load(f, allow_pickle=False)\ntorch.load(p, weights_only=True)\nsafetensors.torch.load(data)\n"
        )
    )
