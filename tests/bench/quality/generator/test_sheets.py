from __future__ import annotations

import numpy as np

from bench.quality.generator.sheets import PAPER, TITLE_PX, path_sheet, picture_rows, reconstruction_sheet


def _flat(*levels: int) -> np.ndarray:
    return np.stack([np.full((32, 32, 3), level, np.uint8) for level in levels])


def test_rows_and_their_titles() -> None:
    sheet = picture_rows([list(_flat(10, 20)), list(_flat(30, 40))], ["first"])
    assert sheet.shape == (2 * 32 + TITLE_PX, 64, 3)
    title, body = sheet[:TITLE_PX], sheet[TITLE_PX:]
    assert title.min() == PAPER and title.max() > 200
    assert (body[:32, :32] == 10).all() and (body[:32, 32:] == 20).all() and (body[32:, 32:] == 40).all()


def test_a_reconstruction_stands_beside_its_original() -> None:
    pictures = _flat(*range(0, 50, 2))
    sheet = reconstruction_sheet(pictures, pictures + 60, pictures + 120, rows=3)[TITLE_PX:]
    assert sheet.shape == (3 * 32, 6 * 32, 3)
    levels = sheet[::32, ::32, 0].reshape(-1, 3)
    assert (levels[:, 1] == levels[:, 0] + 60).all() and (levels[:, 2] == levels[:, 0] + 120).all()
    # Two pictures a row, from the first to the last.
    assert levels[:, 0].tolist() == [0, 10, 20, 28, 38, 48]


def test_one_path_a_row() -> None:
    paths = np.arange(12, dtype=np.uint8).reshape(4, 3, 1, 1, 1) * np.ones((1, 1, 8, 8, 3), np.uint8)
    assert path_sheet(paths, rows=2)[::8, ::8, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
