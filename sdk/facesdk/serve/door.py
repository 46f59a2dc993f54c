"""Who may come in: the checks of a request's head, before anything of it is read or done."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[bytes, bytes]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PUBLIC = ("/", "/app.css", "/app.js", "/icon.svg")
"""The page itself, which holds no secret. Everything else needs the token."""
LIVE_PROTOCOL = "facesdk.live.1"
TOKEN_PROTOCOL = "facesdk.token."
"""A browser's WebSocket sends no header of its own, so the token comes as one of the protocols that it offers."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is turned away.

    Attributes:
        status: of HTTP.
        what: what is wrong with it.
        cure: what its user can do.
    """

    status: int
    what: str
    cure: str


class Door:
    """Checks Host, Origin, Sec-Fetch-Site and token.

    The token travels in the address's fragment (http://127.0.0.1:8347/#token=...), which a browser sends to nobody:
    it stands in no request line, no log and no Referer. The page reads it, takes it out of the address, and sends it as
    a header. There is no cookie on purpose: cookies are shared by all ports of a host, so every other program that
    serves a page on this machine would be handed it, and a browser would attach it to requests of foreign pages too.

    Args:
        port: where the server listens.
        token: what lets a request in; by default a new one of 256 bits.
    """

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token or secrets.token_urlsafe(32)
        self._hosts = {f"{host}:{port}" for host in LOOPBACK}
        if port == 80:
            self._hosts |= set(LOOPBACK)

    def address(self, host: str = "127.0.0.1") -> str:
        """What is printed, and opened in a browser."""
        return f"http://{host}:{self.port}/#token={self.token}"

    def refuse(self, kind: str, method: str, path: str, headers: Headers) -> Refusal | None:
        """Looks at a request's head.

        Args:
            kind: "http" or "websocket".
            method: of HTTP; not looked at for a WebSocket.
            path: decoded, without the query.
            headers: names in lower case.

        Returns:
            Why it is turned away, or None: it may come in.
        """
        host = _single(headers, b"host")
        if host is None or host.lower() not in self._hosts:
            # A foreign name that resolves to 127.0.0.1 (DNS rebinding) gives itself away here.
            return Refusal(
                403, "this server answers to its loopback address alone.", "Open the address that it printed."
            )
        origins = _all(headers, b"origin")
        if origins and origins != [f"http://{host.lower()}"]:
            return Refusal(403, "another page may not use this server.", "Open the address that the server printed.")
        if kind == "websocket" and not origins:
            return Refusal(403, "a live session needs the Origin header, which every browser sends.", "Use a browser.")
        site = _single(headers, b"sec-fetch-site")
        if site not in (None, "same-origin", "none") and not (method == "GET" and path == "/"):
            return Refusal(403, "another site may not use this server.", "Open the address that the server printed.")
        if kind == "http" and path in PUBLIC:
            if method in ("GET", "HEAD"):
                return None
            return Refusal(405, f"{method} is not for this address.", "Use the page.")
        given = live_token(headers) if kind == "websocket" else _bearer(headers)
        if given is None or not hmac.compare_digest(given.encode(), self.token.encode()):
            return Refusal(
                401,
                "the token is missing or is not that of this server.",
                "Open the whole address that the server printed, with what stands behind #. It is new at every start.",
            )
        return None


def live_token(headers: Headers) -> str | None:
    """The token among the protocols that a WebSocket offers."""
    offered = [name.strip() for text in _all(headers, b"sec-websocket-protocol") for name in text.split(",")]
    tokens = [name.removeprefix(TOKEN_PROTOCOL) for name in offered if name.startswith(TOKEN_PROTOCOL)]
    return tokens[0] if len(tokens) == 1 and LIVE_PROTOCOL in offered else None


def _bearer(headers: Headers) -> str | None:
    text = _single(headers, b"authorization")
    return text.removeprefix("Bearer ") if text is not None and text.startswith("Bearer ") else None


def _single(headers: Headers, name: bytes) -> str | None:
    """A header's value; None if it is not there, or there twice, which no browser does."""
    values = _all(headers, name)
    return values[0] if len(values) == 1 else None


def _all(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]
