"""Who is let in, by the head of the request alone."""

from __future__ import annotations

import pytest

from facesdk.serve.door import Door, live_token

DOOR = Door(8347, "secret")
GOOD = [(b"host", b"127.0.0.1:8347"), (b"authorization", b"Bearer secret")]
LIVE = [
    (b"host", b"127.0.0.1:8347"),
    (b"origin", b"http://127.0.0.1:8347"),
    (b"sec-websocket-protocol", b"facesdk.live.1, facesdk.token.secret"),
]


def _status(kind: str, method: str, path: str, headers: list[tuple[bytes, bytes]]) -> int:
    refusal = DOOR.refuse(kind, method, path, headers)
    if refusal is None:
        return 200
    assert refusal.what.endswith(".") and refusal.cure.endswith(".")
    return refusal.status


@pytest.mark.parametrize("host", [b"127.0.0.1:8347", b"localhost:8347", b"LOCALHOST:8347", b"[::1]:8347"])
def test_every_name_of_this_machine_is_let_in(host: bytes) -> None:
    assert _status("http", "GET", "/api/state", [(b"host", host), GOOD[1]]) == 200
    assert (
        _status("http", "GET", "/api/state", [(b"host", host), (b"origin", b"http://" + host.lower()), GOOD[1]]) == 200
    )


@pytest.mark.parametrize(
    "host", [b"", b"evil.example:8347", b"127.0.0.1", b"127.0.0.1:80", b"127.0.0.1.evil.example:8347", b"0.0.0.0:8347"]
)
def test_no_other_name_is(host: bytes) -> None:
    assert _status("http", "GET", "/", [(b"host", host), GOOD[1]]) == 403


def test_the_origin_is_the_very_host_that_was_asked() -> None:
    for foreign in (
        b"http://localhost:8347",
        b"https://127.0.0.1:8347",
        b"null",
        b"http://127.0.0.1:8347.evil.example",
    ):
        assert _status("http", "POST", "/api/swap", [*GOOD, (b"origin", foreign)]) == 403


def test_the_page_needs_no_token_and_the_rest_does() -> None:
    for path in ("/", "/app.js", "/app.css", "/icon.svg"):
        assert _status("http", "GET", path, GOOD[:1]) == 200
        assert _status("http", "POST", path, GOOD[:1]) == 405
    assert _status("http", "GET", "/api/state", GOOD[:1]) == 401
    assert _status("http", "GET", "/app.js/", GOOD[:1]) == 401


def test_a_link_on_another_site_may_open_the_page_and_nothing_else() -> None:
    site = (b"sec-fetch-site", b"cross-site")
    assert _status("http", "GET", "/", [*GOOD, site]) == 200
    assert _status("http", "GET", "/api/state", [*GOOD, site]) == 403


def test_a_websocket_brings_its_token_as_a_protocol() -> None:
    assert _status("websocket", "", "/api/live", LIVE) == 200
    assert _status("websocket", "", "/api/live", LIVE[:2]) == 401
    assert _status("websocket", "", "/api/live", [LIVE[0], LIVE[2]]) == 403
    assert live_token([(b"sec-websocket-protocol", b"facesdk.token.secret")]) is None
    twice = b"facesdk.live.1, facesdk.token.a, facesdk.token.secret"
    assert live_token([(b"sec-websocket-protocol", twice)]) is None


def test_the_token_is_long_new_and_only_in_the_fragment() -> None:
    doors = [Door(8347) for _ in range(20)]
    assert len({door.token for door in doors}) == 20 and all(len(door.token) >= 43 for door in doors)
    assert doors[0].address() == f"http://127.0.0.1:8347/#token={doors[0].token}"
