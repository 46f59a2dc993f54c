"""The generator's weighted sum."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from facesdk.errors import InputError

# Seed 000, section 3: lambda_1 .. lambda_5 of eq. 13; the adversarial term has weight 1.
PAPER_WEIGHTS: Mapping[str, float] = {
    "adversarial": 1.0,
    "identity": 10.0,
    "contrastive": 5.0,
    "reconstruction": 1.0,
    "landmark": 100.0,
    "swap_consistency": 1.0,
}


def weighted(terms: Mapping[str, Tensor], weights: Mapping[str, float] = PAPER_WEIGHTS) -> dict[str, Tensor]:
    """Every term times its weight; the sum of the values is L_G.

    Args:
        terms: scalars by name.
        weights: weight by name; terms with weight 0 are left out.

    Raises:
        InputError: a term without a weight.

    Source: seed 000, eq. 13.
    """
    missing = sorted(set(terms) - set(weights))
    if missing:
        raise InputError(
            f"loss terms without a weight: {missing}; there are weights for {sorted(weights)}.",
            "Name the weight in the recipe.",
        )
    return {name: weights[name] * value for name, value in terms.items() if weights[name] != 0.0}
