"""The house keeps its own rules: what the documents name exists, and no file is where or what it must not be."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import facesdk
from facesdk.cli import app as facesdk_app

ROOT = Path(__file__).parents[1]
ROOMS = {
    "facesdk": ROOT / "sdk" / "facesdk",
    "train": ROOT / "train",
    "export": ROOT / "export",
    "bench": ROOT / "bench",
}
PAGES = tuple(sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *PAGES)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MOST_LINES = 400
# Put together here, so that this file passes its own test.
MACHINE_PATHS = tuple(f"/{name}/".encode() for name in ("work", "home", "root", "Users"))


def _text(name: str) -> str:
    return (ROOT / name).read_text()


def _code() -> Iterator[Path]:
    for room in ROOMS.values():
        yield from room.rglob("*.py")


def _files() -> Iterator[Path]:
    """Everything that belongs to the repository, and nothing that a build or a run left in it."""
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in ("sdk", "train", "export", "bench", "supply", "tests", "examples", "docs", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            left = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.parts)
            if path.is_file() and not left:
                yield path


def _console_lines() -> list[str]:
    blocks = [block for name in DOCUMENTS for block in re.findall(r"```console\n(.*?)```", _text(name), re.DOTALL)]
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def _leads_somewhere(name: str, link: str) -> bool:
    """Whether the file that a document's link names exists, and has the heading that it names."""
    file, _, anchor = link.partition("#")
    target = (ROOT / name).parent / file if file else ROOT / name
    if not anchor:
        return target.exists()
    headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _commands(app: typer.Typer) -> Iterator[str]:
    """Every command of an application, as its words behind the application's name."""
    waiting: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        if hasattr(command, "commands"):
            waiting += [(f"{words} {name}", below) for name, below in command.commands.items()]
        else:
            yield words


def _parse(app: typer.Typer, arguments: list[str]) -> None:
    """Parses a command line down to its last option, and runs nothing."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert arguments and arguments[0] in command.commands, f"no such command: {arguments}"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    command.make_context(command.name, list(arguments))


def _program(name: str) -> typer.Typer:
    """What `python -m name` runs: a package's app, or the function `main` of a single file."""
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        return importlib.import_module(f"{name}.__main__").app
    app = typer.Typer()
    app.command()(module.main)
    return app


@pytest.mark.parametrize("line", _console_lines())
def test_a_command_of_the_documents_exists_with_its_options(line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    if program == "facesdk":
        _parse(facesdk_app, arguments)
    elif program == "python":
        assert arguments[0] == "-m"
        _parse(_program(arguments[1]), arguments[2:])
    elif program == "make":
        assert re.search(rf"^{arguments[0]}:", _text("Makefile"), re.MULTILINE)
    else:
        assert line == "source .venv/bin/activate"


def test_a_wrong_command_of_the_documents_would_be_found() -> None:
    with pytest.raises(AssertionError, match="no such command"):
        _parse(facesdk_app, ["swop", "a", "b"])
    with pytest.raises(Exception, match="No such option"):
        _parse(facesdk_app, ["swap", "a", "b", "-o", "c", "--consend", "self"])
    with pytest.raises(Exception, match="Missing parameter: out"):
        _parse(facesdk_app, ["swap", "a", "b"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_modules_files_and_variables_of_a_document_exist(name: str) -> None:
    text = _text(name)
    for module in re.findall(r"python -m ([a-z_.]+)", text):
        assert importlib.util.find_spec(module) is not None, module
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link.startswith("https://") or _leads_somewhere(name, link), link
    sources = [*_code(), *(ROOT / "tests").rglob("test_*.py"), ROOT / "setup.py"]
    known = {variable for path in sources for variable in re.findall(r"FACESDK_[A-Z_]+", path.read_text())}
    assert set(re.findall(r"FACESDK_[A-Z_]+", text)) <= known


def test_the_readme_names_every_variable_and_command_of_the_runtime() -> None:
    settings = (ROOMS["facesdk"] / "settings.py").read_text()
    for variable in re.findall(r'"(FACESDK_[A-Z_]+)"', settings):
        assert f"`{variable}`" in _text("README.md")
    readme = _text("README.md")
    assert [
        words for words in _commands(facesdk_app) if f"facesdk{words}" not in readme and f"make{words}" not in readme
    ] == []


@pytest.mark.parametrize("module", ["train.data.face_world", "train.gpu_lease", "export", "bench"])
def test_a_page_names_every_command_of_a_room(module: str) -> None:
    text = "".join(_text(name) for name in ("README.md", *PAGES))
    app = importlib.import_module(f"{module}.__main__").app
    assert [words for words in _commands(app) if f"python -m {module}{words}" not in text] == []


def test_the_plan_names_every_folder_and_every_layer() -> None:
    plan = _text("ARCHITECTURE.md")
    folders = [path.parent.name for room in ROOMS.values() for path in room.glob("*/__init__.py")]
    assert len(folders) > 15 and [name for name in folders if f"{name}/" not in plan] == []
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    arrows = re.findall(r"[a-z0-9_]+", "".join(re.findall(r"```\n(.*?)```", plan, re.DOTALL)))
    layers = [name for contract in contracts for line in contract.get("layers", ()) for name in line.split(" | ")]
    assert [name for name in layers if name not in arrows and name != "__main__"] == []


def test_the_python_of_the_readme_uses_public_names() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", _text("README.md"), re.DOTALL)
    used = {
        node.attr
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "facesdk"
    }
    assert used and used <= set(facesdk.__all__)


def test_version_and_licence_are_told_once() -> None:
    assert PROJECT["version"] == facesdk.__version__
    assert [name for name in PROJECT["license-files"] if not (ROOT / name).is_file()] == []
    assert "Apache License" in _text("LICENSE") and PROJECT["license"] == "Apache-2.0"
    assert "ICT-FaceKit" in _text("NOTICE")


def test_every_extra_that_is_named_exists() -> None:
    texts = [path.read_text() for path in _code()] + [_text(name) for name in (*DOCUMENTS, "Makefile")]
    named = {
        extra for text in texts for found in re.findall(r"facesdk\[([a-z0-9,]+)\]", text) for extra in found.split(",")
    }
    assert "cpu" in named and named <= set(PROJECT["optional-dependencies"])


def test_files_are_short_and_have_a_name_that_says_something() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in _code()
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}
    assert [path for path in _code() if path.stem in ("utils", "helpers", "common", "core", "misc")] == []


def test_tests_mirror_the_tree() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        room, *folders = path.relative_to(ROOT / "tests").parent.parts or ("contract",)
        assert room in ("contract", "fuzz") or ROOMS[room].joinpath(*folders).is_dir(), path


def test_no_file_names_a_machine_or_a_task_that_is_left() -> None:
    left = re.compile(rb"\b(TO" rb"DO|FIX" rb"ME)\b")
    faults = []
    for path in _files():
        data = path.read_bytes()
        faults += [(path.name, found) for found in MACHINE_PATHS if found in data]
        faults += [(path.name, found.group()) for found in [left.search(data)] if found and path.suffix == ".py"]
    assert faults == []
