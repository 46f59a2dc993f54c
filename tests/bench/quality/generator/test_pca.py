from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.generator.pca import PicturePCA
from facesdk.errors import InputError


def _pictures(count: int, rank: int, seed: int = 0) -> NDArray[np.uint8]:
    """Pictures that lie, but for their rounding to bytes, in `rank` dimensions about one mean."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(8 * 8 * 3, rank)))[0].T
    weights = np.random.default_rng(seed).uniform(-1, 1, (count, rank)) * np.linspace(300, 100, rank)
    return np.rint(weights @ directions + 128).clip(0, 255).astype(np.uint8).reshape(count, 8, 8, 3)


def test_pictures_of_its_own_rank_come_back() -> None:
    pca = PicturePCA.fit(_pictures(60, 5), 5)
    unseen = _pictures(20, 5, seed=1)
    assert np.abs(pca.reconstruct(unseen).astype(int) - unseen).max() <= 1


def test_the_components_are_those_of_a_singular_value_decomposition() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (30, 8, 8, 3), np.uint8)
    pca = PicturePCA.fit(pictures, 6)
    rows = pictures.reshape(30, -1) - pictures.reshape(30, -1).mean(0)
    exact = np.linalg.svd(rows, full_matrices=False)[2][:6]
    assert np.allclose(pca.directions @ pca.directions.T, np.eye(6), atol=1e-4)
    assert np.allclose(np.abs(np.sum(exact * pca.directions, axis=1)), 1, atol=1e-4)


def test_no_direction_is_better() -> None:
    pictures = _pictures(80, 20)
    kept = [
        float(((PicturePCA.fit(pictures, k).reconstruct(pictures) - pictures.astype(float)) ** 2).mean())
        for k in (1, 5, 20)
    ]
    rows = pictures.reshape(80, -1) - pictures.reshape(80, -1).mean(0)
    energy = np.linalg.svd(rows, compute_uv=False) ** 2 / rows.size
    # Eckart and Young: what is lost is the energy of the directions that were left out, and the rounding to bytes.
    assert kept[0] == pytest.approx(energy[1:].sum(), rel=1e-3) and kept[1] == pytest.approx(energy[5:].sum(), rel=1e-3)
    assert kept[0] > kept[1] > kept[2]


def test_pictures_that_do_not_differ_have_no_directions() -> None:
    flat = np.full((9, 8, 8, 3), 77, np.uint8)
    pca = PicturePCA.fit(flat, 4)
    assert (pca.directions == 0).all() and (pca.reconstruct(flat[:2]) == 77).all()
    assert (pca.mean_picture(flat) == 77).all() and pca.mean_picture(flat).shape == flat.shape


def test_too_few_pictures() -> None:
    with pytest.raises(InputError, match="too few"):
        PicturePCA.fit(_pictures(5, 3), 5)
