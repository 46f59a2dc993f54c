"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.quality.generator.sweep import SOLVERS, STEPS
from facesdk.errors import InputError


@dataclass(frozen=True)
class Amounts:
    """How much is measured.

    Attributes:
        samples: of the figures that have bounds, and as many real pictures and reconstructions.
        grid: of every setting of the sweep.
        asked: of each asked value of an attribute, with the pack's own steps.
        asked_grid: the same for every setting of the sweep.
        pairs: paths between faces.
        steps, solvers: the settings of the sweep.
    """

    samples: int = 5000
    grid: int = 2000
    asked: int = 100
    asked_grid: int = 24
    pairs: int = 100
    steps: tuple[int, ...] = STEPS
    solvers: tuple[str, ...] = SOLVERS

    def __post_init__(self) -> None:
        if min(self.samples, self.grid, self.asked, self.asked_grid, self.pairs) < 4 or self.grid > self.samples:
            raise InputError(
                f"samples={self.samples}, grid={self.grid}: 4 or more of everything, and no more in a setting of the "
                "sweep than in all."
            )
