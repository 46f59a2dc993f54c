"""A session that gets by with less memory: smaller batches first, then another backend, and it says so."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, OutOfMemoryError
from facesdk.pack import GraphSpec
from facesdk.runtime.fixed_batches import has_rows, joined, rows
from facesdk.runtime.residency import Residency, Tenant
from facesdk.runtime.session import Session

Run = Callable[[Session, dict[str, NDArray[Any]]], dict[str, NDArray[np.float32]]]

_log = logging.getLogger("facesdk.runtime")


@dataclass(frozen=True)
class Choice:
    """A backend that may run the graph.

    Attributes:
        backend: its name.
        open: makes the session.
        resident_bytes, shared_bytes: GPU memory that it takes, see `residency.Tenant`; 0 for a CPU.
    """

    backend: str
    open: Callable[[], Session]
    resident_bytes: int = 0
    shared_bytes: int = 0


class ResilientSession(Session):
    """Runs a graph on the first of several backends. Only a lack of memory moves it on to the next one.

    Who lets go of it gives back what it holds on the GPU, with `close` or without.

    Where a run finds no room its batch is halved, down to one row, and the size that went well is kept; after that the
    next backend takes over, with a line in the log. Every other error is the caller's, as it is without this.

    Args:
        name: "family.graph".
        spec: the graph's entry in the manifest.
        choices: the backends in their order; at least one.
        residency: books of the GPU.

    Raises:
        OutOfMemoryError: no backend finds room.
        FacesdkError: a backend does not work for another reason.
    """

    def __init__(self, name: str, spec: GraphSpec, choices: Sequence[Choice], residency: Residency) -> None:
        super().__init__(name, spec, choices[0].backend, 1)
        self._choices = list(choices)
        self._residency = residency
        self._has_batch = has_rows(spec)
        self._most_rows: int | None = None
        # Reentrant: whoever opens a graph may make this very session leave the GPU.
        self._lock = threading.RLock()
        self._tenant: Tenant | None = None
        self._give_back: Callable[[], object] = lambda: None
        with self._lock:
            self._session = self._open_next()

    def close(self) -> None:
        """Gives back what the graph holds on a GPU."""
        with self._lock:
            self._give_back()
            self._tenant = None

    def leave_gpu(self) -> None:
        """Goes on with the next backend, because another graph needs the room; without a next one it stays."""
        with self._lock:
            if self._tenant is not None and self._choices:
                self._move_on("another graph needs the memory")

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        return self._get_by(feeds, lambda session, piece: session._run(piece))

    def _run_alike(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        return self._get_by(feeds, lambda session, piece: session._run_alike(piece))

    def _get_by(self, feeds: dict[str, NDArray[Any]], run: Run) -> dict[str, NDArray[np.float32]]:
        while True:
            # A session is taken once: another thread may move on meanwhile, and this run then ends on the old one.
            session, most_rows = self._session, self._most_rows
            try:
                return self._in_pieces(session, feeds, most_rows, run)
            except OutOfMemoryError as error:
                self._give_way(session, self._count(feeds), most_rows, error)
            except BackendError:
                # Another thread moves on, and closed what this one was about to use: the lock is free when it has.
                with self._lock:
                    is_current = session is self._session
                if is_current:
                    raise

    def _in_pieces(
        self, session: Session, feeds: dict[str, NDArray[Any]], most_rows: int | None, run: Run
    ) -> dict[str, NDArray[np.float32]]:
        count = self._count(feeds)
        if most_rows is None or count <= most_rows:
            return run(session, feeds)
        return joined([run(session, rows(feeds, start, most_rows)) for start in range(0, count, most_rows)])

    def _count(self, feeds: dict[str, NDArray[Any]]) -> int:
        return len(next(iter(feeds.values()))) if self._has_batch else 1

    def _give_way(self, session: Session, count: int, most_rows: int | None, error: OutOfMemoryError) -> None:
        """Halves the batch, or takes the next backend.

        Raises:
            OutOfMemoryError: there is neither.
        """
        with self._lock:
            if session is not self._session or most_rows != self._most_rows:
                # Another thread gave way already.
                return
            tried = count if most_rows is None else min(count, most_rows)
            if tried > 1:
                self._most_rows = tried // 2
                _log.warning(
                    "%s: no room on %s, batches of %d from now on: %s",
                    self.name,
                    self.backend,
                    tried // 2,
                    _line(error),
                )
                return
            if not self._choices:
                raise error
            self._move_on(_line(error))

    def _move_on(self, reason: str) -> None:
        before = self.backend
        self._give_back()
        self._tenant = None
        self._session = self._open_next()
        self._most_rows = None
        _log.warning("%s: runs on %s and no longer on %s: %s", self.name, self.backend, before, reason)

    def _open_next(self) -> Session:
        """Opens the first of the choices that finds room; those that found none are gone from the list."""
        while True:
            choice = self._choices.pop(0)
            try:
                return self._open(choice)
            except OutOfMemoryError as error:
                self._leave_books()
                if not self._choices:
                    raise
                _log.warning(
                    "%s: no room on %s, %s is next: %s",
                    self.name, choice.backend, self._choices[0].backend, _line(error),
                )  # fmt: skip

    def _open(self, choice: Choice) -> Session:
        if choice.resident_bytes or choice.shared_bytes:
            # The books must not keep it alive: memory that nobody uses would be taken for ever.
            method = weakref.WeakMethod(self.leave_gpu)
            leave = (lambda: _call(method())) if self._choices else None
            tenant = Tenant(self.name, choice.resident_bytes, choice.shared_bytes, leave)
            self._residency.admit(tenant)
            self._tenant = tenant
        try:
            session = choice.open()
        except BaseException:
            self._leave_books()
            raise
        self.backend, self.threads = session.backend, session.threads
        finalizer = weakref.finalize(self, _let_go, session, self._residency, self._tenant)
        # When the process ends, so does everything that it has on the GPU.
        finalizer.atexit = False
        self._give_back = finalizer
        return session

    def _leave_books(self) -> None:
        if self._tenant is not None:
            self._residency.dismiss(self._tenant)
            self._tenant = None


def _let_go(session: Session, residency: Residency, tenant: Tenant | None) -> None:
    session.close()
    if tenant is not None:
        residency.dismiss(tenant)


def _call(method: Callable[[], None] | None) -> None:
    if method is not None:
        method()


def _line(error: Exception) -> str:
    return str(error).splitlines()[0]
