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


def traced(folder: Path, environment: dict[str, str], *command: str, code: int = 0) -> str:
    trace = folder / "trace.txt"
    arguments = [str(STRACE), "-f", "-qq", "-e", CALLS, "-o", str(trace), sys.executable, *command]
    done = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("this machine does not let a process be traced")
    assert done.returncode == code, done.stderr
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


SERVE = """
import http.client, threading
from facesdk.swapper import FaceSwapper
from facesdk.serve.limits import ServeLimits
from facesdk.serve.server import LoopbackServer, bind_loopback
with FaceSwapper("fake", "onnxruntime", threads=1) as swapper:
    server = LoopbackServer(swapper, bind_loopback("127.0.0.1", 0), ServeLimits(), "onnxruntime")
    thread = threading.Thread(target=server.run)
    thread.start()
    base, _, token = server.address.partition("/#token=")
    page = http.client.HTTPConnection("127.0.0.1", int(base.rpartition(":")[2]), timeout=60)
    page.request("GET", "/api/state", headers={"Authorization": f"Bearer {token}"})
    assert page.getresponse().status == 200
    server.stop()
    thread.join(30)
"""
COMMANDS = {
    "enroll": ["enroll", "scene.png", "--consent", "self", "-o", "you.identity", "--pack", "fake"],
    "swap": ["swap", "me.identity", "scene.png", "-o", "out.png", "--pack", "fake"],
    "film": ["swap", "me.identity", "film.mp4", "-o", "out.mp4", "--pack", "fake"],
    "webcam": ["webcam", "me.identity", "--camera", "film.mp4", "-o", "live.mp4", "--frames", "6", "--pack", "fake"],
    "analyze": ["analyze", "scene.png", "--json", "faces.json", "--pack", "fake"],
    "generate": ["generate", "-o", "face.png", "--pack", "people"],
    "verify": ["verify", "."],
    "packs": ["packs", "verify"],
    "doctor": ["doctor", "fake"],
    "forget": ["identity", "forget", "me.identity"],
}
# A picture without marks.
CODES = {"verify": 1}
NEEDED = {"serve": "fastapi", "film": "av", "webcam": "av"}


@pytest.mark.parametrize("command", [*COMMANDS, "serve"])
def test_an_entry_point_is_silent(
    command: str,
    fake_pack: Pack,
    people_pack: Pack,
    analyzer: FaceAnalyzer,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    if command in NEEDED:
        pytest.importorskip(NEEDED[command])
    scene = picture((256, 384), [(2, 3)])
    Image.fromarray(scene).save(tmp_path / "scene.png")
    Identity.from_images(scene, Consent.self_(), analyzer=analyzer).save(tmp_path / "me.identity")
    if command in ("film", "webcam"):
        from tests.facesdk.clips import Clip, write_clip

        write_clip(tmp_path / "film.mp4", Clip(count=6, size_hw=(256, 320), cells=((2, 3),)))
    home = tmp_path / "home"
    shutil.copytree(environment["FACESDK_HOME"], home)
    quiet = {"HOME": str(home), "FACESDK_HOME": str(home), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    packs = os.pathsep.join(str(pack.path.parent) for pack in (fake_pack, people_pack))
    # Of a continuous integration ONNX Runtime would keep silent anyway.
    loud = {key: value for key, value in environment.items() if key not in ("CI", "TF_BUILD", "ORT_DISABLE_TELEMETRY")}
    arguments = ["-c", SERVE] if command == "serve" else ["-m", "facesdk", *COMMANDS[command]]
    trace = traced(tmp_path, {**loud, **quiet, "FACESDK_PACK_PATH": packs}, *arguments, code=CODES.get(command, 0))
    assert calls_out(trace) == []
    assert written(trace, tmp_path) == set()


def test_every_command_is_listened_to() -> None:
    from facesdk.cli import app

    names = {str(command.name or command.callback.__name__) for command in app.registered_commands}  # type: ignore[union-attr]
    names |= {str(group.name) for group in app.registered_groups}
    asked = {arguments[0] for arguments in COMMANDS.values()} | {"serve"}
    # `demo` is `swap` and `analyze` with the pictures that come along.
    assert names - asked == {"demo"}
