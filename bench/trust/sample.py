"""How much of each promise is tried: enough for ten minutes, or the whole number that is promised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class TrustSample:
    """What decides how long the bench of the promises takes.

    Attributes:
        directory: where rendered pictures are kept.
        pictures: to mark and attack.
        rounds: measured runs of each timing.
        mutants: damaged pictures of each of eight kinds.
        graphs: damaged graphs.
        injections: broken answers of networks.
        edits: bits flipped in signed files, of each format.
        looks: times that a mark is looked for where there is none.
        log_lines: entries of an audit log.
        log_edits: changes of it.
        calls: of methods that take an identity.
    """

    directory: Path = Path("data/bench")
    pictures: int = 200
    rounds: int = 15
    mutants: int = 3000
    graphs: int = 400
    injections: int = 300
    edits: int = 250
    looks: int = 20_000
    log_lines: int = 10_000
    log_edits: int = 200
    calls: int = 1000

    def whole(self) -> TrustSample:
        """With the numbers that are promised in full."""
        return replace(self, graphs=20_000, injections=1000, edits=1000, looks=100_000, log_edits=1000, calls=10_000)

    def at_most(self, count: int) -> TrustSample:
        """With no more than `count` tries of anything that is counted."""
        counted = ("pictures", "mutants", "graphs", "injections", "edits", "looks", "log_lines", "log_edits", "calls")
        return replace(self, **{name: min(count, getattr(self, name)) for name in counted})
