"""Noise over space, and the step that softens masks."""

from __future__ import annotations

import numpy as np

from train.data.face_world.noise import spot_cells, value_noise
from train.data.face_world.regions import smoothstep


def test_value_noise_is_normalised_and_keeps_its_frequency() -> None:
    x = np.zeros((1, 4000, 3), np.float32)
    x[0, :, 0] = np.linspace(0, 400, 4000)
    field = value_noise(x, 1.0, seed=3)[0]
    assert abs(field.mean()) < 1e-5 and abs(field.std() - 1) < 1e-4
    near, far = np.corrcoef(field[:-1], field[1:])[0, 1], np.corrcoef(field[:-25], field[25:])[0, 1]
    assert near > 0.95 and abs(far) < 0.2  # 0.1 cells apart, and 2.5 cells apart


def test_spot_cells_measure_the_distance_to_one_point_per_cell() -> None:
    axis = np.linspace(0, 2, 41, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(41, -1, 3)
    distance, cell = spot_cells(grid, 1.0, seed=5)
    assert distance.min() < 0.06 and distance.max() < np.sqrt(3)
    # within one owner's texels the distances are those to a single point: solve it from four and check the rest
    owner = np.bincount(np.unique(cell, return_inverse=True)[1].ravel()).argmax()
    mine = np.unique(cell, return_inverse=True)[1].reshape(cell.shape) == owner
    p, d = grid[mine].astype(np.float64), distance[mine].astype(np.float64)
    rows, rhs = 2 * (p[1:] - p[0]), (p[1:] ** 2).sum(1) - (p[0] ** 2).sum() - d[1:] ** 2 + d[0] ** 2
    centre = np.linalg.lstsq(rows, rhs, rcond=None)[0]
    np.testing.assert_allclose(np.linalg.norm(p - centre, axis=1), d, atol=1e-3)


def test_smoothstep_rises_and_falls() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.5, 2.0]), 0, 1), [0, 0.5, 1])
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.25, 2.0]), 1, 0), [1, 0.84375, 0])
