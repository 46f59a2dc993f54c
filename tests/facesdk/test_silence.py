"""Commands under strace: nothing is sent beyond this machine, and no file is written outside the folders given."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from facesdk.consent import Consent
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import Identity
from facesdk.pack.reader import Pack
from tests.facesdk.fake_pack import picture

STRACE = shutil.which("strace")
CALLS = "trace=connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2"
OUTWARD = re.compile(r"sa_family=AF_INET6?,")
LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"')
WRITTEN = re.compile(
    r'(?:open|openat|creat|mkdir|mkdirat)\([^"]*"([^"]+)", ?[^)]*(?:O_WRONLY|O_RDWR|O_CREAT|0[0-7]{3})'
)
HARMLESS = ("/dev/", "/proc/self/")

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def traced(folder: Path, environment: dict[str, str], *command: str) -> str:
    trace = folder / "trace.txt"
    arguments = [str(STRACE), "-f", "-qq", "-e", CALLS, "-o", str(trace), sys.executable, *command]
    done = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("this machine does not let a process be traced")
    assert done.returncode == 0, done.stderr
    return trace.read_text(errors="replace")


def calls_out(trace: str) -> list[str]:
    return [line for line in trace.splitlines() if OUTWARD.search(line) and not LOOPBACK.search(line)]


def written(trace: str, folder: Path) -> set[str]:
    """What was opened for writing, successfully, outside a folder."""
    paths = {found[1] for line in trace.splitlines() if " = -1 " not in line and (found := WRITTEN.search(line))}
    return {
        path
        for path in paths
        if not path.startswith(HARMLESS) and not Path(os.path.normpath(folder / path)).is_relative_to(folder)
    }


def test_a_call_and_a_file_outside_would_be_seen(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    connect = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    code = f"{connect}; open({str(outside / 'x')!r}, 'w'); open('y', 'w')"
    trace = traced(inside, dict(os.environ), "-c", code)
    assert calls_out(trace) == [] and written(trace, inside) == {str(outside / "x")}
    line = '7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0'
    assert calls_out(trace + line) == [line]


@pytest.mark.parametrize("command", ["swap", "packs", "forget"])
def test_a_command_is_silent(
    command: str, fake_pack: Pack, analyzer: FaceAnalyzer, environment: dict[str, str], tmp_path: Path
) -> None:
    scene = picture((256, 384), [(2, 3)])
    Image.fromarray(scene).save(tmp_path / "scene.png")
    Identity.from_images(scene, Consent.self_(), analyzer=analyzer).save(tmp_path / "me.identity")
    home = tmp_path / "home"
    shutil.copytree(environment["FACESDK_HOME"], home)
    arguments = {
        "swap": ["swap", "me.identity", "scene.png", "-o", "out.png", "--pack", "fake"],
        "packs": ["packs", "verify"],
        "forget": ["identity", "forget", "me.identity"],
    }[command]
    quiet = {"HOME": str(home), "FACESDK_HOME": str(home), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    trace = traced(tmp_path, {**environment, **quiet}, "-m", "facesdk", *arguments)
    assert calls_out(trace) == []
    assert written(trace, tmp_path) == set()
