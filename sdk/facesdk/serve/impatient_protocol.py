"""uvicorn's HTTP/1.1, without patience for connections that open and say nothing, or say it slowly."""

from __future__ import annotations

import asyncio
from typing import Any

from facesdk.serve.limits import ServeLimits


def impatient_protocol(limits: ServeLimits) -> type[asyncio.Protocol]:
    """The protocol class for a server. uvicorn by itself waits for the head of a first request for ever.

    Args:
        limits: how long a connection may take for a request's head, and how many may be at it.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    waiting: dict[Any, asyncio.TimerHandle] = {}

    class ImpatientProtocol(H11Protocol):
        """Closes a connection whose next request does not begin in time."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            while len(waiting) >= limits.waiting:
                # The oldest one gives way, so that a hundred idle connections keep nobody out.
                next(iter(waiting)).give_up()
            self.wait()

        def connection_lost(self, error: Exception | None) -> None:
            self.stop_waiting()
            super().connection_lost(error)

        def data_received(self, data: bytes) -> None:
            before = self.scope
            super().data_received(data)
            if self.scope is not before:
                self.stop_waiting()

        def on_response_complete(self) -> None:
            before = self.scope
            super().on_response_complete()
            if self.scope is before and not self.transport.is_closing():
                self.wait()

        def wait(self) -> None:
            """Starts the clock."""
            self.stop_waiting()
            waiting[self] = self.loop.call_later(limits.head_seconds, self.give_up)

        def stop_waiting(self) -> None:
            """Stops the clock: a request began, or the connection is gone."""
            clock = waiting.pop(self, None)
            if clock is not None:
                clock.cancel()

        def give_up(self) -> None:
            """Closes the connection at once."""
            self.stop_waiting()
            self.transport.abort()

    return ImpatientProtocol
