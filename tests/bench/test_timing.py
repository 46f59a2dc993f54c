from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from bench.timing import Timing, paired_ratio, time_in_turns


def test_alternatives_take_turns_and_warm_up_does_not_count() -> None:
    order: list[str] = []

    def work(name: str) -> Callable[[], Mapping[str, float]]:
        def run() -> Mapping[str, float]:
            order.append(name)
            return {"total": float(len(order))}

        return run

    timings = time_in_turns({"a": work("a"), "b": work("b")}, rounds=3, warm_up=1)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert timings["a"].stages_ms["total"] == (4.0, 5.0, 8.0)
    assert timings["b"].stages_ms["total"] == (3.0, 6.0, 7.0)


def test_a_stage_that_a_round_lacks_counts_as_zero() -> None:
    runs = iter([{"total": 2.0}, {"source": 1.5, "total": 3.0}, {"total": 4.0}])
    timing = time_in_turns({"a": lambda: next(runs)}, rounds=3, warm_up=0)["a"]
    assert timing.stages_ms == {"total": (2.0, 3.0, 4.0), "source": (0.0, 1.5, 0.0)}
    assert timing.median_ms() == 3.0 and timing.document()["source"]["median_ms"] == 0.0


def test_median_percentile_and_paired_ratio() -> None:
    fast = Timing({"total": tuple(float(i) for i in range(1, 102))})
    assert fast.median_ms() == 51.0 and fast.p95_ms() == 96.0
    # Each round three times as long, whatever else slowed the round down.
    slow = Timing({"total": tuple(3 * v for v in fast.stages_ms["total"])})
    assert paired_ratio(slow, fast) == pytest.approx(3.0)


def test_a_turn_with_a_rest_counts_its_second_call():
    calls = iter(range(100))
    timing = time_in_turns({"a": lambda: {"total": float(next(calls))}}, rounds=3, warm_up=1, settle_seconds=1e-6)["a"]
    assert timing.stages_ms["total"] == (3.0, 5.0, 7.0)
