"""The live session of one browser: frames come over a WebSocket, and the newest one wins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from facesdk.errors import FacesdkError
from facesdk.serve.door import LIVE_PROTOCOL
from facesdk.serve.error_json import BusyError, error_json
from facesdk.serve.limits import ServeLimits
from facesdk.serve.live_feed import LiveAnswer, LiveFeed

if TYPE_CHECKING:
    from fastapi import WebSocket

    from facesdk.serve.studio import Studio

TICKET_BYTES = 8
"""Before each frame: bytes of the browser's own, sent back with the answer. It holds its clock there."""
ENDED, TOO_LARGE, IDLE = 4400, 4413, 4408


class LiveRoom:
    """The live sessions of a server.

    A message to the server is a ticket and a picture. A message to the browser is the ticket, the length of a JSON text
    (uint32, little endian), that text, and a JPEG. A text message {what, cure} comes before the session is closed.

    Args:
        studio: swaps.
        limits: how many, how large, how idle.
    """

    def __init__(self, studio: Studio, limits: ServeLimits) -> None:
        self._studio = studio
        self._limits = limits
        self._open = 0

    async def serve(self, socket: WebSocket, key: str, faces: str) -> None:
        """Handles a session until either side ends it.

        Args:
            socket: let in by the guard, not accepted yet.
            key: the enrolled face.
            faces: which faces get it.
        """
        await socket.accept(subprotocol=LIVE_PROTOCOL)
        if self._open >= self._limits.live_sessions:
            await _end(
                socket, BusyError(f"{self._open} pages are live already.", "Stop one of them, or close its page.")
            )
            return
        self._open += 1
        threads = ThreadPoolExecutor(1, "live")
        try:
            with closing(self._studio.live(key, faces)) as live:
                await self._run(socket, live, threads)
        except FacesdkError as error:
            await _end(socket, error)
        finally:
            self._open -= 1
            threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, socket: WebSocket, live: LiveFeed, threads: ThreadPoolExecutor) -> None:
        inbox = _Inbox(socket, self._limits)
        reading = asyncio.create_task(inbox.fill())
        loop = asyncio.get_running_loop()
        try:
            while (message := await inbox.newest()) is not None:
                ticket, data = message[:TICKET_BYTES], message[TICKET_BYTES:]
                answer = await loop.run_in_executor(threads, live.swap, data, time.monotonic())
                if not await _sent(socket.send_bytes(pack_answer(ticket, answer, inbox.dropped))):
                    break
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
        if inbox.fault is not None:
            code, error = inbox.fault
            await _end(socket, error, code)


class _Inbox:
    """Holds the newest message, and counts those that a newer one replaced."""

    def __init__(self, socket: WebSocket, limits: ServeLimits) -> None:
        self._socket = socket
        self._limits = limits
        self._message: bytes | None = None
        self._changed = asyncio.Event()
        self._ended = False
        self.dropped = 0
        self.fault: tuple[int, FacesdkError] | None = None

    async def fill(self) -> None:
        """Reads until the browser goes, sends nothing for long, or too much."""
        try:
            while self.fault is None:
                async with asyncio.timeout(self._limits.live_idle_seconds):
                    message = await self._socket.receive()
                if message["type"] != "websocket.receive":
                    break
                data = message.get("bytes") or b""
                if len(data) > self._limits.live_frame_bytes:
                    self.fault = TOO_LARGE, BusyError("a frame is too large.", "Choose a smaller camera picture.")
                elif len(data) <= TICKET_BYTES:
                    self.fault = ENDED, BusyError("a frame is empty.", "Use the page.")
                else:
                    self.dropped += self._message is not None
                    self._message = data
                    self._changed.set()
        except TimeoutError:
            seconds = self._limits.live_idle_seconds
            self.fault = IDLE, BusyError(f"no frame came for {seconds:.0f} s.", "Start it again.")
        finally:
            self._ended = True
            self._changed.set()

    async def newest(self) -> bytes | None:
        """Waits for a message; None when there will be none."""
        await self._changed.wait()
        self._changed.clear()
        if self._ended:
            self._changed.set()
            return None
        message, self._message = self._message, None
        return message


def pack_answer(ticket: bytes, frame: LiveAnswer, dropped: int) -> bytes:
    """A frame as the browser gets it."""
    facts = {
        "faces": frame.faces,
        "swapped": frame.swapped,
        "dropped": dropped,
        "server_ms": round(frame.timings.total_ms, 2),
        "stages": {name: round(value, 2) for name, value in frame.timings.as_dict().items()},
    }
    text = json.dumps(facts).encode()
    return ticket + struct.pack("<I", len(text)) + text + frame.data


async def _end(socket: WebSocket, error: FacesdkError, code: int = ENDED) -> None:
    """Says why, and closes."""
    if await _sent(socket.send_json(error_json(error))):
        await _sent(socket.close(code))


async def _sent(sending: Awaitable[None]) -> bool:
    """Whether the browser was still there."""
    from starlette.websockets import WebSocketDisconnect

    try:
        await sending
    except (RuntimeError, WebSocketDisconnect):  # RuntimeError: Starlette knows that it is closed.
        return False
    return True
