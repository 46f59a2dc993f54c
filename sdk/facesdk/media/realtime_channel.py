"""A hand-over between two threads that never grows: the oldest item gives way, or the giver waits."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

from facesdk.errors import InputError

Item = TypeVar("Item")


class ChannelClosed(Exception):
    """There is nothing more to take, or nobody who takes."""


class Channel(Generic[Item]):
    """Items from one thread to another, in their order.

    Args:
        depth: most items that wait.
    """

    def __init__(self, depth: int = 1) -> None:
        if depth < 1:
            raise InputError(f"depth={depth}: at least 1 expected.")
        self._depth = depth
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._aborted = False

    def put(self, item: Item) -> int:
        """Adds an item at once; if the channel is full, the oldest one goes.

        Returns:
            How many items went.

        Raises:
            ChannelClosed: nobody will take it.
        """
        with self._changed:
            if self._closed:
                raise ChannelClosed
            dropped = 0
            while len(self._items) >= self._depth:
                self._items.popleft()
                dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return dropped

    def wait_room(self) -> None:
        """Waits until an item could be added without another one's going. It stays so for the only giver.

        Raises:
            ChannelClosed: nobody will take it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._depth)
            if self._closed:
                raise ChannelClosed

    def take(self, timeout_seconds: float | None = None) -> Item | None:
        """Waits for the oldest item.

        Returns:
            The item, or None when the time is over.

        Raises:
            ChannelClosed: there will be none.
        """
        until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        with self._changed:
            while True:
                if self._items and not self._aborted:
                    item = self._items.popleft()
                    self._changed.notify_all()
                    return item
                if self._closed:
                    raise ChannelClosed
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)

    def close(self) -> None:
        """Says that no more items come; those that wait can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Ends it at once; items that wait are gone."""
        with self._changed:
            self._closed = self._aborted = True
            self._items.clear()
            self._changed.notify_all()
