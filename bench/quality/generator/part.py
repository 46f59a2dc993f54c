"""What one measurement adds to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report import Figure


@dataclass(frozen=True)
class Part:
    """Figures of one kind.

    Attributes:
        figures: in the order of the table.
        details: raw numbers, JSON values.
        sheets: pictures with generated pixels, by name.
    """

    figures: Sequence[Figure]
    details: Mapping[str, Any] = field(default_factory=dict)
    sheets: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
