"""Pictures to look at: what figures do not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.quality.generator.attribute_scores import FIRST, QUESTIONS
from bench.quality.generator.under_test import GeneratorUnderTest

U8 = NDArray[np.uint8]
ROWS = 10
SAMPLES = 64
COLUMNS = 8
TITLE_PX = 18
PAPER, INK = 24, (235, 235, 235)


def reconstruction_sheet(pictures: U8, linear: U8, made: U8, rows: int = ROWS) -> U8:
    """Original, linear code and generator side by side, two pictures a row, evenly drawn from all.

    Args:
        pictures, linear, made: (N, S, S, 3) uint8, N >= 2.
        rows: most rows.
    """
    count = min(2 * rows, len(pictures) // 2 * 2)
    chosen = np.linspace(0, len(pictures) - 1, count).round().astype(int)
    tiles = [part[row] for row in chosen for part in (pictures, linear, made)]
    return picture_rows([tiles[i : i + 6] for i in range(0, len(tiles), 6)], ["original, PCA, generator"])


def sample_sheet(generator: GeneratorUnderTest, count: int = SAMPLES) -> U8:
    """Samples without a wish, as the pack makes them by default; the first ones, not chosen ones."""
    faces = list(_faces(generator.samples(count)))
    return picture_rows([faces[i : i + COLUMNS] for i in range(0, count, COLUMNS)], [])


def step_sheet(generator: GeneratorUnderTest, steps: Sequence[int], columns: int = COLUMNS) -> U8:
    """The same noise with more and more Euler steps, one row each."""
    rows = [list(_faces(generator.samples(columns, None, count))) for count in steps]
    return picture_rows(rows, [f"euler, steps {count}" for count in steps])


def path_sheet(paths: U8, rows: int = ROWS) -> U8:
    """One path a row, of (N, steps, S, S, 3) pictures."""
    return picture_rows([list(path) for path in paths[:rows]], [])


def attribute_sheet(generator: GeneratorUnderTest, columns: int = COLUMNS) -> U8:
    """One asked value a row; the noise of a column is the same in all rows."""
    asked = [(question.name, value) for question in QUESTIONS for value in question.asked]
    rows = [list(_faces(generator.samples(columns, {name: value}, first=FIRST))) for name, value in asked]
    return picture_rows(rows, [f"{name} {value}" for name, value in asked])


def picture_rows(rows: Sequence[Sequence[U8]], titles: Sequence[str]) -> U8:
    """Rows of pictures of one size, with a line of text above the first ones.

    Args:
        rows: equally many (S, S, 3) uint8 each.
        titles: of the first rows.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    out = []
    for number, row in enumerate(rows):
        body = np.hstack(list(row))
        if number < len(titles):
            line = np.full((TITLE_PX, body.shape[1], 3), PAPER, np.uint8)
            cv2.putText(line, titles[number], (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
            out.append(line)
        out.append(body)
    return np.vstack(out)


def _faces(batches: Iterator[U8]) -> Iterator[U8]:
    for batch in batches:
        yield from batch
