"""The enrolled faces of a running server: in memory, for a while, and gone when they are forgotten."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from facesdk.identity import Identity
from facesdk.serve.error_json import ForgottenError
from facesdk.serve.limits import ServeLimits


@dataclass(eq=False)
class StoredIdentity:
    """An enrolled face and the name that it goes by.

    Attributes:
        key: 128 random bits; what the browser calls it.
        name: shown on the page.
        identity: the face with its consent.
        used: when it was used last, in seconds of the store's clock.
    """

    key: str
    name: str
    identity: Identity = field(repr=False)
    used: float


class IdentityStore:
    """Keeps faces until they are forgotten, were not used for long, or are too many. Safe from several threads.

    Args:
        limits: how many and how long.
        clock: gives seconds.
    """

    def __init__(self, limits: ServeLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._stored: dict[str, StoredIdentity] = {}
        self._lock = threading.Lock()

    def add(self, identity: Identity, name: str) -> StoredIdentity:
        """Keeps a face; if there are too many, the one that was not used for longest goes."""
        with self._lock:
            self._expire()
            while len(self._stored) >= self._limits.identities:
                del self._stored[min(self._stored.values(), key=lambda stored: stored.used).key]
            stored = StoredIdentity(secrets.token_urlsafe(16), name, identity, self._clock())
            self._stored[stored.key] = stored
            return stored

    def get(self, key: str) -> StoredIdentity:
        """Finds a face and notes that it is used.

        Raises:
            ForgottenError: it is not there, or not any more.
        """
        with self._lock:
            self._expire()
            stored = self._stored.get(key)
            if stored is None:
                raise ForgottenError("this face is not enrolled, or not any more.", "Enrol it, or pick another.")
            stored.used = self._clock()
            return stored

    def forget(self, key: str) -> None:
        """Lets go of a face.

        Raises:
            ForgottenError: it is not there.
        """
        with self._lock:
            if self._stored.pop(key, None) is None:
                raise ForgottenError("this face is not enrolled, or not any more.", "There is nothing to do.")

    def all(self) -> list[StoredIdentity]:
        """The faces in the order in which they came."""
        with self._lock:
            self._expire()
            return list(self._stored.values())

    def clear(self) -> None:
        """Lets go of all."""
        with self._lock:
            self._stored.clear()

    def _expire(self) -> None:
        oldest = self._clock() - self._limits.identity_seconds
        for key in [key for key, stored in self._stored.items() if stored.used < oldest]:
            del self._stored[key]
