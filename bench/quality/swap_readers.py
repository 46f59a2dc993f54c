"""What is read off a swap beside its pixels: shape, pose and expression, each by a network that no loss knew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.attribute_scores import Classify, load_attribute_judge
from bench.quality.judge import JUDGE
from bench.quality.shape_reader import ShapeReader, load_shape_reader
from train.data.attributes import INDEX

U8 = NDArray[np.uint8]
Turn = Callable[[U8, NDArray[np.floating]], NDArray[np.float32]]
"""Pictures (N, H, W, 3) and rough landmarks (N, 68, 2) to yaw, pitch and roll (N, 3) degrees."""
EXPRESSION = ("smile", "mouth_open")
"""Expression parameters that the attribute judge reads, each 0 to 1."""


@dataclass(frozen=True)
class SwapReaders:
    """Readers; what is None is not measured.

    Attributes:
        shape: of the judge's embedding.
        classify: the attribute judge, on aligned crops.
    """

    shape: ShapeReader | None = None
    classify: Classify | None = None


def load_readers(judge: Path | None = None, attributes: Path | None = None) -> SwapReaders:
    """The readers of a judge's run folder and of an attribute judge's; by default the repository's."""
    run = judge or JUDGE
    return SwapReaders(
        load_shape_reader(run), load_attribute_judge() if attributes is None else load_attribute_judge(attributes)
    )


def pose_error_degrees(found: NDArray[np.floating], exact: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) length of the difference of yaw, pitch and roll, degrees."""
    difference = (found.astype(np.float64) - exact + 180.0) % 360.0 - 180.0
    return np.asarray(np.linalg.norm(difference, axis=1))


def expression_error(classify: Classify, results: U8, exact: U8, crop_px: int) -> NDArray[np.float64]:
    """(N,) mean absolute difference of the EXPRESSION parameters.

    Args:
        classify: the attribute judge.
        results: (N, S, S, 3) whose middle is an aligned crop.
        exact: the same of the exact swaps.
        crop_px: side of that crop.
    """
    start = (results.shape[1] - crop_px) // 2
    middle = slice(start, start + crop_px)
    columns = [INDEX[name] for name in EXPRESSION]
    read, true = (
        classify(np.ascontiguousarray(pictures[:, middle, middle]))[:, columns].astype(np.float64)
        for pictures in (results, exact)
    )
    return np.asarray(np.abs(read - true).mean(1))
