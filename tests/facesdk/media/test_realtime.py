from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from facesdk.errors import BackendError, InputError
from facesdk.media.realtime import Captured, Realtime, Stage
from facesdk.media.realtime_channel import Channel, ChannelClosed
from facesdk.media.realtime_meter import KEPT, Percentiles, RealtimeMeter, Ring


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("facesdk-")]
    assert left == []


class Counter:
    """A source that counts: as fast as it is read, or at its own pace."""

    def __init__(self, count: int | None, pause: float = 0.0) -> None:
        self.count, self.pause = count, pause
        self.given = 0
        self.cancelled = threading.Event()

    def read(self) -> Captured | None:
        if self.cancelled.wait(self.pause) or self.given == self.count:
            return None
        self.given += 1
        return Captured(self.given - 1, time.monotonic())

    def cancel(self) -> None:
        self.cancelled.set()


def _slow(seconds: float) -> Callable[[Any], Any]:
    def work(item: Any) -> Any:
        time.sleep(seconds)
        return item

    return work


def _run(source: Any, stages: list[Stage], lossless: bool = False, **limits: Any) -> tuple[list[int], Realtime]:
    seen: list[int] = []

    def sink(item: int) -> bool:
        seen.append(item)
        return True

    chain = Realtime(source, stages, sink, lossless=lossless)
    chain.run(**limits)
    return seen, chain


def test_lossless_gives_every_item_in_order():
    # Stages of unlike speed: each works on another item at the same time.
    stages = [Stage("double", lambda x: 2 * x), Stage("uneven", lambda x: (time.sleep(0.001 * (x % 3)), x + 1)[1])]
    seen, chain = _run(Counter(60), stages, lossless=True)
    assert seen == [2 * n + 1 for n in range(60)]
    figures = chain.meter.figures()
    assert (figures.captured, figures.dropped, figures.shown) == (60, 0, 60)
    assert list(figures.stages_ms) == ["capture", "double", "uneven", "display"]


def test_with_a_slow_stage_the_newest_wins_and_order_is_kept():
    source = Counter(None, pause=0.002)
    seen, chain = _run(source, [Stage("quick", lambda x: x), Stage("slow", _slow(0.03))], frames=12)
    assert seen == sorted(set(seen)) and len(seen) == 12
    assert np.diff(seen).max() > 3  # most were passed over
    figures = chain.meter.figures()
    # What was shown waited for the slow stage's last item, and was worked on: not for all that came before.
    # In multiples of what the slow stage took here: on a busy machine everything takes longer.
    slow = figures.stages_ms["slow"].p50
    assert 30 <= slow <= figures.latency_ms.p50 < 6 * slow
    in_flight = figures.captured - figures.dropped - figures.shown
    assert 0 <= in_flight <= 5 and figures.dropped > 50


def test_stages_work_at_the_same_time():
    lock, active, together = threading.Lock(), 0, []

    def work(item: int) -> int:
        nonlocal active
        with lock:
            active += 1
            together.append(active)
        time.sleep(0.01)
        with lock:
            active -= 1
        return item

    seen, _ = _run(Counter(20), [Stage(name, work) for name in "abc"], lossless=True)
    assert seen == list(range(20)) and max(together) == 3


@pytest.mark.parametrize("where", ["source", "stage", "sink"])
def test_an_error_ends_all_and_is_the_very_one(where: str):
    fault = BackendError("the network broke")

    def broken(item: int) -> Any:
        if item >= 3:
            raise fault
        return item

    class Source(Counter):
        def read(self) -> Captured | None:
            if where == "source" and self.given == 3:
                raise fault
            return super().read()

    chain = Realtime(
        Source(None),
        [Stage("first", lambda x: x), Stage("second", broken if where == "stage" else lambda x: x)],
        (lambda item: broken(item) is not None) if where == "sink" else (lambda item: True),
        lossless=True,
    )
    with pytest.raises(BackendError) as caught:
        chain.run()
    assert caught.value is fault


def test_stop_ends_in_good_order_and_quickly():
    chain: Realtime | None = None
    seen: list[int] = []
    source = Counter(None, pause=0.002)
    chain = Realtime(source, [Stage("slow", _slow(0.05))], lambda item: seen.append(item) or True)  # type: ignore[func-returns-value]
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        chain.stop()

    timer = threading.Timer(0.2, ask)
    timer.start()
    chain.run()
    assert time.monotonic() - asked[0] < 2.0 and seen == sorted(seen) and len(seen) >= 2
    timer.join()


def test_what_hangs_does_not_keep_stop_waiting():
    release = threading.Event()

    def hang(item: int) -> int:
        if item == 2:
            release.wait(10)
        return item

    start = time.monotonic()
    seen, _ = _run(Counter(None, pause=0.001), [Stage("hangs", hang)], lossless=True, seconds=0.1)
    assert time.monotonic() - start < 8 and seen == [0, 1]
    release.set()
    time.sleep(0.05)


def test_limits_and_the_viewer():
    assert _run(Counter(None), [Stage("a", lambda x: x)], lossless=True, frames=7)[0] == list(range(7))
    start = time.monotonic()
    _run(Counter(None, pause=0.001), [], seconds=0.1)
    assert time.monotonic() - start > 0.09
    shown: list[int] = []
    Realtime(Counter(None), [], lambda item: shown.append(item) or len(shown) < 4, lossless=True).run()  # type: ignore[func-returns-value]
    assert shown == [0, 1, 2, 3]


def test_stand_ins_are_passed_on_and_not_measured():
    class Source(Counter):
        def read(self) -> Captured | None:
            captured = super().read()
            return captured and Captured(captured.item, captured.seconds, counts=captured.item % 2 == 0)

    seen, chain = _run(Source(10), [], lossless=True)
    assert seen == list(range(10))
    assert (chain.meter.figures().captured, chain.meter.shown) == (5, 5)


def test_channel():
    channel: Channel[int] = Channel(2)
    assert [channel.put(n) for n in range(5)] == [0, 0, 1, 1, 1]
    assert channel.take() == 3
    channel.close()
    assert channel.take() == 4
    for call in (channel.take, channel.wait_room, lambda: channel.put(1)):
        with pytest.raises(ChannelClosed):
            call()
    assert Channel[int]().take(0.01) is None
    full: Channel[int] = Channel()
    full.put(1)
    full.abort()
    with pytest.raises(ChannelClosed):
        full.take()
    with pytest.raises(InputError):
        Channel(0)


def test_ring_and_meter_keep_their_size():
    ring = Ring(4)
    assert ring.newest(9).tolist() == []
    for number in range(10):
        ring.add(number)
    assert ring.newest(9).tolist() == [6, 7, 8, 9] and ring.newest(2).tolist() == [8, 9] and ring.count == 10
    meter = RealtimeMeter(["work"])
    empty = meter.figures()
    assert empty.fps == 0.0 and np.isnan(empty.latency_ms.p50)
    size = meter._latency._values.nbytes
    now = time.monotonic()
    for _ in range(KEPT + 10):
        meter.capture()
        meter.time("work", 0.002)
        meter.show(now - 0.05)
    assert meter._latency._values.nbytes == size and meter.figures().shown == KEPT + 10
    assert meter.figures().stages_ms["work"] == Percentiles(2.0, 2.0, 2.0)
    assert meter.recent().latency_ms.p50 >= 50


def test_percentiles():
    values = np.arange(101, dtype=np.float64)
    assert Percentiles.of(values) == Percentiles(50.0, 95.0, 99.0)
