"""Timing of alternatives in turns, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """Wall times of one alternative.

    Attributes:
        stages_ms: stage -> one duration for each round, milliseconds; "total" among them.
    """

    stages_ms: Mapping[str, tuple[float, ...]]

    def median_ms(self, stage: str = "total") -> float:
        """Median of a stage, milliseconds."""
        return float(np.median(self.stages_ms[stage]))

    def p95_ms(self, stage: str = "total") -> float:
        """95th percentile of a stage, milliseconds."""
        return float(np.percentile(self.stages_ms[stage], 95))

    def document(self) -> dict[str, dict[str, float]]:
        """Median and 95th percentile of every stage, as JSON values."""
        return {
            stage: {"median_ms": round(self.median_ms(stage), 3), "p95_ms": round(self.p95_ms(stage), 3)}
            for stage in self.stages_ms
        }


def time_in_turns(
    alternatives: Mapping[str, Callable[[], Mapping[str, float]]],
    rounds: int,
    warm_up: int = 3,
    settle_seconds: float = 0.0,
) -> dict[str, Timing]:
    """Runs alternatives one after the other, round by round.

    Args:
        alternatives: name -> a call that does the work once and returns milliseconds by stage, "total" among them.
        rounds: measured rounds.
        warm_up: rounds before them that do not count.
        settle_seconds: rest before each turn, then one call that does not count: threads of the runtime before spin on
            for a while after their work, and nobody runs two runtimes by turns.

    Returns:
        Name -> its times; a stage that a round did not have counts as 0.
    """
    seen: dict[str, list[Mapping[str, float]]] = {name: [] for name in alternatives}
    names = list(alternatives)
    for number in range(warm_up + rounds):
        # Who goes first changes, since the first one meets caches that the last one filled.
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if settle_seconds:
                time.sleep(settle_seconds)
                alternatives[name]()
            times = alternatives[name]()
            if number >= warm_up:
                seen[name].append(times)
    out = {}
    for name, runs in seen.items():
        stages = list(dict.fromkeys(stage for run in runs for stage in run))
        out[name] = Timing({stage: tuple(run.get(stage, 0.0) for run in runs) for stage in stages})
    return out


def paired_ratio(slow: Timing, fast: Timing) -> float:
    """How many times faster `fast` is: the median over rounds of the ratio within each round."""
    ratios = np.divide(slow.stages_ms["total"], fast.stages_ms["total"])
    return float(np.median(ratios))
