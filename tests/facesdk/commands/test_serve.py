"""`facesdk serve` from the outside: what it refuses, and what is missing."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import facesdk
from facesdk.cli import main

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

WITHOUT = """
import importlib.abc, sys
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("fastapi", "starlette", "uvicorn", "python_multipart", "websockets"):
            raise ModuleNotFoundError(f"blocked: {name}")
sys.meta_path.insert(0, Block())
import facesdk.serve.app, facesdk.serve.server, facesdk.serve.live_socket, facesdk.serve.guard, facesdk.serve.upload
from facesdk.cli import main
main(["serve"])
"""


def _fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
def test_it_listens_on_this_machine_only_and_says_why(capsys: pytest.CaptureFixture[str], host: str) -> None:
    error = _fails(capsys, "--host", host)
    assert "this machine only" in error and "ssh -L" in error and len(error.splitlines()) == 2


def test_a_taken_port_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = _fails(capsys, "--port", str(taken.getsockname()[1]))
    assert "taken already" in error and "--port 0" in error
    assert "0 to 65535" in _fails(capsys, "--port", "70000")


def test_without_the_extra_one_error_names_it() -> None:
    environment = {"PYTHONPATH": str(Path(facesdk.__file__).parents[1]), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 4 and "pip install facesdk[serve]" in done.stderr
    assert done.stderr.startswith("facesdk: ") and len(done.stderr.splitlines()) == 2
