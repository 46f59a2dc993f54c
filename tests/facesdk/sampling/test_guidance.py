"""Guidance: u0 + w (u1 - u0), in one batch, and no network run that is not needed."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.sampling.guidance import Condition, GuidedField

NOTHING = Condition(np.zeros(2, np.float32), np.zeros(3, np.float32))
SMILE = Condition(np.array([1, 0], np.float32), np.zeros(3, np.float32))
ANN = Condition(np.zeros(2, np.float32), np.array([0, 0, 1], np.float32))
X = np.arange(8, dtype=np.float64).reshape(4, 2)
TIME, END = np.linspace(0, 0.6, 4), np.linspace(0.4, 1, 4)


class Recorder:
    """A velocity whose parts can be told apart; remembers its batch sizes."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, latent, time, end, condition, identity):
        assert {a.dtype for a in (latent, time, end, condition, identity)} == {np.dtype(np.float32)}
        self.batches.append(len(latent))
        return latent + 10 * time[:, None] + 100 * end[:, None] + 1000 * condition + 5000 * identity[:, 1:]


@pytest.mark.parametrize("wanted", [SMILE, ANN])
@pytest.mark.parametrize("weight", [0.5, 2.0, 7.5])
def test_the_formula(wanted: Condition, weight: float):
    velocity = Recorder()
    got = GuidedField(velocity, wanted, NOTHING, weight)(X, TIME, END)
    u0 = X + 10 * TIME[:, None] + 100 * END[:, None]
    u1 = u0 + 1000 * wanted.attributes + 5000 * wanted.identity[1:]
    np.testing.assert_allclose(got, u0 + weight * (u1 - u0), rtol=1e-5)
    assert velocity.batches == [8]


@pytest.mark.parametrize(("weight", "shown"), [(1.0, SMILE), (0.0, NOTHING)])
def test_one_of_the_two_is_enough(weight: float, shown: Condition):
    velocity = Recorder()
    got = GuidedField(velocity, SMILE, NOTHING, weight)(X, TIME, END)
    want = X + 10 * TIME[:, None] + 100 * END[:, None] + 1000 * shown.attributes
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert velocity.batches == [4]


def test_equal_conditions_run_once():
    velocity = Recorder()
    GuidedField(velocity, NOTHING, Condition(np.zeros(2, np.float32), np.zeros(3, np.float32)), 3.0)(X, TIME, END)
    assert velocity.batches == [4]


@pytest.mark.parametrize("weight", [-0.1, 20.5, float("nan"), float("inf")])
def test_a_weight_out_of_range(weight: float):
    with pytest.raises(InputError, match="guidance="):
        GuidedField(Recorder(), SMILE, NOTHING, weight)
