"""Work waits its turn, and not too much of it waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from facesdk.serve.error_json import BusyError
from facesdk.serve.jobs import Jobs


def test_one_call_runs_at_a_time_and_one_too_many_is_refused() -> None:
    jobs, go = Jobs(2, "test"), threading.Event()
    running: list[int] = []
    most: list[int] = []

    def work(number: int) -> int:
        running.append(number)
        most.append(len(running))
        go.wait(10)
        running.remove(number)
        return number

    async def ask() -> list[int]:
        tasks = [asyncio.create_task(jobs.run(lambda number=number: work(number))) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="2 pictures"):
            await jobs.run(lambda: work(9))
        go.set()
        done = await asyncio.gather(*tasks)
        return [*done, await jobs.run(lambda: work(3))]

    assert asyncio.run(ask()) == [0, 1, 3] and max(most) == 1
    jobs.close()


def test_whoever_goes_away_leaves_the_place_taken_until_the_work_is_done() -> None:
    jobs, go = Jobs(1, "test"), threading.Event()

    async def ask() -> None:
        task = asyncio.create_task(jobs.run(lambda: go.wait(10)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(BusyError):
            await jobs.run(lambda: None)
        go.set()
        for _ in range(200):
            await asyncio.sleep(0.01)
            try:
                return await jobs.run(lambda: None)
            except BusyError:
                continue
        raise AssertionError("the place did not become free")

    asyncio.run(ask())
    jobs.close()


def test_a_call_that_waits_for_nobody_is_dropped() -> None:
    jobs, go = Jobs(2, "test"), threading.Event()
    ran: list[str] = []

    async def ask() -> None:
        first = asyncio.create_task(jobs.run(lambda: go.wait(10)))
        second = asyncio.create_task(jobs.run(lambda: ran.append("second")))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0.01)
        go.set()
        await first
        await jobs.run(lambda: ran.append("third"))

    asyncio.run(ask())
    jobs.close()
    assert ran == ["third"]


def test_what_a_call_raises_is_raised_and_frees_the_place() -> None:
    jobs = Jobs(1, "test")

    async def ask() -> None:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await jobs.run(lambda: 1 // 0)
            await asyncio.sleep(0.01)

    asyncio.run(ask())
    jobs.close()
