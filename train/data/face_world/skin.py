"""A person's skin: albedo, gloss and relief over the atlas."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from facesdk.errors import InputError
from train.data.face_world import palette
from train.data.face_world.atlas import Atlas
from train.data.face_world.facial_hair import brow_line
from train.data.face_world.scalp import azimuth, hairline, interpolate_knots
from train.data.face_world.types import F32, Identity

_REGIONS = (
    "cheek", "nose", "ear", "chin", "lid", "under_eye", "eye_ring", "forehead",
    "lips", "moustache", "beard", "goatee", "sideburns", "inside",
)  # fmt: skip
# what share of the skin under each beard its shadow hides: everywhere a beard can grow, and where this one does
_BEARD_SHADOW = {
    "none": (0.0, 0.0),
    "stubble": (0.42, 0.0),
    "mustache": (0.2, 0.3),
    "goatee": (0.25, 0.3),
    "full beard": (0.5, 0.3),
}
BEARDS = tuple(_BEARD_SHADOW)
_SHAVEN_SHADOW = 0.12
_MOLE_TEXEL = 0.022  # largest side of a texel that a mole is painted on, at 256 rows
# how much of the scalp's skin the roots of each style hide
_SCALP_COVER = {"bald": 0.10, "receding": 0.55, "buzz": 0.8, "crew": 0.9}


def compose_skin(identity: Identity, atlas: Atlas) -> F32:
    """Paint a person's skin.

    Args:
        identity: every field but shape; the scalp's tint comes from identity.hair.
        atlas: of the identity's head model.

    Returns:
        (H, W, 6) float32: linear albedo RGB 0..1, specular strength (1 = skin's usual 2.8 %), roughness 0..1, height in
        interocular units.

    Raises:
        InputError: a beard or colour that does not exist.
    """
    if identity.beard not in _BEARD_SHADOW:
        raise InputError(f"no beard {identity.beard!r}", f"Choose one of {', '.join(BEARDS)}.")
    regions, noise, angle = _planes(atlas)
    draw = np.random.default_rng((identity.seed, 5))
    base = palette.skin_tone(identity.tone, identity.yellowness)
    weights = draw.standard_normal(12).astype(np.float32)
    shadow = palette.EYE_SHADOWS[draw.integers(len(palette.EYE_SHADOWS))]
    lip = _lip_color(identity, base, palette.LIPSTICKS[draw.integers(len(palette.LIPSTICKS))])
    pore_layer = int(draw.integers(2))
    hair_color = palette.hair_color(identity.hair.color)
    scalp = hair_color * (0.75 * (1 - 0.5 * identity.hair.grey)) + 0.01 + 0.08 * identity.hair.grey
    everywhere, here = _BEARD_SHADOW[identity.beard]
    if identity.beard == "none" and identity.masculinity > 0:
        everywhere = _SHAVEN_SHADOW
    scalars = np.array(
        [
            identity.tone,
            identity.redness,
            identity.age,
            identity.freckles,
            identity.lip_saturation,
            identity.lipstick,
            identity.eye_shadow,
            _SCALP_COVER.get(identity.hair.style, 1.0),
            everywhere,
            here,
            identity.brow_density,
        ],
        np.float32,
    )
    beards = np.array(
        [
            identity.beard in ("mustache", "goatee", "full beard"),
            identity.beard == "full beard",
            identity.beard == "goatee",
        ],
        np.float32,
    )
    colors = np.stack([base, lip, shadow, scalp, palette.brow_color(identity)]).astype(np.float32)
    out = np.empty((*atlas.size_hw, 6), np.float32)
    _compose(
        atlas.canonical.reshape(-1, 3),
        regions,
        noise,
        angle,
        atlas.wrinkles.reshape(2, -1),
        atlas.spots.reshape(len(atlas.spots), -1),
        atlas.spot_id.reshape(len(atlas.spots), -1),
        scalars,
        beards,
        colors,
        weights,
        pore_layer,
        identity.seed & 0x7FFFFFFF,
        *hairline(identity.hair),
        *brow_line(identity),
        out.reshape(-1, 6),
    )
    _add_moles(identity.moles, draw, atlas, out)
    return out


@cache
def _planes(atlas: Atlas) -> tuple[F32, F32, F32]:
    """Regions and noise with all values of a texel side by side, as the kernel reads them, and the azimuth."""
    regions = np.stack([atlas.masks[name] for name in _REGIONS], -1).reshape(-1, len(_REGIONS))
    noise = np.stack(list(atlas.noise), -1).reshape(-1, len(atlas.noise))
    return regions, noise, azimuth(atlas.canonical).ravel()


def _lip_color(identity: Identity, base: F32, lipstick: F32) -> F32:
    tone = identity.tone
    light, dark = np.array([0.86, 0.52, 0.50]), np.array([0.80, 0.60, 0.60])
    color = base * (light * (1 - tone) + dark * tone) * (1 - 0.25 * identity.lip[0]) * (1 - 0.25 * tone)
    color = color + np.array([0.06, 0.01, 0.015]) * identity.lip[1] * (1 - 0.7 * tone)
    color = color * np.array([1.0, 1.0 - 0.1 * identity.lip[2], 1.0 + 0.1 * identity.lip[2]])
    return (color * (1 - 0.75 * identity.lipstick) + lipstick * 0.75 * identity.lipstick).astype(np.float32)


def _add_moles(count: int, draw: np.random.Generator, atlas: Atlas, out: F32) -> None:
    """Dark round spots at random places of the front of the face and neck."""
    front = (atlas.masks["inside"] == 0) & (atlas.canonical[..., 2] > -0.9)
    # where texels are large a mole would be a square
    fine = (atlas.texel_area > 0) & (atlas.texel_area < (_MOLE_TEXEL * 256 / atlas.size_hw[0]) ** 2)
    candidates = np.nonzero((front & fine).ravel())[0]
    height, width = atlas.size_hw
    for place in draw.choice(candidates, count):
        row, column = divmod(int(place), width)
        reach = max(6, height // 24)
        window = np.s_[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        radius = draw.uniform(0.013, 0.026)
        squared = ((atlas.positions[window] - atlas.positions[row, column]) ** 2).sum(-1)
        strength = (
            0.9 * np.exp(-((squared / radius**2) ** 1.5))[..., None] * (1 - atlas.masks["lips"][window][..., None])
        )
        out[window][..., :3] *= 1 - strength * np.array([0.78, 0.84, 0.86], np.float32)


@njit(cache=True, nogil=True)
def _smooth(x, low, high):  # type: ignore[no-untyped-def]
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@njit(cache=True, nogil=True, fastmath=True)
def _compose(  # type: ignore[no-untyped-def]
    canonical, regions, noise, angle, wrinkles, spots, spot_id, scalars, beards, colors, weights, pore_layer, seed,
    hairline_angle, hairline_y, brow_x, brow_y, brow_half, out,
):  # fmt: skip
    tone, redness, age, freckles = scalars[0], scalars[1], scalars[2], scalars[3]
    lip_saturation, lipstick, eye_shadow, scalp_cover = scalars[4], scalars[5], scalars[6], scalars[7]
    shadow_everywhere, shadow_here, brow_density = scalars[8], scalars[9], scalars[10]
    light = 1.0 - tone
    color = np.empty(3, np.float32)
    for n in range(len(canonical)):
        x, y, z = abs(canonical[n, 0]), canonical[n, 1], canonical[n, 2]
        cheek, nose, ear, chin, lid = regions[n, 0], regions[n, 1], regions[n, 2], regions[n, 3], regions[n, 4]
        under_eye, eye_ring, forehead, lips = regions[n, 5], regions[n, 6], regions[n, 7], regions[n, 8]
        moustache, beard, goatee, sideburns = regions[n, 9], regions[n, 10], regions[n, 11], regions[n, 12]
        if regions[n, 13] > 0.5:  # the wet inside of the mouth and the corners of the eyes
            out[n, 0], out[n, 1], out[n, 2] = 0.22, 0.035, 0.03
            out[n, 3], out[n, 4], out[n, 5] = 1.2, 0.35, 0.0
            continue
        low = mid = high = 0.0
        for k in range(4):
            low += 0.5 * weights[k] * noise[n, k]
            mid += 0.5 * weights[k + 4] * noise[n, k + 4]
            high += 0.5 * weights[k + 8] * noise[n, k + 8]
        pore = noise[n, 12 + pore_layer]
        # more than 3 % of any of these turns skin to leather
        grain = 1.0 + 0.02 * low + 0.016 * mid + 0.010 * high * (0.5 + age) + 0.016 * pore
        for c in range(3):
            color[c] = colors[0, c] * grain
        # blood under the skin
        blood = 0.85 * cheek + 0.9 * nose + 0.6 * ear + 0.45 * chin + 0.35 * lid + 0.06 * mid
        blood = min(max(blood, 0.0), 1.3) * redness * (0.25 + 0.75 * light)
        color[0] *= (1 - 0.05 * blood) * (1 + 0.018 * forehead)
        color[1] *= 1 - 0.26 * blood
        color[2] *= (1 - 0.24 * blood) * (1 - 0.042 * forehead)
        tired = min(under_eye * (0.25 + 0.55 * age) + 0.22 * eye_ring, 1.0)
        color[0] *= 1 - 0.22 * tired
        color[1] *= 1 - 0.28 * tired
        color[2] *= 1 - 0.20 * tired
        if eye_shadow > 0.0:
            k = min(1.2 * lid, 1.0) * eye_shadow * 0.7
            for c in range(3):
                color[c] = color[c] * (1 - k) + colors[2, c] * (0.5 + light) * k
        if freckles > 0.0:
            place = min(1.3 * cheek + nose + 0.35 * forehead, 1.0)
            if place > 0.03:
                spot = 0.0
                for layer in range(len(spots)):
                    share = (((spot_id[layer, n] ^ seed) * 2654435761 >> 12) & 0xFFFF) / 65536.0
                    if share < 0.45 * freckles * place:
                        size = 0.22 + 0.16 * (((spot_id[layer, n] ^ (seed * 7 + 3)) * 40503 >> 4) & 255) / 255.0
                        spot = max(spot, np.exp(-((spots[layer, n] / size) ** 3)))
                spot *= (0.4 + 0.4 * min(freckles, 1.0)) * min(1.0, 0.4 + place)
                color[0] *= 1 - 0.35 * spot
                color[1] *= 1 - 0.55 * spot
                color[2] *= 1 - 0.68 * spot
        if age > 0.6:
            spot = min(max(noise[n, 9] + noise[n, 8] - 2.2 + age, 0.0), 1.0) * 0.35
            color[0] *= 1 - 0.25 * spot
            color[1] *= 1 - 0.35 * spot
            color[2] *= 1 - 0.40 * spot
        cover = min(1.05 * lips, 1.0) * (0.55 + 0.4 * lip_saturation)
        for c in range(3):
            color[c] = color[c] * (1 - cover) + colors[1, c] * (1 + 0.04 * high + 0.03 * pore) * cover
        # roots of the hair
        scalp = 0.0
        if y > -1.4:
            over = y - interpolate_knots(angle[n], hairline_angle, hairline_y) + 0.028 * noise[n, 9] + 0.03 * pore
            scalp = _smooth(over, -0.04, 0.13) * (1 - min(3 * ear, 1.0))
            k = scalp * scalp_cover * (0.88 + 0.12 * min(max(0.5 + 0.6 * pore, 0.0), 1.0))
            for c in range(3):
                color[c] = color[c] * (1 - k) + colors[3, c] * k
        if shadow_everywhere > 0.0:
            area = min(max(max(moustache, beard), 0.8 * sideburns), 1.0)
            worn = min(moustache * beards[0] + (beard + 0.9 * sideburns) * beards[1] + goatee * beards[2], 1.0)
            k = min(area * shadow_everywhere + worn * shadow_here, 0.9)
            k *= 0.75 + 0.3 * min(max(0.5 + 0.7 * noise[n, 13 - pore_layer], 0.0), 1.2)
            k = min(k * min(max(0.92 + 0.08 * noise[n, 9] + 0.06 * noise[n, 7], 0.6), 1.1), 0.92)
            for c in range(3):
                color[c] = color[c] * (1 - k) + (0.8 * colors[4, c] + 0.06 * colors[0, c]) * k
        # the shade of the brows on the skin under them
        if brow_x[0] - 0.06 < x < brow_x[-1] + 0.06 and -0.1 < y < 0.8 and z > -0.6:
            half = 1.05 * interpolate_knots(x, brow_x, brow_half)
            across = (y - interpolate_knots(x, brow_x, brow_y)) / half
            k = np.exp(-(across * across)) * _smooth(x, brow_x[0] - 0.03, brow_x[0] + 0.05)
            k *= 0.5 * brow_density * _smooth(x, brow_x[-1] + 0.02, brow_x[-1] - 0.08)
            for c in range(3):
                color[c] = color[c] * (1 - k) + (0.8 * colors[4, c] + 0.08 * colors[0, c]) * k
        oil = min(0.6 * nose + 0.35 * forehead + 0.3 * cheek + 0.25 * chin, 1.0)
        gloss = max(0.75 + 0.5 * oil + 0.12 * pore - 0.25 * scalp, 0.25)
        for c in range(3):
            out[n, c] = min(max(color[c], 0.003), 1.0)
        out[n, 3] = gloss * (1 - lips) + lips * (0.95 + 0.8 * lipstick)
        out[n, 4] = (0.47 - 0.09 * oil) * (1 - lips) + lips * (0.34 - 0.08 * lipstick)
        relief = 0.0009 * pore + 0.00035 * high * (0.4 + age)
        relief += (wrinkles[0, n] * 0.9 + wrinkles[1, n]) * max(0.0, age - 0.28) * 1.3
        out[n, 5] = relief * (1 - 0.7 * lips) + lips * 0.00095 * noise[n, 10]
