"""The strict figures of a swap: does one recognise the source, and does nothing else of the target change?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.quality.scores import Scores
from bench.report import Figure

ABOVE_DB = 0.01
"""Above a recolouring, not as good as one."""


@dataclass(frozen=True)
class Readings:
    """Means over the swaps of what the readers see; None where there is no reader.

    Attributes:
        shape: method -> correlation of the shape that is read off it with the source's true one.
        pose_degrees: of the swap to the exact swap.
        expression: the same, 0 to 1.
    """

    shape: Mapping[str, float]
    pose_degrees: float | None = None
    expression: float | None = None


def likeness_figures(scores: Mapping[str, Scores], readings: Readings, judge_auc: float | None) -> list[Figure]:
    """Figures with the bounds of a swap in which one recognises the source.

    Args:
        scores: of "swap", "unchanged", "recoloured" and "exact".
        readings: of the same swaps.
        judge_auc: verification AUC on unseen people.
    """
    swap, unchanged, recoloured, exact = (scores[n] for n in ("swap", "unchanged", "recoloured", "exact"))
    above_skin = swap.psnr_hull - recoloured.psnr_hull
    shape, shape_exact = (readings.shape.get(name) for name in ("swap", "exact"))
    shape_share = shape / shape_exact if shape is not None and shape_exact is not None and shape_exact > 0 else None
    landmarks = swap.landmark_error
    return [
        Figure("likeness: PSNR gain, landmark hull", swap.psnr_hull - unchanged.psnr_hull, "dB", 6, 9),
        Figure("likeness: hull PSNR above right skin on the target's shape", above_skin, "dB", ABOVE_DB),
        Figure("likeness: top-5, share of the exact swap's", _share(swap.top5, exact.top5), "", 0.6, 0.95),
        Figure(
            "likeness: top-5 among the same skin tone, share of the exact swap's",
            _share(swap.top5_tone, exact.top5_tone), "", 0.5, 0.95,
        ),
        Figure("likeness: shape read off it to the source's, share of the exact swap's", shape_share, "", 0.5, 0.85),
        Figure("likeness: landmarks to the exact swap's, RMS / interocular", landmarks, "", 0.05, 0.025, "lower"),
        Figure("likeness: head pose to the exact swap's", readings.pose_degrees, "degrees", 3, 1.5, "lower"),
        Figure(
            "likeness: expression to the exact swap's, smile and mouth opening (0 to 1)",
            readings.expression, "", 0.15, 0.07, "lower",
        ),
        Figure("likeness: fine detail in the hull, share of the exact swap's", _share(swap.detail, exact.detail)),
        Figure("judge: top-1 of the exact swap", exact.top1, "", 0.7),
        Figure("judge: verification AUC, strict", judge_auc, "", 0.985, 0.997),
        *(
            Figure(f"correlation of the shape that the judge reads with the source's: {name}", value)
            for name, value in readings.shape.items()
        ),
    ]  # fmt: skip


def _share(value: float, whole: float) -> float | None:
    """None where a judge does not know the exact swap itself: it measures nothing."""
    return value / whole if whole else None
