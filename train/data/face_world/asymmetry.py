"""Mild asymmetry: the low-frequency crookedness that every real head has."""

from __future__ import annotations

import numpy as np

from train.data.face_world.types import F32, HeadMesh

AMPLITUDE = (0.010, 0.018, 0.012)  # interocular units at strength 1: x, y, z


def asymmetry_offset(mesh: HeadMesh, seed: int, strength: float) -> F32:
    """Smooth offset of every vertex; eyeballs only move as a whole, so that they stay round.

    Args:
        mesh: the head it is for.
        seed: identity seed; fixes the phases of the waves.
        strength: 0 none .. 1 clearly crooked.

    Returns:
        (V, 3) float32, interocular units; 0 on the torso.
    """
    phase = np.random.default_rng((seed, 99)).uniform(0.0, 2.0 * np.pi, 3)
    x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
    waves = [np.sin(1.3 * y + phase[0]), np.sin(1.2 * x + phase[1]), np.sin(x + 0.8 * y + phase[2])]
    offset = np.stack(waves, 1) * np.array(AMPLITUDE) * strength * mesh.head_weight[:, None]
    for start, stop in mesh.eyes:
        offset[start:stop] = offset[start:stop].mean(0)
    return offset.astype(np.float32)
