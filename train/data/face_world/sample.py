"""Draws people and picture settings: the same seed is the same person, and the splits share no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.background import TEST_ONLY_KINDS, TRAIN_KINDS
from train.data.face_world.expression import EXPRESSION_NAMES, EXPRESSIONS
from train.data.face_world.hair import TEST_ONLY_STYLES, TRAIN_STYLES
from train.data.face_world.head import get_head
from train.data.face_world.types import Attributes, Hair, HeadName, Identity, Light, Split

HEADS: tuple[HeadName, ...] = ("own", "facekit")
SEEDS_PER_HEAD = 100_000
SPLITS: dict[Split, range] = {
    "train": range(0, 90_000),
    "validation": range(90_000, 95_000),
    "test": range(95_000, SEEDS_PER_HEAD),
}
TEST_ONLY_SHARE = 0.35  # of the test pictures, for hair styles and for backgrounds

_IDENTITY_STREAM = 101  # keeps the random stream of people apart from all others

# Weights of the usual hair styles by the masculinity axis; a style that is not listed weighs 0.06.
_SHORT = {
    "buzz": 0.12,
    "crew": 0.20,
    "side part": 0.20,
    "swept back": 0.14,
    "curly": 0.12,
    "receding": 0.06,
    "bald": 0.07,
}
_LONG = {"bob": 0.18, "long": 0.22, "long wavy": 0.22, "fringe": 0.10, "swept back": 0.08, "curly": 0.08}
_NEVER_LONG = ("bald", "receding", "buzz")
_DENSE = ("afro", "buzz", "curly", "swept back", "crew")

_HAIR_COLORS: tuple[tuple[float, Mapping[str, float]], ...] = (  # up to this tone: colours with weights
    (
        0.38,
        {
            "black": 0.10,
            "dark brown": 0.20,
            "brown": 0.20,
            "light brown": 0.16,
            "blond": 0.17,
            "platinum": 0.05,
            "red": 0.12,
        },
    ),
    (0.62, {"black": 0.50, "dark brown": 0.35, "brown": 0.15}),
    (1.01, {"black": 0.80, "dark brown": 0.20}),
)
_EYE_COLORS: tuple[tuple[float, Mapping[str, float]], ...] = (
    (0.38, {"brown": 0.30, "hazel": 0.15, "green": 0.15, "blue": 0.28, "gray": 0.12}),
    (0.62, {"dark brown": 0.40, "brown": 0.45, "hazel": 0.15}),
    (1.01, {"dark brown": 0.75, "brown": 0.25}),
)
_BEARDS = {"none": 0.38, "stubble": 0.27, "mustache": 0.09, "goatee": 0.10, "full beard": 0.16}
_GLASSES = ("round", "rectangular", "aviator")
_HATS = ("cap", "beanie", "brim")


def head_index(head: HeadName) -> int:
    """Position of a head model in HEADS; part of the identity number."""
    if head not in HEADS:
        raise InputError(f"head {head!r} is not known, expected one of {', '.join(HEADS)}.")
    return HEADS.index(head)


def identity_number(seed: int, head: HeadName) -> int:
    """One number per person over all head models: seed + 100,000 * head index."""
    return seed + SEEDS_PER_HEAD * head_index(head)


def split_of(seed: int) -> Split:
    """The split that a person belongs to.

    Args:
        seed: 0..99,999 within a head model.

    Raises:
        InputError: outside that range.
    """
    for name, seeds in SPLITS.items():
        if seed in seeds:
            return name
    raise InputError(f"identity seed {seed} is in no split, expected 0 to {SEEDS_PER_HEAD - 1}.")


def sample_identity(seed: int, head: HeadName) -> Identity:
    """The person with this number; nothing but the two arguments matters.

    Args:
        seed: 0..99,999; decides the split, and with it which hair styles may occur.
        head: head model that carries the shape.
    """
    split = split_of(seed)
    rng = np.random.default_rng([_IDENTITY_STREAM, head_index(head), seed])
    masculinity = float(np.clip(rng.normal(), -2.5, 2.5))
    manly = masculinity + 0.35 * rng.normal() > 0
    age = float(rng.beta(1.6, 2.0))
    tone = float(rng.uniform())
    root_color = _weighted(rng, _by_tone(_HAIR_COLORS, tone))
    beard = _weighted(rng, _BEARDS) if manly else "none"
    lipstick = float(rng.uniform(0.3, 1.0)) if not manly and rng.uniform() < 0.5 else 0.0
    eye_shadow = float(rng.uniform(0.2, 0.8)) if not manly and rng.uniform() < 0.4 else 0.0
    freckled = max(0.0, float(rng.uniform()) - 0.65) * 3.0 * (1.0 - tone)
    hair = _sample_hair(rng, split, manly, age, tone, root_color, seed + SEEDS_PER_HEAD * head_index(head))
    return Identity(
        seed=seed,
        head=head,
        tone=tone,
        redness=float(rng.uniform(0.2, 1.0)),
        yellowness=float(rng.uniform(-1.0, 1.0)),
        lip=(float(rng.uniform()), float(rng.uniform()), float(rng.uniform())),
        lip_saturation=float(rng.uniform(0.3, 1.0)),
        freckles=freckled,
        moles=int(rng.poisson(1.2)),
        age=age,
        brow_thickness=float(rng.uniform(0.8, 1.3) + (0.2 if manly else -0.05)),
        brow_arch=float(rng.uniform(-0.3, 0.9)),
        brow_density=float(rng.uniform(0.6, 1.0)),
        brow_height=float(rng.uniform(-1.0, 1.0)),
        brow_color=root_color,
        beard=beard,
        beard_length=float(rng.uniform()),
        eye_color=_weighted(rng, _by_tone(_EYE_COLORS, tone)),
        iris_radius=float(rng.uniform(0.090, 0.102)),
        lid=float(rng.uniform(0.04, 0.24)),
        masculinity=masculinity,
        lipstick=lipstick,
        eye_shadow=eye_shadow,
        asymmetry=float(rng.uniform(0.0, 0.35)),
        hair=hair,
        shape=np.clip(rng.normal(size=get_head(head).n_shape), -2.3, 2.3).astype(np.float32),
    )


def sample_attributes(rng: np.random.Generator, split: Split, *, wide: bool = False) -> Attributes:
    """Pose, expression, gaze, light, background and accessories of one picture.

    Args:
        rng: moves on by this draw.
        split: test pictures also show backgrounds that training never does.
        wide: portrait pictures for detection: yaw to +-80, roll to +-40 degrees, zoom and shift too.
    """
    if wide:
        yaw = rng.uniform(-80, 80) if rng.uniform() < 0.4 else rng.normal(0, 25)
        roll = rng.uniform(-40, 40) if rng.uniform() < 0.4 else rng.normal(0, 10)
        limits, zoom = (80.0, 25.0, 40.0), float(np.exp(rng.uniform(np.log(0.7), np.log(1.5))))
        shift = (float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.1, 0.1)))
    else:
        yaw, roll = rng.normal(0, 22), rng.normal(0, 6)
        limits, zoom, shift = (50.0, 20.0, 12.0), 1.0, (0.0, 0.0)
    kinds: Sequence[str] = TRAIN_KINDS
    if split == "test" and rng.uniform() < TEST_ONLY_SHARE:
        kinds = TEST_ONLY_KINDS
    return Attributes(
        yaw_degrees=float(np.clip(yaw, -limits[0], limits[0])),
        pitch_degrees=float(np.clip(rng.normal(0, 9), -limits[1], limits[1])),
        roll_degrees=float(np.clip(roll, -limits[2], limits[2])),
        shift=shift,
        zoom=zoom,
        expression=_sample_expression(rng),
        gaze=(float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)), float(np.clip(rng.normal(0, 0.18), -0.5, 0.5))),
        light=_sample_light(rng),
        background=str(rng.choice(list(kinds))),
        background_seed=int(rng.integers(100_000)),
        glasses=str(rng.choice(_GLASSES)) if rng.uniform() < 0.10 else "none",
        frame_color=int(rng.integers(4)),
        hat=str(rng.choice(_HATS)) if rng.uniform() < 0.05 else "none",
        cloth=_triple(rng.uniform(0.03, 0.8, 3)),
        cloth_seed=int(rng.integers(100_000)),
        exposure=float(rng.uniform(0.85, 1.15)),
    )


def _sample_hair(
    rng: np.random.Generator, split: Split, manly: bool, age: float, tone: float, root_color: str, seed: int
) -> Hair:
    if split == "test" and rng.uniform() < TEST_ONLY_SHARE:
        style = str(rng.choice(list(TEST_ONLY_STYLES)))
    else:
        table = _SHORT if manly else _LONG
        allowed = [s for s in TRAIN_STYLES if manly or s not in _NEVER_LONG]
        if tone > 0.7 and rng.uniform() < 0.5:
            allowed = [s for s in allowed if s in _DENSE] or allowed
        style = _weighted(rng, {s: table.get(s, 0.06) for s in allowed})
    color = _weighted(rng, {"gray": 0.5, "white": 0.2, root_color: 0.3}) if age > 0.72 else root_color
    grey = float(np.clip((age - 0.5) * 0.9 * rng.uniform(0.5, 1.3), 0.0, 1.0)) if age > 0.55 else 0.0
    return Hair(
        style=style,
        color=color,
        length=float(rng.uniform()),
        volume=float(rng.uniform(0.5, 1.3)),
        curl=float(rng.uniform()),
        part=float(rng.uniform(-1.0, 1.0)),
        hairline=float(rng.uniform(-1.0, 1.0)),
        grey=grey,
        fade=float(rng.uniform(0.4, 1.0) if manly else rng.uniform(0.0, 0.3)),
        seed=seed,
    )


def _sample_expression(rng: np.random.Generator) -> dict[str, float]:
    weights: dict[str, float] = {}
    if rng.uniform() < 0.85:
        preset = EXPRESSIONS[str(rng.choice(sorted(EXPRESSIONS)))]
        strength = rng.uniform(0.3, 1.0)
        weights = {name: float(value * strength) for name, value in preset.items()}
    if rng.uniform() < 0.6:
        for _ in range(int(rng.integers(1, 4))):
            name = str(rng.choice(list(EXPRESSION_NAMES)))
            value = float(rng.uniform(0.0, 0.5))
            both_sides = rng.uniform() < 0.7
            for one in _with_twin(name) if both_sides else (name,):
                weights[one] = max(weights.get(one, 0.0), value)
    return weights


def _with_twin(name: str) -> tuple[str, ...]:
    """A left or right weight with its mirror image, if it has one."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side) and name.removesuffix(side) + other in EXPRESSION_NAMES:
            return name, name.removesuffix(side) + other
    return (name,)


def _sample_light(rng: np.random.Generator) -> Light:
    kind = _weighted(rng, {"front": 0.55, "side": 0.2, "top": 0.1, "back": 0.1, "below": 0.05})
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    direction = {
        "front": (rng.uniform(-0.9, 0.9), rng.uniform(-0.1, 0.9), rng.uniform(0.35, 1.0)),
        "side": (side, rng.uniform(-0.1, 0.6), rng.uniform(-0.1, 0.35)),
        "top": (rng.uniform(-0.4, 0.4), 1.0, rng.uniform(0.1, 0.6)),
        "back": (side * rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.6), rng.uniform(-1.0, -0.3)),
        "below": (rng.uniform(-0.5, 0.5), rng.uniform(-0.9, -0.4), rng.uniform(0.5, 1.0)),
    }[kind]
    strong_color = rng.uniform() < 0.12
    return Light(
        key_direction=_triple(np.array(direction) / np.linalg.norm(direction)),
        key_color=_hue(rng) if strong_color else _tint(rng, 0.3),
        key_intensity=float(rng.uniform(0.8, 2.3)),
        key_softness=float(rng.uniform(0.2, 1.0)),
        sky=_triple(rng.uniform(0.3, 0.7) * np.array(_tint(rng, 0.2))),
        ground=_triple(rng.uniform(0.15, 0.4) * np.array(_tint(rng, 0.25))),
        fill=float(rng.uniform(0.8, 1.15) if kind == "back" else rng.uniform(0.4, 1.0)),
        rim_direction=(-side * 0.8, 0.3, -0.5),
        rim_color=_hue(rng) if strong_color and rng.uniform() < 0.5 else _tint(rng, 0.4),
        rim_intensity=float(rng.uniform(0.0, 1.4)),
    )


def _tint(rng: np.random.Generator, strength: float) -> tuple[float, float, float]:
    """A warm or cold near-white."""
    warm = rng.uniform(-strength, strength) * np.array([1, 0, -1])
    return _triple(np.clip(1.0 + warm + rng.normal(0, 0.04, 3), 0.3, 1.3))


def _hue(rng: np.random.Generator) -> tuple[float, float, float]:
    """A clearly coloured light: one channel full, one weak, one between."""
    return _triple(rng.permutation(np.array([1.15, rng.uniform(0.45, 0.9), rng.uniform(0.3, 0.6)])))


def _triple(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _by_tone(table: Sequence[tuple[float, Mapping[str, float]]], tone: float) -> Mapping[str, float]:
    return next(weights for top, weights in table if tone <= top)


def _weighted(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    values = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=values / values.sum()))
