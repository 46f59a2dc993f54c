"""slerp: on the circle, even, and finite where a plain formula divides by zero."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.sampling.slerp import slerp

RNG = np.random.default_rng(5)
WEIGHTS = np.linspace(0, 1, 9)


def test_a_quarter_turn_written_out():
    path = slerp(np.array([1.0, 0.0]), np.array([0.0, 2.0]), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(path, [[1, 0], [1.5 * np.sqrt(0.5)] * 2, [0, 2]], atol=1e-7)


def test_it_is_the_textbook_formula_for_vectors_of_one_length():
    a, b = RNG.normal(size=(2, 256))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    omega = np.arccos(a @ b)
    textbook = (np.sin((1 - WEIGHTS) * omega)[:, None] * a + np.sin(WEIGHTS * omega)[:, None] * b) / np.sin(omega)
    np.testing.assert_allclose(slerp(a, b, WEIGHTS), textbook, atol=1e-6)


def test_ends_length_and_speed():
    a, b = RNG.normal(size=256), 1.7 * RNG.normal(size=256)
    path = slerp(a, b, WEIGHTS).astype(np.float64)
    np.testing.assert_allclose(path[[0, -1]], [a, b], atol=1e-5)
    lengths = np.linalg.norm(path, axis=1)
    np.testing.assert_allclose(np.diff(lengths, 2), 0, atol=1e-4)
    unit = path / lengths[:, None]
    turns = np.arccos(np.clip((unit[:-1] * unit[1:]).sum(1), -1, 1))
    np.testing.assert_allclose(turns, turns.mean(), atol=1e-4)


@pytest.mark.parametrize("nudge", [0.0, 1e-30, 1e-13, 1e-9, 1e-5])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["identical", "opposite"])
def test_identical_and_opposite_ends(nudge: float, sign: float):
    a = RNG.normal(size=64)
    b = sign * a + nudge * RNG.normal(size=64)
    path = slerp(a, b, WEIGHTS)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(path[[0, -1]], [a, b], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.linalg.norm(a), rtol=1e-4)
    jumps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert jumps.max() < (1e-3 if sign > 0 else 1.01 * jumps.mean())


@pytest.mark.parametrize("axis", [0, 1])
def test_opposite_ends_on_an_axis(axis: int):
    a = np.eye(2)[axis]
    path = slerp(a, -a, WEIGHTS)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(path[4] @ a, 0, atol=1e-6)


def test_an_end_without_direction():
    a = np.array([0.0, 3.0])
    np.testing.assert_allclose(slerp(np.zeros(2), a, np.array([0.0, 0.5, 1.0])), [[0, 0], [0, 1.5], [0, 3]])
    assert not slerp(np.zeros(2), np.zeros(2), WEIGHTS).any()


@pytest.mark.parametrize(
    ("a", "b", "weights"),
    [
        (np.zeros(3), np.zeros(4), WEIGHTS),
        (np.zeros((2, 3)), np.zeros((2, 3)), WEIGHTS),
        (np.zeros(1), np.zeros(1), WEIGHTS),
        (np.array([0, np.nan]), np.ones(2), WEIGHTS),
        (np.ones(2), np.ones(2), np.array([np.inf])),
    ],
)
def test_bad_input(a: np.ndarray, b: np.ndarray, weights: np.ndarray):
    with pytest.raises(InputError, match="slerp"):
        slerp(a, b, weights)
