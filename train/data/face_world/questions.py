"""Questions about a picture, or about two, whose answers follow from the exact parameters and part pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from train.data.face_world.caption import (
    age_word,
    eye_words,
    garment_word,
    light_side,
    light_warmth,
    mouth_words,
    tone_word,
    turn_word,
    visible_parts,
)
from train.data.face_world.types import U8, Attributes, Identity, Part

# From dark to light; grey and white hair are left out of the comparison.
_HAIR_LIGHTNESS = ("black", "dark brown", "brown", "light brown", "blond", "platinum")


class Question(NamedTuple):
    """A question and its one right answer, lower case."""

    text: str
    answer: str


def questions(identity: Identity, attributes: Attributes, parts: U8) -> list[Question]:
    """Every question about one picture that has a clear answer; a borderline value is not asked about.

    Args:
        identity: the person, with the hair that the picture shows.
        attributes: the picture's setting.
        parts: (H, W) uint8 of Part.

    Returns:
        In a fixed order; left and right as seen in the picture.
    """
    seen = visible_parts(parts)
    found = [*_about_person(identity, seen), *_about_setting(attributes, seen), *_about_face(attributes, seen)]
    if Part.HAIR in seen:
        covered = {part: int((parts == part).sum()) for part in (Part.HAIR, Part.SKIN)}
        more, less = max(covered.values()), min(covered.values())
        if more > 1.3 * less:
            larger = max(covered, key=lambda part: covered[part])
            found.append(Question("Which covers more of the picture, hair or face skin?", _part_word(larger)))
    return found


def compare(first: tuple[Identity, Attributes], second: tuple[Identity, Attributes]) -> list[Question]:
    """Questions about two pictures shown side by side."""
    (a, at_a), (b, at_b) = first, second
    same = (a.seed, a.head) == (b.seed, b.head)
    found = [Question("Do both pictures show the same person?", _yes(same))]
    haired = "bald" not in (a.hair.style, b.hair.style)
    if haired and a.hair.color in _HAIR_LIGHTNESS and b.hair.color in _HAIR_LIGHTNESS:
        lightness = _HAIR_LIGHTNESS.index(a.hair.color) - _HAIR_LIGHTNESS.index(b.hair.color)
        if lightness:
            found.append(Question("Who has the darker hair?", "first" if lightness < 0 else "second"))
    if abs(a.tone - b.tone) > 0.15:
        found.append(Question("Who has the darker skin?", "first" if a.tone > b.tone else "second"))
    if abs(a.age - b.age) > 0.25:
        found.append(Question("Who looks older?", "first" if a.age > b.age else "second"))
    turned = abs(at_a.yaw_degrees) - abs(at_b.yaw_degrees)
    if abs(turned) > 15:
        found.append(Question("Which face is turned further to the side?", "first" if turned > 0 else "second"))
    wearing = sum(at.glasses != "none" for at in (at_a, at_b))
    found.append(Question("How many of the two wear glasses?", str(wearing)))
    return found


def pick(rng: np.random.Generator, found: Sequence[Question], count: int) -> list[Question]:
    """Some of the questions, none twice.

    Args:
        rng: moves on by this draw.
        found: what to choose from.
        count: at most this many.
    """
    order = rng.permutation(len(found))[:count]
    return [found[i] for i in order]


def _about_person(identity: Identity, seen: frozenset[Part]) -> list[Question]:
    style = identity.hair.style
    found = [
        Question("What is the skin tone?", tone_word(identity)),
        Question("What is the apparent age?", age_word(identity)),
        Question("Does the person have a beard or mustache?", _yes(identity.beard not in ("none", "stubble"))),
    ]
    if Part.HAT not in seen:
        found.append(Question("Is the person bald?", _yes(style == "bald")))
    if Part.HAIR in seen and style != "bald":
        found.append(Question("What colour is the hair?", identity.hair.color))
        found.append(Question("What is the hair style?", style))
    if Part.IRIS in seen:
        found.append(Question("What colour are the eyes?", identity.eye_color))
    if identity.beard not in ("none", "stubble"):
        found.append(Question("What kind of beard is it?", identity.beard))
    if identity.freckles == 0.0 or identity.freckles > 0.35:
        found.append(Question("Does the person have freckles?", _yes(identity.freckles > 0)))
    return found


def _about_setting(attributes: Attributes, seen: frozenset[Part]) -> list[Question]:
    found = [
        Question("Does the person wear glasses?", _yes(Part.GLASSES in seen)),
        Question("Does the person wear a hat?", _yes(Part.HAT in seen)),
    ]
    if Part.GLASSES in seen:
        found.append(Question("What shape are the glasses?", attributes.glasses))
    if Part.HAT in seen:
        found.append(Question("What kind of hat is it?", attributes.hat))
    if attributes.extras is not None and Part.CLOTH in seen:
        found.append(Question("What does the person wear on the upper body?", garment_word(attributes.extras.garment)))
    side, warmth = light_side(attributes), light_warmth(attributes)
    if side:
        found.append(Question("Where does the main light come from?", side))
    if warmth:
        found.append(Question("Is the light warm or cold?", warmth))
    if Part.BACKGROUND in seen:
        found.append(Question("What is the background?", attributes.background))
    return found


def _about_face(attributes: Attributes, seen: frozenset[Part]) -> list[Question]:
    weights = attributes.expression
    mouth, eyes = mouth_words(attributes, seen), eye_words(attributes)
    found = []
    smile = (weights.get("mouthSmileLeft", 0.0) + weights.get("mouthSmileRight", 0.0)) / 2
    if smile > 0.35 or smile < 0.1:
        found.append(Question("Is the person smiling?", _yes("smiling" in mouth)))
    jaw = weights.get("jawOpen", 0.0)
    if jaw > 0.3 or jaw < 0.05:
        found.append(Question("Is the mouth open?", _yes(jaw > 0.3)))
    found.append(Question("Are teeth visible?", _yes(Part.TEETH in seen)))
    blink = max(weights.get("eyeBlinkLeft", 0.0), weights.get("eyeBlinkRight", 0.0))
    if blink < 0.3 or "with closed eyes" in eyes:
        found.append(Question("Are both eyes closed?", _yes(blink >= 0.3)))
    if "winking" in eyes:
        found.append(Question("Is the person winking?", "yes"))
    turn = turn_word(attributes)
    if abs(attributes.yaw_degrees) < 6:
        found.append(Question("Which way is the head turned?", "to the camera"))
    elif turn:
        found.append(Question("Which way is the head turned?", turn))
    if abs(attributes.pitch_degrees) > 9:
        found.append(Question("Does the head look up or down?", "down" if attributes.pitch_degrees > 0 else "up"))
    found.append(Question("Is an ear visible?", _yes(Part.EAR in seen)))
    return found


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _part_word(part: Part) -> str:
    return "hair" if part is Part.HAIR else "face skin"
