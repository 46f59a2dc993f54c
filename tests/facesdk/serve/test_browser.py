"""The page in a real browser: enrol, pick a face of nobody, swap, and live, with a camera that plays the demo."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesdk.pipelines.live_overlay import badge_box
from facesdk.provenance.label import SOURCE_TYPES, read_label
from tests.facesdk.serve.browser import Browser, find_browser
from tests.facesdk.serve.demo_visit import (
    CAMERA_WH,
    DEMO,
    enrol_demo_face,
    go_live,
    pick_nobody,
    running_command,
    swap_demo_picture,
    write_camera_clip,
)

pytest.importorskip("openvino", reason="the extra 'cpu' is not installed")

UNNAMED = """[...document.querySelectorAll('input, select, button, a, canvas, img')].filter((node) =>
  !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim() || node.hasAttribute('alt')
    || node.querySelector('img[alt]:not([alt=""])'))).map((node) => node.outerHTML)"""


@dataclass
class Visit:
    """What a visit showed.

    Attributes:
        page: still open, on the tab "Live", with the camera off.
        base: of the server's address.
        errors: what the page said where something was missing, by what was missing.
        swapped: the file that "Download" gave.
        picture_facts: the line beside it.
        meters: the figures while it was live.
    """

    page: Browser
    base: str
    errors: dict[str, str]
    swapped: bytes
    picture_facts: str
    meters: dict[str, str]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    folder: Path = tmp_path_factory.mktemp("visit")
    camera = write_camera_clip(folder / "camera.mjpeg")
    with running_command(folder) as address, Browser(program, folder / "profile", camera) as page:
        page.open(address)
        page.wait("document.getElementById('about')?.textContent")
        page.click("#swap")
        errors = {"face": page.wait("document.getElementById('picture-error').textContent")}
        page.click("#enrol")
        errors["picture"] = page.wait("document.getElementById('enrol-error').textContent")
        page.give_files("#pictures", DEMO / "source.png")
        page.click("#enrol")
        errors["consent"] = page.wait("/consent/.exec(document.getElementById('enrol-error').textContent)?.input")
        enrol_demo_face(page)
        pick_nobody(page)
        page.click(".pick")
        swap_demo_picture(page)
        facts = page.run("document.getElementById('picture-facts').textContent")
        swapped = page.download("#download", folder / "downloads")
        go_live(page)
        ids = ("fps", "p50", "p95", "server")
        meters = {name: page.run(f"document.getElementById('meter-{name}').textContent") for name in ids}
        page.click("#live-switch")
        page.wait("live === null")
        yield Visit(page, address.partition("/#")[0], errors, swapped, facts, meters)


def _pixels(data: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_what_is_missing_is_said(visit: Visit) -> None:
    assert visit.errors["face"].startswith("Enrol or pick a face first")
    assert visit.errors["picture"].startswith("Choose at least one picture")
    assert "need a consent statement, self or given" in visit.errors["consent"]


def test_a_picture_is_swapped_and_marked(visit: Visit) -> None:
    assert read_label(visit.swapped) == SOURCE_TYPES["swap"]
    change = np.abs(_pixels(visit.swapped) - _pixels((DEMO / "target.png").read_bytes())).max(-1)
    # The face of the demo's target is about its centre; its corners are far from it.
    assert (change[260:440, 300:450] > 15).mean() > 0.6 and change[:80, :200].max() <= 8
    assert visit.picture_facts.startswith("1 of 1 face · ") and " ms · marked XMP" in visit.picture_facts
    assert visit.page.run("document.getElementById('result-image').naturalWidth") == 640
    assert visit.page.run("document.getElementById('download').href").startswith(f"blob:{visit.base}/")


def test_live_frames_come_back_changed_marked_and_measured(visit: Visit) -> None:
    sent, received = visit.page.frames("Sent"), visit.page.frames("Received")
    # One frame at most is on its way: every answer belongs to the frame that was sent last.
    assert len(received) >= 20 and 0 <= len(sent) - len(received) <= 1
    assert [frame[:8] for frame in received] == [frame[:8] for frame in sent[: len(received)]]
    shown = []
    for frame, answer in zip(sent, received):
        (length,) = struct.unpack_from("<I", answer, 8)
        facts, data = json.loads(answer[12 : 12 + length]), answer[12 + length :]
        assert read_label(data) == SOURCE_TYPES["swap"] and facts["dropped"] == 0
        change = np.abs(_pixels(data) - _pixels(frame[8:])).max(-1)
        assert change.shape == CAMERA_WH[::-1]
        x0, y0, x1, y1 = badge_box(CAMERA_WH[::-1])
        assert (change[y0:y1, x0:x1] > 30).mean() > 0.8
        shown.append(facts["swapped"] == 1 and (change[200:380, 290:450] > 15).mean() > 0.4)
    # A swap fades in.
    assert sum(shown) >= len(shown) - 10
    for name in ("p50", "p95", "server"):
        assert visit.meters[name].endswith(" ms") and float(visit.meters[name].split()[0]) > 0
    assert float(visit.meters["p95"].split()[0]) >= float(visit.meters["p50"].split()[0])
    assert float(visit.meters["fps"]) > 0


def test_the_token_leaves_the_address_and_nothing_leaves_the_machine(visit: Visit) -> None:
    page = visit.page
    assert page.run("location.href") == f"{visit.base}/" and page.run("document.cookie") == ""
    # "data:" asks nobody: it is how Chromium draws the button of a date field.
    strangers = [url for url in page.requests() if not url.startswith((visit.base, f"blob:{visit.base}", "data:"))]
    assert strangers == [] and len(page.requests()) > 10
    assert not [url for url in page.requests() if "token" in url]
    # The one refusal that was provoked, and no breach of the page's policy.
    assert [text for text in page.complaints() if "403" not in text] == []


def test_everything_has_a_name_and_tabs_follow_the_arrows(visit: Visit) -> None:
    page = visit.page
    assert page.run(UNNAMED) == []
    assert page.run("document.querySelectorAll('[role=tabpanel]').length") == 4
    press = "document.getElementById('{}').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}' }}))"
    page.run(press.format("tab-live", "ArrowLeft"))
    assert page.run("document.activeElement.id") == "tab-picture"
    assert page.run("document.getElementById('panel-live').hidden") is True
    page.run(press.format("tab-picture", "ArrowRight"))
    assert page.run("document.getElementById('panel-picture').hidden") is True


def test_another_face_can_be_picked_while_live(visit: Visit) -> None:
    page = visit.page
    page.click("#tab-live")
    page.click("#live-switch")
    page.wait("live?.shown.length >= 2")
    page.run("window.first = live")
    page.click("li:nth-of-type(2) > .pick")
    page.wait("live !== null && live !== window.first && live.shown.length >= 2")
    chosen = page.run("chosenFace")
    assert f"identity={chosen}" in page.sockets()[-1] and f"identity={chosen}" not in page.sockets()[-2]
    page.click("#live-switch")
    page.wait("live === null")
    assert page.run("document.getElementById('live-error').textContent") == ""


def test_a_page_that_is_loaded_again_still_has_its_faces_until_they_are_forgotten(visit: Visit) -> None:
    page = visit.page
    page.run("window.before = true")
    page.call("Page.reload")
    page.wait("!window.before && document.querySelectorAll('.pick').length === 2")
    page.click(".forget")
    page.wait("document.querySelectorAll('.pick').length === 1")
    assert page.run("document.querySelector('.pick b').textContent").startswith("Nobody")


def test_without_the_token_the_page_says_what_to_do(visit: Visit) -> None:
    page = visit.page
    page.run("sessionStorage.clear()")
    page.call("Page.reload")
    text = page.wait("(b => b?.hidden === false && b.textContent)(document.getElementById('banner'))")
    assert "token is missing" in text and "Open the whole address" in text
