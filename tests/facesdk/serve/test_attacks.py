"""Attacks on a running server, over a real socket: none of them gets anything.

W1 of the trust study asks for fifteen; the table ATTACKS is the list.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.serve.server import bind_loopback
from tests.facesdk.serve.conftest import ME, Running
from tests.facesdk.serve.raw_http import ask, connect, read_answer, upgrade

Attack = Callable[[Running], None]
ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    """Puts an attack into the table."""

    def put(run: Attack) -> Attack:
        ATTACKS[name] = run
        return run

    return put


def bearer(server: Running) -> str:
    return f"Authorization: Bearer {server.token}"


def offer(server: Running, token: str | None = None) -> str:
    return f"Sec-WebSocket-Protocol: facesdk.live.1, facesdk.token.{token or server.token}"


def origin(server: Running) -> str:
    return f"Origin: http://127.0.0.1:{server.port}"


@attack("DNS rebinding: a foreign name that leads to 127.0.0.1")
def rebinding(server: Running) -> None:
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1", f"127.0.0.1:{server.port + 1}", ""):
        answer = ask(server.port, "GET /", f"Host: {host}", bearer(server))
        assert answer.status == 403 and b"<html" not in answer.body, host


@attack("two Host headers, of which one is right")
def two_hosts(server: Running) -> None:
    for pair in ([f"127.0.0.1:{server.port}", "evil.example"], ["evil.example", f"127.0.0.1:{server.port}"]):
        answer = ask(server.port, "GET /api/state", *[f"Host: {host}" for host in pair], bearer(server))
        assert answer.status in (400, 403)


@attack("CSRF: another page posts, even with the token")
def cross_site_post(server: Running) -> None:
    for foreign in ("https://evil.example", "null", f"http://evil.example:{server.port}", "http://127.0.0.1:1"):
        answer = ask(server.port, "POST /api/faces/1/1", f"Origin: {foreign}", bearer(server), "Content-Length: 0")
        assert answer.status == 403, foreign


@attack("CORS: another page asks whether it may")
def preflight(server: Running) -> None:
    answer = ask(
        server.port,
        "OPTIONS /api/swap",
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    )
    assert answer.status == 403 and "access-control-" not in answer.head


@attack("cross-site inclusion: a script element of another site")
def inclusion(server: Running) -> None:
    assert ask(server.port, "GET /app.js", "Sec-Fetch-Site: cross-site").status == 403
    assert ask(server.port, "GET /app.js", "Sec-Fetch-Site: same-site").status == 403
    answer = ask(server.port, "GET /app.js", "Sec-Fetch-Site: same-origin")
    assert answer.status == 200 and "cross-origin-resource-policy: same-origin" in answer.head


@attack("clickjacking: the page in a frame")
def framing(server: Running) -> None:
    head = ask(server.port, "GET /").head
    assert "frame-ancestors 'none'" in head and "x-frame-options: deny" in head


@attack("WebSocket hijack from another page")
def websocket_origin(server: Running) -> None:
    for foreign in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert upgrade(server.port, f"Origin: {foreign}", offer(server)).status == 403
    assert upgrade(server.port, offer(server)).status == 403
    assert upgrade(server.port, "Host: evil.example", origin(server), offer(server)).status == 403


@attack("WebSocket without token, or with a wrong one")
def websocket_token(server: Running) -> None:
    assert upgrade(server.port, origin(server)).status == 403
    assert upgrade(server.port, origin(server), offer(server, "x" * 43)).status == 403
    assert upgrade(server.port, origin(server), "Sec-WebSocket-Protocol: facesdk.live.1").status == 403
    assert upgrade(server.port, origin(server), offer(server)).status == 101


@attack("no token")
def no_token(server: Running) -> None:
    for line in ("GET /api/state", "GET /api/faces?seed=1", "POST /api/swap", "DELETE /api/identities/x", "GET /docs"):
        assert ask(server.port, line, "Content-Length: 0").status == 401, line


@attack("the token of an earlier start, a part of it, or in another place")
def wrong_token(server: Running) -> None:
    for given in ("A" * 43, server.token[:-1], server.token + "A", "", "é"):
        assert ask(server.port, "GET /api/state", f"Authorization: Bearer {given}").status == 401, given
    assert ask(server.port, f"GET /api/state?token={server.token}").status == 401
    assert ask(server.port, "GET /api/state", f"Cookie: token={server.token}").status == 401
    assert ask(server.port, "GET /api/state", bearer(server), bearer(server)).status == 401
    assert ask(server.port, "GET /api/state", bearer(server)).status == 200


@attack("path traversal in the address")
def traversal(server: Running) -> None:
    for path in (
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/app.js/../app.py",
        "//etc/passwd",
        "/static/app.py",
    ):
        assert ask(server.port, f"GET {path}").status == 401, path
        answer = ask(server.port, f"GET {path}", bearer(server))
        assert answer.status == 404 and b"root:" not in answer.body and b"import" not in answer.body, path


@attack("reading a file through the rule that chooses a face")
def rule_reads_file(server: Running) -> None:
    for rule in ("like%20/etc/passwd", "like%20me.identity", "%2Fetc%2Fpasswd"):
        body = b'--x\r\nContent-Disposition: form-data; name="p"; filename="p"\r\n\r\n' + ME + b"\r\n--x--\r\n"
        answer = ask(
            server.port,
            f"POST /api/swap?identity={_enrol(server)}&faces={rule}",
            bearer(server),
            "Content-Type: multipart/form-data; boundary=x",
            f"Content-Length: {len(body)}",
            body=body,
        )
        assert answer.status == 422 and b"or a number expected" in answer.body and b"no such file" not in answer.body


@attack("a name of an uploaded file that points elsewhere")
def upload_name(server: Running) -> None:
    before = {path for folder in (Path("/tmp"), Path.cwd()) for path in folder.glob("evil*")}
    answer = _post_picture(server, b"no picture", "../../../tmp/evil.png")
    assert answer.status == 422 and b'"evil.png is no picture' in answer.body
    assert {path for folder in (Path("/tmp"), Path.cwd()) for path in folder.glob("evil*")} == before


@attack("10 GB announced")
def announced_body(server: Running) -> None:
    start = time.monotonic()
    answer = ask(server.port, "POST /api/swap?identity=x", bearer(server), "Content-Length: 10000000000")
    assert answer.status == 413 and time.monotonic() - start < 2
    assert ask(server.port, "GET /api/state", bearer(server), "Content-Length: 70000").status == 413


@attack("a body without an end")
def endless_body(server: Running) -> None:
    sent = 0
    head = f"POST /api/swap?identity=x HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{bearer(server)}\r\n"
    with connect(server.port) as connection:
        connection.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
        chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
        with contextlib.suppress(ConnectionError):
            while sent < 64 << 20:
                connection.sendall(chunk)
                sent += 65536
    # Some chunks stand in buffers of the system when the connection is closed.
    assert server.limits.upload_bytes < sent < 16 << 20
    with connect(server.port) as connection:
        whole = chunk * (server.limits.upload_bytes // 65536)
        connection.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode() + whole + b"1\r\nx\r\n")
        assert read_answer(connection).status == 413
    assert ask(server.port, "GET /api/state", bearer(server)).status == 200


@attack("slowloris: a head that comes byte by byte")
def slow_head(server: Running) -> None:
    start = time.monotonic()
    with connect(server.port) as connection, contextlib.suppress(ConnectionError):
        for byte in b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + bytes(b"a" * 200):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
    assert time.monotonic() - start < 2


@attack("slow body: an upload that never comes")
def slow_body(server: Running) -> None:
    start = time.monotonic()
    answer = ask(server.port, "POST /api/swap?identity=x", bearer(server), "Content-Length: 1000", body=b"a")
    assert answer.status == 408 and time.monotonic() - start < 3


@attack("100 connections that say nothing")
def many_connections(server: Running) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(server.port)) for _ in range(100)]
        assert ask(server.port, "GET /api/state", bearer(server)).status == 200
        time.sleep(server.limits.head_seconds + 0.3)
        for connection in idle:
            connection.settimeout(1.0)
            with contextlib.suppress(ConnectionError):
                assert connection.recv(1) == b""


@attack("more live sessions than there is room for")
def many_live(server: Running) -> None:
    key = _enrol(server)
    with contextlib.ExitStack() as stack:
        for number in range(server.limits.live_sessions + 1):
            connection = stack.enter_context(connect(server.port))
            lines = [
                f"GET /api/live?identity={key} HTTP/1.1",
                f"Host: 127.0.0.1:{server.port}",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                origin(server),
                offer(server),
            ]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            connection.settimeout(0.3 if number < server.limits.live_sessions else 3.0)
            data = b""
            with contextlib.suppress(TimeoutError):
                while b"live already" not in data and (part := connection.recv(4096)):
                    data += part
            assert b" 101 " in data and (b"live already" in data) == (number == server.limits.live_sessions)


@attack("a frame of a live session that is too large")
def large_frame(server: Running) -> None:
    with connect(server.port) as connection:
        lines = [
            f"GET /api/live?identity={_enrol(server)} HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            origin(server),
            offer(server),
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert b" 101 " in connection.recv(4096)
        # A binary message of 10 GB is announced: RFC 6455 section 5.2, masked.
        connection.sendall(b"\x82\xff" + struct.pack(">Q", 10_000_000_000) + b"mask" + bytes(1000))
        data = b""
        with contextlib.suppress(ConnectionError, socket.timeout):
            while part := connection.recv(4096):
                data += part
        assert b"\x03\xf1" in data  # 1009: message too big


@attack("a decompression bomb: 60000 x 60000 pixels in a kilobyte")
def bomb(server: Running) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )
    start = time.monotonic()
    answer = _post_picture(server, png, "bomb.png")
    assert answer.status == 422 and b"too large" in answer.body and time.monotonic() - start < 2


@attack("reaching it from another machine")
def other_machines(server: Running) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.org", "", "127.0.0.1.evil.example"):
        with pytest.raises(InputError, match="this machine only"):
            bind_loopback(host, 0)
    with bind_loopback("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def _post_picture(server: Running, data: bytes, name: str):  # type: ignore[no-untyped-def]
    head = f'--x\r\nContent-Disposition: form-data; name="p"; filename="{name}"\r\n\r\n'.encode()
    body = head + data + b"\r\n--x--\r\n"
    return ask(
        server.port,
        f"POST /api/swap?identity={_enrol(server)}",
        bearer(server),
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(body)}",
        body=body,
    )


def _enrol(server: Running) -> str:
    import json

    parts = [
        b'--x\r\nContent-Disposition: form-data; name="consent"\r\n\r\nself\r\n',
        b'--x\r\nContent-Disposition: form-data; name="p"; filename="me.png"\r\n\r\n' + ME + b"\r\n--x--\r\n",
    ]
    body = b"".join(parts)
    answer = ask(
        server.port,
        "POST /api/identities",
        bearer(server),
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(body)}",
        body=body,
    )
    assert answer.status == 201, answer
    return str(json.loads(answer.body)["id"])


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_nothing(running: Running, name: str) -> None:
    ATTACKS[name](running)


def test_the_list_is_long_enough() -> None:
    assert len(ATTACKS) >= 15
