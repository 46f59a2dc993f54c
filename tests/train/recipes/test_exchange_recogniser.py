"""A flow reads a new recogniser's identities as it read the old one's."""

from __future__ import annotations

import numpy as np
import torch

from train.models.latent_flow.velocity import PRESETS, VelocityNet
from train.recipes.exchange_recogniser import fit_map, likeness, unit_rows, with_identities_through


def _turned(count: int, width: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit rows, the same turned by a rotation, and that rotation."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(width, width)))[0].astype(np.float32)
    new = unit_rows(rng.normal(size=(count, width)).astype(np.float32))
    return new, unit_rows(new @ turn.T + noise * rng.normal(size=new.shape).astype(np.float32)), turn


def test_a_rotation_is_found() -> None:
    new, old, turn = _turned(400, 16)
    np.testing.assert_allclose(fit_map(new, old, 1e-9), turn, atol=1e-5)
    assert likeness(new @ fit_map(new, old).T, old) > 0.9999 > likeness(new, old) + 0.5


def test_with_more_directions_than_pictures_the_ridge_decides() -> None:
    new, old, _ = _turned(8, 16, noise=0.1)
    found = fit_map(new, old, 1e-2)
    assert np.isfinite(found).all() and np.linalg.norm(found, 2) < 2.0


def test_the_net_answers_the_mapped_identity() -> None:
    torch.manual_seed(0)
    config = PRESETS["tiny"]
    network = VelocityNet(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.05)  # the last layer starts at zero
    new, old, turn = _turned(3, config.identity)
    ways = torch.randn(3, config.latent), torch.rand(3), torch.ones(3)
    wishes = torch.randn(3, network.condition.in_features)
    with torch.no_grad():
        before = network(*ways, wishes, torch.from_numpy(old))
        nobody = network(*ways, wishes, torch.zeros(3, config.identity))
        with_identities_through(network, turn)
        torch.testing.assert_close(network(*ways, wishes, torch.from_numpy(new)), before, atol=1e-5, rtol=1e-4)
        # Zeros say nothing, before as after.
        torch.testing.assert_close(network(*ways, wishes, torch.zeros(3, config.identity)), nobody)
    assert not torch.allclose(before, nobody)
