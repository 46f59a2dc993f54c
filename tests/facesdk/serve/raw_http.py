"""HTTP as an attacker speaks it: whatever bytes, over a plain socket."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class RawAnswer:
    """What came back.

    Attributes:
        status: of HTTP; 0 if the connection was closed without an answer.
        head: its lines, in lower case.
        body: the rest.
    """

    status: int
    head: str
    body: bytes


def connect(port: int, seconds: float = 5.0) -> socket.socket:
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", port), timeout=seconds)


def read_answer(connection: socket.socket) -> RawAnswer:
    """Reads until the server closes, or has sent what it announced."""
    data = b""
    try:
        while not _is_whole(data):
            part = connection.recv(65536)
            if not part:
                break
            data += part
    except (ConnectionError, TimeoutError):
        pass
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 else 0
    return RawAnswer(status, head.decode("latin-1").lower(), body)


def _is_whole(data: bytes) -> bool:
    head, gap, body = data.partition(b"\r\n\r\n")
    if gap and head.split(b" ", 2)[1] == b"101":
        return True
    for line in head.lower().split(b"\r\n"):
        if gap and line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False


def ask(port: int, line: str, *headers: str, body: bytes = b"") -> RawAnswer:
    """Sends one request. Without a Host among `headers` the right one is added.

    Args:
        port: of the server.
        line: such as "GET /api/state".
        headers: whole lines.
        body: after the head.
    """
    named = any(header.lower().startswith("host:") for header in headers)
    lines = [f"{line} HTTP/1.1", *([] if named else [f"Host: 127.0.0.1:{port}"]), *headers]
    with connect(port) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return read_answer(connection)


def upgrade(port: int, *headers: str, path: str = "/api/live?identity=x") -> RawAnswer:
    """Asks for a WebSocket and gives the answer to the handshake."""
    return ask(
        port,
        f"GET {path}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    )
