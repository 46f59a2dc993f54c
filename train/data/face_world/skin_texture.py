"""Skin between the freckle and the cheek: mottling, small moles, spots, fine lines, and gloss that is not even.

Painted over `compose_skin`'s planes, once a person. What is finer than a texel is in skin_grain.py.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from train.data.face_world.atlas import Atlas
from train.data.face_world.types import F32, Identity

_REGIONS = ("cheek", "nose", "forehead", "under_eye", "eye_ring", "lid", "lips", "ear", "chin", "inside")
_LINES = (  # region, lines per unit along y, how far noise bends them, depth at full age
    ("forehead", 5.2, 0.55, 0.0075),
    ("under_eye", 11.0, 0.45, 0.0034),
    ("eye_ring", 9.0, 0.60, 0.0026),
)
_NECK_LINES, _NECK_DEPTH = 3.1, 0.0070
_LIP_LINES, _LIP_DEPTH = 17.0, 0.0013  # along x


def texture_skin(skin: F32, identity: Identity, atlas: Atlas) -> None:
    """Adds a person's texture to composed skin, in place; does nothing for a person of the plain world.

    Args:
        skin: (H, W, 6) of `compose_skin`.
        identity: texture, tone, redness and age are read.
        atlas: of the identity's head model.
    """
    texture = identity.texture
    if texture is None:
        return
    draw = np.random.default_rng([texture.seed, 11])
    mix = draw.standard_normal((3, 4)).astype(np.float32)
    mix /= np.linalg.norm(mix, axis=1, keepdims=True)
    scalars = np.array(
        [
            texture.mottling,
            texture.shine,
            texture.lines,
            texture.marks,
            texture.blemishes,
            identity.tone,
            identity.redness,
            draw.uniform(0, 1),  # share of the light patches among the dark ones
        ],
        np.float32,
    )
    regions, noise = _planes(atlas)
    shifts = draw.uniform(0, 1, len(_LINES) + 2).astype(np.float32)
    _texture(
        atlas.canonical.reshape(-1, 3),
        regions,
        noise,
        atlas.spots.reshape(len(atlas.spots), -1),
        atlas.spot_id.reshape(len(atlas.spots), -1),
        np.array([row[1:] for row in _LINES], np.float32),
        scalars,
        mix,
        shifts,
        texture.seed & 0x7FFFFFFF,
        skin.reshape(-1, 6),
    )


@cache
def _planes(atlas: Atlas) -> tuple[F32, F32]:
    """Regions and noise with all values of a texel side by side."""
    regions = np.stack([atlas.masks[name] for name in _REGIONS], -1).reshape(-1, len(_REGIONS))
    return regions, np.stack(list(atlas.noise), -1).reshape(-1, len(atlas.noise))


@njit(cache=True, nogil=True, fastmath=True)
def _groove(phase: float) -> float:
    """1 in the middle of a line, 0 between lines."""
    away = abs(phase - np.floor(phase) - 0.5) * 2.0
    return max(0.0, 1.0 - 3.2 * away) ** 2 * (1.0 + 6.4 * away)


@njit(cache=True, nogil=True, fastmath=True)
def _texture(  # type: ignore[no-untyped-def]
    canonical, regions, noise, spots, spot_id, lines, scalars, mix, shifts, seed, out
):
    mottling, shine, age, marks, blemishes = scalars[0], scalars[1], scalars[2], scalars[3], scalars[4]
    tone, redness, light_share = scalars[5], scalars[6], scalars[7]
    light = 1.0 - tone
    for n in range(len(canonical)):
        if regions[n, 9] > 0.5:
            continue
        x, y = canonical[n, 0], canonical[n, 1]
        cheek, nose, forehead, under_eye = regions[n, 0], regions[n, 1], regions[n, 2], regions[n, 3]
        ring, lid, lips, ear, chin = regions[n, 4], regions[n, 5], regions[n, 6], regions[n, 7], regions[n, 8]
        face = 1.0 - lips
        broad = patch = small = 0.0
        for k in range(4):
            broad += mix[0, k] * noise[n, k]
            patch += mix[1, k] * noise[n, k + 4]
            small += mix[2, k] * noise[n, k + 8]
        # blood: patches under thin skin; pigment: broad drifts and small clouds, darker round eyes and mouth
        blood = mottling * face * (0.5 * patch + 0.22 * small + 0.5 * broad)
        blood *= 0.35 + 0.9 * (cheek + nose + 0.6 * ear + 0.5 * chin) * (0.4 + 0.6 * redness)
        blood = min(max(blood, -1.2), 1.6) * (0.35 + 0.65 * light)
        pigment = mottling * (0.55 * broad + 0.35 * patch + 0.15 * small) * (0.5 + 0.7 * tone)
        pigment += (0.5 + 0.8 * tone) * mottling * (0.45 * ring + 0.35 * under_eye + 0.3 * lid)
        pigment = min(max(pigment, -1.5), 2.0) * face
        # a lighter patch is as usual as a darker one only in some
        if pigment < 0:
            pigment *= 0.3 + 0.7 * light_share
        red = 1.0 - 0.010 * blood - 0.016 * pigment
        green = 1.0 - 0.050 * blood - 0.026 * pigment
        blue = 1.0 - 0.040 * blood - 0.036 * pigment
        raised = 0.0
        # moles and spots: cells of the coarser lattice whose hash falls under the density
        cell = spot_id[1, n]
        chance = (((cell ^ seed) * 2654435761 >> 9) & 0xFFFF) / 65536.0
        kind = (((cell ^ (seed * 5 + 1)) * 40503 >> 3) & 1023) / 1023.0
        if chance < 0.035 * marks and face > 0.5:
            radius = 0.12 + 0.16 * kind * kind
            mole = np.exp(-((spots[1, n] / radius) ** 4)) * (0.35 + 0.6 * kind)
            red *= 1.0 - 0.55 * mole
            green *= 1.0 - 0.68 * mole
            blue *= 1.0 - 0.74 * mole
        elif chance > 1.0 - 0.035 * blemishes and face > 0.5:
            spot = np.exp(-((spots[1, n] / (0.20 + 0.22 * kind)) ** 2)) * (0.2 + 0.6 * kind)
            if kind > 0.45:  # still red, and raised
                red *= 1.0 - 0.06 * spot
                green *= 1.0 - 0.30 * spot
                blue *= 1.0 - 0.24 * spot
                raised += 0.0016 * spot
            else:  # what an older one leaves
                red *= 1.0 - (0.10 + 0.12 * tone) * spot
                green *= 1.0 - (0.16 + 0.10 * tone) * spot
                blue *= 1.0 - (0.16 + 0.10 * tone) * spot
        # lines: grooves along a bent coordinate, deeper with age
        depth = 0.0
        if age > 0.0:
            bend = 0.6 * noise[n, 4] + 0.3 * noise[n, 6]
            for k in range(len(lines)):
                where = forehead if k == 0 else under_eye if k == 1 else ring
                if where > 0.05:
                    groove = _groove(y * lines[k, 0] + lines[k, 1] * bend + shifts[k])
                    depth += lines[k, 2] * where * groove * (0.6 + 0.4 * noise[n, 5])
            if y < -1.7:
                groove = _groove(y * _NECK_LINES + 0.5 * bend + shifts[3])
                depth += _NECK_DEPTH * groove * min((-1.7 - y) * 4.0, 1.0)
            depth += 0.0003 * age * max(noise[n, 8], 0.0) * face
            depth = max(depth, 0.0) * age
        if lips > 0.3:
            depth += _LIP_DEPTH * lips * _groove(x * _LIP_LINES + 0.5 * noise[n, 6] + shifts[4])
        shade = 1.0 - min(32.0 * depth, 0.25)
        out[n, 0] = min(max(out[n, 0] * red * (0.3 + 0.7 * shade), 0.003), 1.0)
        out[n, 1] = min(max(out[n, 1] * green * shade, 0.003), 1.0)
        out[n, 2] = min(max(out[n, 2] * blue * shade, 0.003), 1.0)
        gloss = 1.0 + shine * (0.18 * patch + 0.12 * small)
        out[n, 3] *= min(max(gloss, 0.45), 1.7) * shade
        out[n, 4] = min(max(out[n, 4] * (1.0 - 0.10 * shine * small), 0.22), 0.6)
        out[n, 5] += raised - depth
