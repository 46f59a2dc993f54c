"""Draws what the rich world adds, from random streams of its own: people, pose, hair and light stay what they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.data.face_world.rich_types import (
    EARRINGS,
    GARMENTS,
    PLACES,
    Extras,
    Fabric,
    HairEdge,
    Lens,
    Pattern,
    Rgb,
    SkinTexture,
    Surroundings,
)
from train.data.face_world.sample import head_index
from train.data.face_world.types import Attributes, Identity

_TEXTURE_STREAM, _EDGE_STREAM = 102, 103  # beside the stream of people in sample.py

RICH_HATS = ("cap", "beanie", "brim", "bucket hat")
_HAT_SHARE = 0.13  # of the settings that are bare-headed in the plain world
_EARRING_SHARE = 0.3
_GARMENT_WEIGHTS = (0.16, 0.22, 0.12, 0.09, 0.15, 0.13, 0.13)
_PLACE_WEIGHTS = (0.30, 0.15, 0.12, 0.18, 0.13, 0.12)
_METALS: tuple[Rgb, ...] = ((0.93, 0.78, 0.45), (0.86, 0.86, 0.88), (0.90, 0.68, 0.58), (0.25, 0.25, 0.27))
_USUAL: dict[str, tuple[tuple[Pattern, float], ...]] = {
    "hoodie": (("plain", 0.5), ("heather", 0.4), ("panels", 0.1)),
    "turtleneck": (("knit", 0.7), ("plain", 0.2), ("stripes", 0.1)),
    "collared": (("plain", 0.35), ("stripes", 0.2), ("plaid", 0.3), ("denim", 0.1), ("dots", 0.05)),
    "jacket": (("denim", 0.35), ("plain", 0.4), ("heather", 0.15), ("plaid", 0.1)),
    "hat": (("plain", 0.35), ("knit", 0.1), ("panels", 0.25), ("denim", 0.1), ("heather", 0.1), ("plaid", 0.1)),
    "": (("plain", 0.4), ("stripes", 0.22), ("heather", 0.18), ("knit", 0.08), ("dots", 0.06), ("plaid", 0.06)),
}


def enrich_identity(identity: Identity) -> Identity:
    """The same person with skin at all scales and hair that ends softly."""
    rng = np.random.default_rng([_TEXTURE_STREAM, head_index(identity.head), identity.seed])
    texture = SkinTexture(
        seed=int(rng.integers(1 << 30)),
        mottling=float(rng.uniform(0.2, 1.0)),
        pores=float(rng.beta(2.0, 2.0)),
        shine=float(rng.uniform(0.2, 1.0)),
        lines=float(np.clip((identity.age - 0.12) * rng.uniform(0.7, 1.5), 0.0, 1.0)),
        marks=float(rng.beta(1.2, 3.0)),
        blemishes=float(rng.beta(0.8, 3.0) * (1.1 - 0.6 * identity.age)),
    )
    rng = np.random.default_rng([_EDGE_STREAM, identity.hair.seed])
    edge = HairEdge(float(rng.uniform(0.3, 1.0)), float(rng.beta(1.3, 1.6)), float(rng.uniform(0.1, 1.0)))
    return replace(identity, texture=texture, hair=replace(identity.hair, edge=edge))


def enrich_attributes(attributes: Attributes, rng: np.random.Generator) -> Attributes:
    """The same setting with clothes, earrings, surroundings and a lens; some bare heads get a hat.

    Args:
        attributes: of the plain world.
        rng: moves on by this draw, and by as much whatever the attributes are.
    """
    put_on = rng.uniform() < _HAT_SHARE
    hat = str(rng.choice(RICH_HATS))
    garment = GARMENTS[int(rng.choice(len(GARMENTS), p=_GARMENT_WEIGHTS))]
    cloth = _fabric(rng, "" if garment == "jacket" else garment)
    outer = _fabric(rng, "jacket")
    hat_cloth = _fabric(rng, "hat")
    earring, wears = EARRINGS[1 + int(rng.integers(len(EARRINGS) - 1))], rng.uniform() < _EARRING_SHARE
    size, metal = float(rng.uniform()), _METALS[int(rng.choice(len(_METALS), p=(0.4, 0.35, 0.15, 0.1)))]
    place = PLACES[int(rng.choice(len(PLACES), p=_PLACE_WEIGHTS))]
    surroundings = Surroundings(place, int(rng.integers(100_000)))
    lens = _lens(rng)
    # the plain world's colour stays the colour of the cloth
    cloth = replace(cloth, color=attributes.cloth)
    return replace(
        attributes,
        hat=hat if put_on and attributes.hat == "none" else attributes.hat,
        extras=Extras(
            garment=garment,
            cloth=cloth,
            outer=outer,
            hat_cloth=hat_cloth,
            earring=earring if wears else "none",
            earring_size=size,
            metal=metal,
            surroundings=surroundings,
            lens=lens,
        ),
    )


def _fabric(rng: np.random.Generator, use: str) -> Fabric:
    names, weights = zip(*_USUAL.get(use, _USUAL[""]), strict=True)
    pattern = names[int(rng.choice(len(names), p=weights))]
    brightness = rng.choice(
        [rng.uniform(0.04, 0.3), rng.uniform(0.3, 0.65), rng.uniform(0.7, 0.95)], p=(0.45, 0.35, 0.2)
    )
    color = np.clip(brightness + rng.normal(0, 0.09, 3), 0.03, 0.97)
    if pattern == "denim":
        color = np.array([0.16, 0.24, 0.38]) * rng.uniform(0.5, 1.8)
    second = np.clip(rng.uniform(0.05, 0.95) + rng.normal(0, 0.15, 3), 0.03, 0.97)
    return Fabric(
        pattern=pattern,
        color=_triple(np.clip(color, 0.03, 0.97)),
        second=_triple(second),
        scale=float(np.exp(rng.uniform(-0.5, 0.5))),
        turn=float(rng.choice([0.0, 0.0, np.pi / 2, rng.uniform(-0.5, 0.5)])),
        folds=float(rng.uniform(0.2, 1.0)),
        gloss=float(rng.beta(1.0, 4.0)),
    )


def _lens(rng: np.random.Generator) -> Lens:
    draw = rng.uniform(0.0, 1.0, 5)
    iso = 2.0 ** rng.uniform(0.0, 6.0)  # from ISO 100 to 6400
    return Lens(
        blur=float(0.06 * (draw[0] - 0.35) / 0.65) if draw[0] > 0.35 else 0.0,
        vignette=float(0.45 * draw[1] ** 2),
        aberration=float(0.004 * max(draw[2] - 0.4, 0.0) / 0.6),
        distortion=float(0.07 * (draw[3] - 0.5) * 2.0 if draw[4] > 0.3 else 0.0),
        grain=float(0.0035 * np.sqrt(iso)),
        seed=int(rng.integers(100_000)),
    )


def _triple(values: np.ndarray) -> Rgb:
    return float(values[0]), float(values[1]), float(values[2])
