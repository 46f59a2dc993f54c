from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES, apply_matrix, crop_matrix
from train.models.style_swap import PRESETS, ShapeConfig, ShapePath, StyleSwap
from train.models.style_swap.point_frame import frame, to_frame
from train.models.style_swap.shape import CHANNELS, PARTS, POINTS, draw_maps

CONFIG = replace(PRESETS["tiny"], shape=ShapeConfig(code=6, width=16))


def test_parts_cover_all_points_once() -> None:
    assert [i for first, end in PARTS for i in range(first, end)] == list(range(POINTS))


def test_the_flow_leads_from_where_points_belong_to_where_they_are() -> None:
    rng = torch.Generator().manual_seed(0)
    points = 0.3 + 0.4 * torch.rand(1, POINTS, 2, generator=rng)
    move = torch.tensor([0.03, -0.02])
    maps = draw_maps(points + move, points, 32)
    assert maps.shape == (1, CHANNELS, 32, 32)
    # Amid the points it is the whole move back; far from all of them it is none.
    np.testing.assert_allclose(maps[0, :2, 16, 16], -move, rtol=0.05)
    assert maps[0, :2, 0, 0].abs().max() < 1e-4
    assert draw_maps(points, points, 32)[:, :2].abs().max() == 0


def test_marks_stand_at_their_points() -> None:
    wanted = torch.full((1, POINTS, 2), -1.0)  # far outside
    points = wanted.clone()
    wanted[0, 30] = torch.tensor([20.5, 7.5]) / 32
    points[0, 60] = torch.tensor([3.5, 9.5]) / 32
    marks = draw_maps(wanted, points, 32)[0, 2:]
    found = {
        (int(c), int(y), int(x)) for c, y, x in zip(*np.unravel_index(np.argsort(marks.flatten())[-2:], marks.shape))
    }
    # The wanted tip of the nose in the fourth part, the target's lip in the last of the second half.
    assert found == {(3, 7, 20), (len(PARTS) + 8, 9, 3)}
    assert marks[3, 7, 20] == pytest.approx(1.0) and marks[3, 7, 21] == pytest.approx(np.exp(-0.5 / 0.8**2), rel=1e-4)


def test_a_fresh_path_changes_nothing_and_learns() -> None:
    torch.manual_seed(0)
    network = StyleSwap(CONFIG).eval()
    plain = StyleSwap(PRESETS["tiny"]).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if k in plain.state_dict()})
    pictures = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    points = torch.rand(2, 2, POINTS, 2)
    out = network(*pictures, "fixed", points=tuple(points))
    torch.testing.assert_close(out.image, plain(*pictures, "fixed").image)
    assert out.wanted is not None and out.wanted.shape == (2, POINTS, 2)
    network.train()
    network(*pictures, points=tuple(points)).image.square().mean().backward()
    for shortcut in network.decoder.shortcuts.values():
        assert shortcut.maps.weight.grad.abs().max() > 0
    with pytest.raises(InputError, match="landmarks of both"):
        network(*pictures)


def _faces(count: int) -> torch.Tensor:
    """Points whose eyes, nose and mouth are about the template's."""
    points = 0.5 + 0.2 * torch.randn(count, POINTS, 2)
    eyes = torch.from_numpy(TEMPLATES["canon"])
    for place, rows in zip(eyes, (slice(36, 42), slice(42, 48), 30, 48, 54), strict=True):
        points[:, rows] = place + 0.02 * torch.randn(points[:, rows].shape)
    return points


def test_how_the_crop_was_cut_says_nothing() -> None:
    torch.manual_seed(0)
    path = ShapePath(CONFIG)
    torch.nn.init.normal_(path.move[-1].weight, std=0.1)
    points = _faces(2)
    path.set_statistics(_faces(50))
    angle = 0.3
    turn = 0.7 * torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=torch.float32)
    shift = torch.tensor([0.1, -0.2])
    other = points @ turn.T + shift
    torch.testing.assert_close(path.code(other), path.code(points), atol=1e-4, rtol=1e-3)
    code = path.code(points.flip(0))
    wanted = path.wanted(code, points)
    assert (wanted - points).abs().max() > 1e-3
    torch.testing.assert_close(path.wanted(code, other), wanted @ turn.T + shift, atol=1e-4, rtol=1e-3)


def test_the_frame_is_that_of_crops() -> None:
    points = torch.rand(3, POINTS, 2)
    upright = to_frame(points, frame(points)) + torch.from_numpy(TEMPLATES["canon"].mean(0))
    for one, found in zip(points.numpy(), upright.numpy(), strict=True):
        np.testing.assert_allclose(found, apply_matrix(crop_matrix(one, "canon", 1), one), atol=1e-5)


def test_points_that_are_no_face_are_not_thrown_away() -> None:
    torch.manual_seed(0)
    path = ShapePath(CONFIG)
    torch.nn.init.normal_(path.move[-1].weight, std=0.1)
    # Turned about: nose and mouth where the template has none, so that there is next to no scale.
    points = 0.5 + 0.01 * torch.randn(40, POINTS, 2)
    moved = path.wanted(path.code(points), points) - points
    assert moved.isfinite().all() and moved.abs().max() < 1


def test_codes_of_several_pictures_may_be_averaged() -> None:
    torch.manual_seed(0)
    path = ShapePath(CONFIG)
    points = torch.rand(3, POINTS, 2)
    mean = path.code(points).mean(0, keepdim=True)
    assert mean.shape == (1, 6)
    wanted, maps = path(mean, points[:1])
    assert wanted.shape == (1, POINTS, 2) and [m.shape[-1] for m in maps] == list(CONFIG.decoder.shortcuts)
