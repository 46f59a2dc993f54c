"""A visit to `facesdk serve`: the real command, the nano pack, the demo pictures, and a camera that plays them.

`python -m tests.facesdk.serve.demo_visit docs/serve.png` takes the picture of the documentation; `--tab picture` and
`--light` show more of the page.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.resources
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import facesdk
from tests.facesdk.serve.browser import Browser, find_browser

DEMO = Path(str(importlib.resources.files("facesdk") / "demo"))
CAMERA_WH = (640, 480)
FRAMES = 48
SWAY_PX = 24


def write_camera_clip(path: Path) -> Path:
    """Writes the demo's target as a camera sees it: the person sways. Motion JPEG, as Chromium's fake camera reads."""
    width, height = CAMERA_WH
    with Image.open(DEMO / "target.png") as opened:
        person = opened.convert("RGB")
    ground = person.getpixel((2, 2))
    frames = io.BytesIO()
    for number in range(FRAMES):
        turn = 2 * np.pi * number / FRAMES
        frame = Image.new("RGB", CAMERA_WH, ground)
        x, y = round(SWAY_PX * np.sin(turn)), round(SWAY_PX / 3 * np.sin(2 * turn))
        frame.paste(person, ((width - person.width) // 2 + x, height - person.height + 60 + y))
        frame.save(frames, "JPEG", quality=92)
    path.write_bytes(frames.getvalue())
    return path


@contextlib.contextmanager
def running_command(folder: Path) -> Iterator[str]:
    """Runs `facesdk serve` and gives the address that it prints; ends it as Ctrl-C does."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(facesdk.__file__).parents[1]),
        "PYTHONUNBUFFERED": "1",
        "FACESDK_HOME": str(folder / "home"),
    }
    command = [sys.executable, "-m", "facesdk", "serve", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout is not None
        said = ""
        for line in server.stdout:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+/#token=\S+", line):
                yield found.group()
                break
        else:
            raise RuntimeError(f"facesdk serve did not start: {said}")
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=20)
        if server.returncode != 0 or "Traceback" in rest:
            raise RuntimeError(f"facesdk serve ended with {server.returncode}: {rest}")
    finally:
        if server.poll() is None:
            server.kill()
            server.communicate()


def enrol_demo_face(page: Browser) -> None:
    """Fills the form as a person does."""
    page.give_files("#pictures", DEMO / "source.png")
    page.click('input[name="consent"][value="self"]')
    page.click("#enrol")
    page.wait("document.querySelectorAll('.pick').length === 1")


def pick_nobody(page: Browser) -> None:
    """Picks the second of the generated faces."""
    page.click("#tab-nobody")
    page.wait("document.querySelectorAll('#candidates img').length === 6")
    before = page.run("document.querySelectorAll('.pick').length")
    page.click("#candidates button:nth-of-type(2)")
    page.wait(f"document.querySelectorAll('.pick').length === {before + 1}")


def swap_demo_picture(page: Browser) -> None:
    """Swaps the demo's target."""
    page.click("#tab-picture")
    page.give_files("#target", DEMO / "target.png")
    page.click("#swap")
    page.wait("!document.getElementById('download').hidden")


def go_live(page: Browser, frames: int = 20) -> None:
    """Starts the camera and waits for frames and figures."""
    page.click("#tab-live")
    page.click("#live-switch")
    page.wait(f"live && live.shown.length >= {frames}", 60)
    page.wait("/\\d+ ms/.test(document.getElementById('meter-p95').textContent)")


def main() -> None:
    """Takes a picture of the page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tab", choices=("live", "picture"), default="live")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--size", default="1240x960")
    options = parser.parse_args()
    program = find_browser()
    if program is None:
        sys.exit("Chromium is needed: apt-get install chromium")
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as name, running_command(Path(name)) as address:
        folder = Path(name)
        camera = write_camera_clip(folder / "camera.mjpeg")
        with Browser(program, folder / "profile", camera, (width, height), dark=not options.light) as page:
            page.open(address)
            page.wait("document.getElementById('about')?.textContent")
            enrol_demo_face(page)
            pick_nobody(page)
            page.click(".pick")
            swap_demo_picture(page)
            if options.tab == "live":
                go_live(page, 120)
            shot = page.screenshot()
    with Image.open(io.BytesIO(shot)) as picture:
        # 256 colours, chosen by k-means: half the bytes, and the page's plain colours stay themselves.
        picture.convert("RGB").quantize(256, kmeans=3).save(options.out, optimize=True)
    print(f"{options.out}  {options.out.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
