"""Work on threads of its own, and not more of it than can wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from facesdk.serve.error_json import BusyError

Result = TypeVar("Result")


class Jobs:
    """Runs calls one after another, away from the event loop, and refuses when too many wait.

    Args:
        most: calls that run or wait.
        name: of the thread.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._count = 0
        self._executor = ThreadPoolExecutor(1, name)

    async def run(self, call: Callable[[], Result]) -> Result:
        """Runs a call.

        Raises:
            BusyError: too many wait already.
        """
        if self._count >= self._most:
            raise BusyError(f"{self._count} pictures are being worked on already.", "Wait for one of them.")
        self._count += 1
        future = self._executor.submit(call)
        # If whoever asked goes away, a call that waits is dropped. One that runs cannot be stopped: its place is taken
        # until it is done.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Waits for the call that runs; those that wait are dropped."""
        self._executor.shutdown(cancel_futures=True)

    def _done(self) -> None:
        self._count -= 1
