from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate import REPOSITORY, GateError, require_tests
from bench.pipelines import GATE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "test_good.py").write_text("def test_it():\n    assert True\n")
    (tmp_path / "test_bad.py").write_text("def test_it():\n    assert 1 == 2, 'the decoder is wrong'\n")
    (tmp_path / "test_empty.py").write_text("")
    return tmp_path


def test_passing_tests_open_the_gate(root: Path) -> None:
    assert require_tests(["test_good.py"], root).startswith("1 passed")


@pytest.mark.parametrize(
    ("files", "match"),
    [
        (["test_good.py", "test_bad.py"], "the decoder is wrong"),
        (["test_empty.py"], "exit code 5"),
        (["test_none.py"], "test_none.py"),
        ([], "none named"),
    ],
)
def test_everything_else_keeps_it_shut(root: Path, files: list[str], match: str) -> None:
    with pytest.raises(GateError, match=match):
        require_tests(files, root)


def test_the_files_of_the_gate_are_there() -> None:
    assert [name for name in GATE if not (REPOSITORY / name).is_file()] == []
