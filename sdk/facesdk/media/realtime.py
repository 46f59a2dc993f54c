"""Stages on threads of their own: the newest frame wins, order is kept, nothing grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from facesdk.media.realtime_channel import Channel, ChannelClosed
from facesdk.media.realtime_meter import RealtimeMeter

DRAIN_SECONDS = 1.0
"""How long the frames on their way may still take after `stop`."""
JOIN_SECONDS = 0.5
"""How long threads may take to end after that; one that hangs in a driver is left behind."""
SOURCE, SINK = "capture", "display"


@dataclass(frozen=True, eq=False)
class Captured:
    """Something that a source gave.

    Attributes:
        item: what the stages work on.
        seconds: when it came, `time.monotonic()`.
        counts: whether it is a frame of its own, and no stand-in that nobody should measure.
    """

    item: Any
    seconds: float
    counts: bool = True


class Source(Protocol):
    """Where items come from."""

    def read(self) -> Captured | None:
        """Waits for the next item; None at the end, and after `cancel`."""
        ...

    def cancel(self) -> None:
        """Ends a `read` that waits; called from another thread."""
        ...


@dataclass(frozen=True)
class Stage:
    """One step of the work; its thread is the only one that calls it.

    Attributes:
        name: in the figures.
        work: makes the next stage's item of the last one's.
    """

    name: str
    work: Callable[[Any], Any]


class Realtime:
    """A chain: source, stages, sink, each on its own thread; the sink on the thread that calls `run`.

    Between two of them at most one item waits. A stage takes its next item only when there is room for what it makes
    of it: so items wait in one place only, before the first stage, where a newer one replaces an older one.

    Args:
        source: gives items; touched by its own thread only, but for `cancel`.
        stages: in order.
        sink: takes the finished items in order; False ends the run.
        lossless: the source waits too, and nothing is dropped: for films that need not keep up with a clock.
    """

    def __init__(
        self, source: Source, stages: Sequence[Stage], sink: Callable[[Any], bool], *, lossless: bool = False
    ) -> None:
        self._source = source
        self._stages = tuple(stages)
        self._sink = sink
        self._lossless = lossless
        self._channels: list[Channel[Captured]] = [Channel() for _ in range(len(self._stages) + 1)]
        self._stop = threading.Event()
        self._fault: BaseException | None = None
        self._fault_lock = threading.Lock()
        self.meter = RealtimeMeter([SOURCE, *(stage.name for stage in self._stages), SINK])
        """What is measured, also while it runs."""

    def run(
        self,
        frames: int | None = None,
        seconds: float | None = None,
        wants_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Works until the source ends, the sink has enough, or a limit is reached. To be called once.

        Args:
            frames: stop when so many were shown.
            seconds: stop after so many.
            wants_stop: asked several times a second.

        Raises:
            BaseException: the very error that ended the source, a stage or the sink; all others have ended then.
        """
        threads = [threading.Thread(target=self._guard, args=(self._feed,), name=f"facesdk-{SOURCE}", daemon=True)]
        for index, stage in enumerate(self._stages):
            name = f"facesdk-{stage.name}"
            threads.append(threading.Thread(target=self._guard, args=(self._work, index), name=name, daemon=True))
        for thread in threads:
            thread.start()
        try:
            self._show(frames, None if seconds is None else time.monotonic() + seconds, wants_stop)
        finally:
            self._end(threads)
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """Ends the run in good order; from any thread. What is on its way is still shown."""
        self._stop.set()
        self._source.cancel()

    def _show(self, frames: int | None, until: float | None, wants_stop: Callable[[], bool]) -> None:
        """The sink's part, on the caller's thread: windows and Ctrl-C need the main one."""
        given_up: float | None = None
        while True:
            now = time.monotonic()
            if given_up is None and ((until is not None and now >= until) or wants_stop() or self._stop.is_set()):
                self.stop()
                given_up = now + DRAIN_SECONDS
            if given_up is not None and now >= given_up:
                return
            try:
                captured = self._channels[-1].take(0.05)
            except ChannelClosed:
                return
            if captured is None:
                continue
            start = time.monotonic()
            more = self._sink(captured.item)
            self.meter.time(SINK, time.monotonic() - start)
            if captured.counts:
                self.meter.show(captured.seconds)
            if not more or (frames is not None and self.meter.shown >= frames):
                self.stop()
                return

    def _feed(self) -> None:
        first = self._channels[0]
        while not self._stop.is_set():
            if self._lossless:
                first.wait_room()
            start = time.monotonic()
            captured = self._source.read()
            if captured is None:
                break
            self.meter.time(SOURCE, time.monotonic() - start)
            dropped = first.put(captured)
            if captured.counts:
                self.meter.capture(dropped)
        first.close()

    def _work(self, index: int) -> None:
        before, after, stage = self._channels[index], self._channels[index + 1], self._stages[index]
        try:
            while True:
                after.wait_room()
                captured = before.take()
                assert captured is not None
                start = time.monotonic()
                item = stage.work(captured.item)
                self.meter.time(stage.name, time.monotonic() - start)
                after.put(Captured(item, captured.seconds, captured.counts))
        finally:
            after.close()

    def _guard(self, body: Callable[..., None], *arguments: Any) -> None:
        """Runs a thread's body; its error ends all."""
        try:
            body(*arguments)
        except ChannelClosed:
            pass
        except BaseException as error:
            with self._fault_lock:
                self._fault = self._fault or error
            self._abort()

    def _abort(self) -> None:
        self._stop.set()
        self._source.cancel()
        for channel in self._channels:
            channel.abort()

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        self._abort()
        until = time.monotonic() + JOIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
