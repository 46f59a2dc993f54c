"""Eqs. 10-12, the weights of eq. 13 and the curriculum."""

from __future__ import annotations

import pytest
import torch

from facesdk.errors import InputError
from train.losses.curriculum import Curriculum
from train.losses.landmark import landmark_loss, nineteen_points
from train.losses.reconstruction import reconstruction_loss
from train.losses.swap_consistency import swap_consistency_loss
from train.losses.total import PAPER_WEIGHTS, weighted


def test_reconstruction_counts_only_equal_pairs() -> None:
    target = torch.zeros(2, 3, 4, 4)
    result = torch.stack([torch.full((3, 4, 4), 2.0), torch.full((3, 4, 4), 7.0)])
    same = torch.tensor([True, False])
    assert reconstruction_loss(result, target, same).item() == pytest.approx(0.5 * 4.0 / 2)
    assert reconstruction_loss(result, target, ~same).item() == pytest.approx(0.5 * 49.0 / 2)


def test_landmark_loss_by_hand() -> None:
    target = torch.zeros(2, 19, 2)
    result = target.clone()
    result[0, 3] = torch.tensor([0.3, 0.4])
    assert landmark_loss(result, target).item() == pytest.approx(0.5 * 0.25 / 2)


def test_nineteen_points() -> None:
    index = torch.arange(68, dtype=torch.float32)
    points = nineteen_points(torch.stack([index, -index], -1)[None])
    assert points.shape == (1, 19, 2)
    # brow ends, the lids' mean, nose tip, mouth centre, chin
    assert points[0, [0, 5, 7, 13, 16, 18], 0].tolist() == [17, 26, (37 + 38 + 40 + 41) / 4, 30, 64, 8]
    assert torch.equal(points[..., 0], -points[..., 1])


def test_swap_consistency_by_hand() -> None:
    zero, one = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    assert swap_consistency_loss(2 * one, zero, zero, zero).item() == pytest.approx(2.0)
    assert swap_consistency_loss(zero, zero, one, 4 * one).item() == pytest.approx(4.5)


def test_weights_are_the_papers() -> None:
    names = ("adversarial", "identity", "contrastive", "reconstruction", "landmark", "swap_consistency")
    assert [PAPER_WEIGHTS[name] for name in names] == [1, 10, 5, 1, 100, 1]
    terms = weighted({"identity": torch.tensor(2.0), "landmark": torch.tensor(0.5)})
    assert sum(terms.values()).item() == pytest.approx(70.0)
    assert set(weighted({"identity": torch.tensor(1.0)}, {"identity": 0.0})) == set()
    with pytest.raises(InputError, match="without a weight"):
        weighted({"surprise": torch.tensor(1.0)})


def test_curriculum_falls_from_one_to_the_floor() -> None:
    curriculum = Curriculum(hold=0.1, fall=0.5, floor=0.2)
    values = [curriculum.same_probability(i / 100) for i in range(101)]
    assert values[0] == values[10] == 1.0 and values[50] == values[100] == pytest.approx(0.2)
    assert curriculum.same_probability(0.3) == pytest.approx(0.6)
    assert all(a >= b for a, b in zip(values, values[1:]))
