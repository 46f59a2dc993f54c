"""Losses on points, heat maps and rotations against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from train.losses.geometry import heat_map_loss, relative_error, rotation_degrees, wing
from train.models.faces.rotation import rotation_from_degrees


def test_wing_is_a_logarithm_near_zero_and_a_line_far_away() -> None:
    zero, weight = torch.zeros(1, 1, 2), torch.ones(1, 1)
    near = wing(torch.full((1, 1, 2), 0.02), zero, weight, width=0.04, curvature=0.01)
    assert near.item() == pytest.approx(0.04 * math.log(1 + 0.02 / 0.01), rel=1e-5)
    a, b = (wing(torch.full((1, 1, 2), v), zero, weight).item() for v in (0.3, 0.5))
    assert b - a == pytest.approx(0.2, rel=1e-5)
    edge = [wing(torch.full((1, 1, 2), v), zero, weight).item() for v in (0.04 - 1e-6, 0.04 + 1e-6)]
    assert edge[0] == pytest.approx(edge[1], abs=1e-5)


def test_wing_leaves_out_what_has_no_weight() -> None:
    predicted = torch.tensor([[[0.0, 0.0], [9.0, 9.0]]])
    assert wing(predicted, torch.zeros(1, 2, 2), torch.tensor([[1.0, 0.0]])).item() == 0.0


def test_heat_map_of_the_right_cell_costs_nothing() -> None:
    logits = torch.full((1, 1, 16), -40.0)
    logits[0, 0, 2 * 4 + 1] = 40.0
    centre = torch.tensor([[[(1 + 0.5) / 4, (2 + 0.5) / 4]]])
    assert heat_map_loss(logits.softmax(-1), centre, torch.ones(1, 1)).item() == pytest.approx(0.0, abs=1e-4)
    assert heat_map_loss(logits.softmax(-1), centre.flip(-1), torch.ones(1, 1)).item() > 10


def test_heat_map_loss_is_least_at_the_bilinear_shares() -> None:
    point = torch.tensor([[[0.40, 0.55]]])
    logits = torch.zeros(1, 1, 16, requires_grad=True)
    optimiser = torch.optim.Adam([logits], 0.5)
    for _ in range(200):
        optimiser.zero_grad()
        heat_map_loss(logits.softmax(-1), point, torch.ones(1, 1)).backward()
        optimiser.step()
    share = logits.detach().softmax(-1)[0, 0]
    grid = (torch.arange(4) + 0.5) / 4
    mean_x = (share.view(4, 4).sum(0) * grid).sum().item()
    mean_y = (share.view(4, 4).sum(1) * grid).sum().item()
    assert (mean_x, mean_y) == (pytest.approx(0.40, abs=0.01), pytest.approx(0.55, abs=0.01))


def test_points_outside_the_map_do_not_count() -> None:
    points = torch.tensor([[[1.2, 0.5], [0.5, 0.5]]])
    maps = torch.randn(1, 2, 16, generator=torch.Generator().manual_seed(0)).softmax(-1)
    alone = heat_map_loss(maps[:, 1:], points[:, 1:], torch.ones(1, 1))
    assert heat_map_loss(maps, points, torch.ones(1, 2)).item() == pytest.approx(alone.item())


@pytest.mark.parametrize("degrees", [0.5, 30.0, 120.0])
def test_rotation_angle(degrees: float) -> None:
    first = rotation_from_degrees(torch.zeros(1, 3))
    second = rotation_from_degrees(torch.tensor([[degrees, 0.0, 0.0]]))
    assert rotation_degrees(first, second).item() == pytest.approx(degrees, rel=1e-3)


def test_rotation_angle_has_a_finite_slope_at_equality() -> None:
    matrix = rotation_from_degrees(torch.tensor([[10.0, 5.0, 3.0]])).requires_grad_()
    rotation_degrees(matrix, matrix.detach()).sum().backward()
    assert torch.isfinite(matrix.grad).all()


def test_relative_error_is_distance_over_spread() -> None:
    # Four corners of a square lie sqrt(2) from its middle: moved by 0.1 sqrt(2) they are off by a tenth.
    truth = torch.tensor([[[-1.0, -1], [1, -1], [1, 1], [-1, 1]]]).repeat(2, 1, 1)
    found = truth * 1.1
    weight = torch.ones(2, 4)
    assert relative_error(found, truth, weight).item() == pytest.approx(math.hypot(0.1, 1e-3), rel=1e-4)
    assert relative_error(found * 7, truth * 7, weight).item() == pytest.approx(math.hypot(0.1, 1e-3), rel=1e-4)
    # A point without weight may lie anywhere.
    found[0, 2] += 9
    weight[0, 2] = 0
    assert relative_error(found, truth, weight).item() == pytest.approx(math.hypot(0.1, 1e-3), rel=1e-4)
    assert torch.isfinite(torch.autograd.grad(relative_error(truth.requires_grad_(), truth, weight), truth)[0]).all()
