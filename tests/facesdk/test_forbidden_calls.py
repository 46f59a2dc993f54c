"""No file that a user or a stranger hands over may carry code, and none goes past the one picture decoder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import facesdk

SDK = Path(facesdk.__file__).parent
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    "imread": "media.image reads pictures",
    "imreadmulti": "media.image reads pictures",
    "imdecode": "media.image reads pictures",
    "FileStorage": "it is a decoder of files",
    "extractall": "nothing is unpacked",
    "LOAD_TRUNCATED_IMAGES=": "half a picture is none",
}


def faults(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in CALLS:
                yield node.func.id
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True) is not False:
                    yield "allow_pickle"
        elif isinstance(node, ast.Attribute):
            name = node.attr + "=" * isinstance(node.ctx, ast.Store)
            if name in ATTRIBUTES:
                yield f"{name}: {ATTRIBUTES[name]}"


def test_nothing_of_it_is_in_the_runtime() -> None:
    found = {str(path.relative_to(SDK)): list(faults(path.read_text())) for path in SDK.rglob("*.py")}
    assert {path: what for path, what in found.items() if what} == {}


def test_it_would_be_found() -> None:
    for text in (
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "np.load(f, allow_pickle=True)",
        "cv2.imread(p)",
        "ImageFile.LOAD_TRUNCATED_IMAGES = True",
        "zf.extractall()",
    ):
        assert len(list(faults(text))) == 1, text
    assert list(faults("np.load(f, allow_pickle=False)\nif ImageFile.LOAD_TRUNCATED_IMAGES: pass")) == []
