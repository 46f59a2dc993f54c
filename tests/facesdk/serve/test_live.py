"""The live session: a round trip, what is refused, and that the newest frame wins."""

from __future__ import annotations

import io
import json
import struct
import threading
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from facesdk.consent import Consent
from facesdk.errors import ConsentError
from facesdk.pipelines.content_check import ContentCheck
from facesdk.pipelines.live_overlay import badge_box
from facesdk.pipelines.video import VideoPainter
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.audit_key import keyed_hash
from facesdk.provenance.label import SOURCE_TYPES, read_label
from facesdk.provenance.watermark_reader import read_mark
from facesdk.serve.live_feed import LiveFeed
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture
from tests.facesdk.safety_pack import write_safety_pack
from tests.facesdk.serve.conftest import GROUP, Site, encode

FRAME = encode(picture((256, 384), [(2, 3)]), "JPEG")
TICKET = b"12345678"


def _read(answer: bytes) -> tuple[bytes, dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<I", answer, 8)
    return answer[:8], json.loads(answer[12 : 12 + length]), answer[12 + length :]


def _pixels(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_frames_come_back_swapped_with_badge_and_label(site: Site) -> None:
    with site.live(site.enrol()) as socket:
        for number in range(12):
            ticket = struct.pack("<d", number)
            socket.send_bytes(ticket + FRAME)
            echoed, facts, data = _read(socket.receive_bytes())
            assert echoed == ticket and read_label(data) == SOURCE_TYPES["swap"]
    assert facts["faces"] == facts["swapped"] == 1 and facts["dropped"] == 0
    assert facts["server_ms"] == pytest.approx(sum(facts["stages"].values()), abs=0.1)
    assert {"read", "landmarks", "decode", "paste", "write"} <= set(facts["stages"])
    change = np.abs(_pixels(data) - _pixels(FRAME)).max(-1)
    assert (change[64:128, 80:144] > 30).mean() > 0.5
    x0, y0, x1, y1 = badge_box((256, 384))
    assert (change[y0:y1, x0:x1] > 30).mean() > 0.8 and y1 - y0 >= 0.05 * 256
    change[y0 - 8 : y1 + 8, x0 - 8 : x1 + 8] = 0
    assert change[:, 260:].max() < 20


def test_all_frames_of_a_session_carry_one_pixel_mark(site: Site) -> None:
    feed = site.studio.live(site.enrol(), "largest")
    noise = np.random.default_rng(0).integers(80, 120, (480, 640, 3), np.uint8)
    noise[64:128, 96:128] = picture((64, 32), [(0, 0)])
    frame = encode(noise, "JPEG")
    codes = set()
    for number in range(2):
        found = read_mark(_pixels(feed.swap(frame, float(number)).data).astype(np.uint8))
        assert found is not None and (found.payload.kind, found.payload.medium) == ("swap", "live")
        codes.add(found.payload.code)
    assert len(codes) == 1


def test_a_frame_without_a_face_has_badge_and_label_too(site: Site) -> None:
    empty = encode(picture((256, 384), []), "JPEG")
    with site.live(site.enrol()) as socket:
        socket.send_bytes(TICKET + empty)
        _, facts, data = _read(socket.receive_bytes())
    x0, y0, x1, y1 = badge_box((256, 384))
    assert facts["swapped"] == 0 and read_label(data) == SOURCE_TYPES["swap"]
    assert (np.abs(_pixels(data) - _pixels(empty)).max(-1)[y0:y1, x0:x1] > 30).mean() > 0.8


def test_a_camera_may_change_its_size(site: Site) -> None:
    with site.live(site.enrol()) as socket:
        for size_hw in ((256, 384), (192, 256), (256, 384)):
            socket.send_bytes(TICKET + encode(picture(size_hw, [(2, 3)]), "JPEG"))
            _, facts, data = _read(socket.receive_bytes())
            assert facts["faces"] == 1 and _pixels(data).shape[:2] == size_hw


def _refused(site: Site, key: str, send: bytes = b"", faces: str = "largest") -> tuple[str, int]:
    with site.live(f"{key}&faces={faces}") as socket:
        if send:
            socket.send_bytes(send)
        error = socket.receive_json()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
    assert error["cure"]
    return error["what"], closed.value.code


def test_live_needs_a_consent_that_names_it(site: Site) -> None:
    key = site.enrol(scope="still,film")
    assert _refused(site, key) == ("the identity's consent covers still,film, and not 'live'.", 4400)
    with pytest.raises(ConsentError, match="not 'live'"):
        site.studio.live(key, "largest")


def test_bad_sessions_end_with_a_reason(site: Site) -> None:
    key = site.enrol()
    assert "not enrolled" in _refused(site, "unknown")[0]
    assert "or a number expected" in _refused(site, key, faces="like me.png")[0]
    assert "no picture" in _refused(site, key, TICKET + b"no frame")[0]
    assert "a frame is empty" in _refused(site, key, TICKET)[0]
    assert "PNG picture" in _refused(site, key, TICKET + GROUP)[0]
    assert _refused(site, key, TICKET + bytes(3 << 20)) == ("a frame is too large.", 4413)
    large = encode(np.zeros((1200, 1920, 3), np.uint8), "JPEG")
    assert "1920x1200" in _refused(site, key, TICKET + large)[0]


def test_a_face_that_is_forgotten_is_shown_no_more(site: Site) -> None:
    key = site.enrol()
    with site.live(key) as socket:
        socket.send_bytes(TICKET + FRAME)
        socket.receive_bytes()
        assert site.client.delete(f"/api/identities/{key}").status_code == 204
        socket.send_bytes(TICKET + FRAME)
        assert "not any more" in socket.receive_json()["what"]


def test_a_consent_that_ends_meanwhile_ends_the_session(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    today = [date(2026, 11, 21)]
    ended = Consent.is_expired
    monkeypatch.setattr(Consent, "is_expired", lambda self, day=None: ended(self, day or today[0]))
    key = site.enrol(expires="2026-11-21")
    with site.live(key) as socket:
        socket.send_bytes(TICKET + FRAME)
        socket.receive_bytes()
        today[0] = date(2026, 11, 22)
        socket.send_bytes(TICKET + FRAME)
        assert "ended on 2026-11-21" in socket.receive_json()["what"]
    assert "ended on 2026-11-21" in _refused(site, key)[0]


def test_sessions_are_written_down(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path))
    key = site.enrol()
    with site.live(key) as socket:
        for _ in range(2):
            socket.send_bytes(TICKET + FRAME)
            socket.receive_bytes()
    # The server writes its last line when it has seen that the browser is gone.
    assert site.client.get("/api/state").status_code == 200
    start, end = (json.loads(line) for line in AuditLog().path.read_text().splitlines())
    identity = site.studio.store.get(key).identity
    assert (start["sink"], start["badge"], start["identities"]) == ("browser", True, [keyed_hash(identity.id)])
    assert (end["session"], end["frames"], end["swapped"], end["ended_by"]) == (start["session"], 2, 2, "asked")


def test_what_the_content_check_refuses_ends_the_session(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = ContentCheck(write_safety_pack(tmp_path / "safety"), BACKEND, 1)
    monkeypatch.setattr(site.studio.swapper, "check", check)
    key = site.enrol()
    bright = encode(picture((256, 384), [(2, 3)], 220), "JPEG")
    with site.live(key) as socket:
        socket.send_bytes(TICKET + FRAME)
        assert _read(socket.receive_bytes())[1]["swapped"] == 1
    assert "content check refuses this live" in _refused(site, key, TICKET + bright)[0]
    answer = site.client.post(f"/api/swap?identity={key}", files={"picture": ("party.jpg", bright)})
    assert answer.status_code == 403 and "refuses this picture" in answer.json()["what"]


def test_a_session_that_sends_nothing_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from facesdk.serve import live_socket
    from tests.facesdk.serve.conftest import LIMITS

    original = live_socket._Inbox.__init__
    brief = replace(LIMITS, live_idle_seconds=0.1)
    monkeypatch.setattr(live_socket._Inbox, "__init__", lambda self, socket, _: original(self, socket, brief))
    assert _refused(site, site.enrol())[1] == 4408


def test_there_is_room_for_two_and_a_place_becomes_free(site: Site) -> None:
    key = site.enrol()
    with site.live(key), site.live(key):
        assert "2 pages are live already" in _refused(site, key)[0]
    with site.live(key) as socket:
        socket.send_bytes(TICKET + FRAME)
        assert _read(socket.receive_bytes())[0] == TICKET


def test_the_newest_frame_wins(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    go, begun = threading.Event(), threading.Event()
    original = LiveFeed.swap

    def slow(self: LiveFeed, data: bytes, seconds: float) -> Any:
        begun.set()
        go.wait(10)
        return original(self, data, seconds)

    monkeypatch.setattr(LiveFeed, "swap", slow)
    with site.live(site.enrol()) as socket:
        socket.send_bytes(struct.pack("<d", 0) + FRAME)
        assert begun.wait(10)
        for number in range(1, 6):
            socket.send_bytes(struct.pack("<d", number) + FRAME)
        # An answer to a request shows that the event loop has read what came before it.
        assert site.client.get("/api/state").status_code == 200
        go.set()
        answers = [_read(socket.receive_bytes()) for _ in range(2)]
    assert [struct.unpack("<d", ticket)[0] for ticket, _, _ in answers] == [0, 5]
    assert answers[1][1]["dropped"] == 4


def test_times_of_frames_grow_whatever_the_clock_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    original = VideoPainter.paint

    def noting(self: VideoPainter, image: Any, pts_seconds: float) -> Any:
        times.append(pts_seconds)
        return original(self, image, pts_seconds)

    monkeypatch.setattr(VideoPainter, "paint", noting)
    feed = site.studio.live(site.enrol(), "largest")
    for seconds in (5.0, 5.0, 1.0, 6.0):
        feed.swap(FRAME, seconds)
    assert times == sorted(set(times)) and times[0] == 5.0 and times[-1] == 6.0
