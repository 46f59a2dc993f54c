"""Rotations: round trips, the signs of the convention, 6-D vectors."""

from __future__ import annotations

import torch

from train.models.faces.rotation import degrees_from_rotation, rotation_from_6d, rotation_from_degrees


def test_round_trip() -> None:
    torch.manual_seed(0)
    pose = (torch.rand(50, 3) * 2 - 1) * torch.tensor([100.0, 80.0, 170.0])
    assert torch.allclose(degrees_from_rotation(rotation_from_degrees(pose)), pose, atol=2e-2)


def test_matrix_is_roll_pitch_yaw_as_in_the_face_world() -> None:
    yaw, pitch, roll = (torch.deg2rad(torch.tensor(a)) for a in (20.0, -15.0, 35.0))
    about_y = torch.tensor([[yaw.cos(), 0, yaw.sin()], [0, 1, 0], [-yaw.sin(), 0, yaw.cos()]])
    about_x = torch.tensor([[1, 0, 0], [0, pitch.cos(), -pitch.sin()], [0, pitch.sin(), pitch.cos()]])
    about_z = torch.tensor([[roll.cos(), -roll.sin(), 0], [roll.sin(), roll.cos(), 0], [0, 0, 1]])
    found = rotation_from_degrees(torch.tensor([20.0, -15.0, 35.0]))
    assert torch.allclose(found, about_z @ about_x @ about_y, atol=1e-6)


def test_signs() -> None:
    nose, up = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0])
    assert (rotation_from_degrees(torch.tensor([30.0, 0.0, 0.0])) @ nose)[0] > 0  # yaw: nose to the picture's right
    assert (rotation_from_degrees(torch.tensor([0.0, 30.0, 0.0])) @ nose)[1] < 0  # pitch: nose down
    assert (rotation_from_degrees(torch.tensor([0.0, 0.0, 30.0])) @ up)[0] < 0  # roll: counter-clockwise


def test_6d_vector_gives_a_rotation() -> None:
    torch.manual_seed(1)
    matrix = rotation_from_6d(torch.randn(20, 6))
    assert torch.allclose(matrix @ matrix.mT, torch.eye(3).expand(20, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(matrix), torch.ones(20), atol=1e-5)
    exact = rotation_from_degrees(torch.tensor([10.0, 20.0, 30.0]))
    assert torch.allclose(rotation_from_6d(exact.mT[:2].reshape(6) * 3), exact, atol=1e-5)
