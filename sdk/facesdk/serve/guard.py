"""The guard before the app: nobody comes past it without the door's consent, with a large body, or slowly."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from facesdk.serve.door import Door, Refusal
from facesdk.serve.limits import ServeLimits
from facesdk.serve.page_headers import page_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = ("/api/identities", "/api/swap")
"""The addresses that take pictures."""
REFUSED = 4403
"""Code of a WebSocket that is closed before it was opened; uvicorn answers 403."""
NO_HOST = "127.0.0.1"


class Guard:
    """An ASGI app around another one.

    The body of a request is read here, whole and counted, before the app sees the request: a body without a length is
    cut off at the same byte as one that says that it is too long.

    Args:
        app: what is guarded.
        door: who may come in.
        limits: how much and for how long.
    """

    def __init__(self, app: ASGIApp, door: Door, limits: ServeLimits) -> None:
        self._app = app
        self._door = door
        self._limits = limits
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection of ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._door.refuse(scope["type"], scope.get("method", ""), scope["path"], scope["headers"])
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": REFUSED, "reason": refusal.what[:100]})
            return
        speak = _with_headers(send, scope)
        if refusal is not None:
            await _answer(speak, refusal)
            return
        await self._guarded(scope, receive, speak)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._limits.request_seconds):
                body = await self._body(scope, receive)
                if isinstance(body, Refusal):
                    await _answer(noting_send, body)
                elif body is not None:
                    await self._app(scope, _replay(body, receive), noting_send)
        except TimeoutError:
            if begun:
                raise
            seconds = self._limits.request_seconds
            await _answer(send, Refusal(503, f"there was no answer within {seconds:.0f} s.", "Try a smaller picture."))

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Refusal | None:
        """The whole body, or why it is not taken; None if the client went away."""
        limit = self._limits.upload_bytes if scope["path"] in UPLOADS else self._limits.body_bytes
        too_large = Refusal(413, f"more than {_size(limit)} were sent at once.", "Send fewer or smaller pictures.")
        declared = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not value.isdigit() or int(value) > limit for value in declared):
            return too_large
        if self._uploads >= self._limits.uploads:
            return Refusal(503, "too many uploads at once.", "Wait for one of them.")
        self._uploads += 1
        parts, count = [], 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    part: bytes = message.get("body", b"")
                    count += len(part)
                    if count > limit:
                        return too_large
                    parts.append(part)
                    more = message.get("more_body", False)
        except TimeoutError:
            return Refusal(
                408, f"the upload did not come within {self._limits.body_seconds:.0f} s.", "Send smaller pictures."
            )
        finally:
            self._uploads -= 1
        return b"".join(parts)


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body once, and after it what the client does: it can only go away."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_headers(send: Send, scope: Scope) -> Send:
    """Adds the page's headers to an answer; they win over the app's own."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    # What is not a name of this server has no place in a policy.
    safe = hosts[0] if len(hosts) == 1 and all(c.isalnum() or c in ".:[]-" for c in hosts[0]) else NO_HOST
    extra = page_headers(safe)
    names = {name for name, _ in extra}

    async def speak(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": [*own, *extra]}
        await send(message)

    return speak


async def _answer(send: Send, refusal: Refusal) -> None:
    """Says why, and closes the connection: what is left of the body is not read."""
    text = json.dumps({"what": refusal.what, "cure": refusal.cure}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
