"""A sentence that describes a picture, from its exact parameters and the pixels of each part."""

from __future__ import annotations

from typing import Literal

import numpy as np

from train.data.face_world.types import U8, Attributes, Identity, Part

TONE_WORDS = ("very light", "light", "medium", "dark", "very dark")
Side = Literal["left", "right"]

_MIN_SHARE = 0.0005  # of the picture: a part smaller than this is not said to be visible


def visible_parts(parts: U8) -> frozenset[Part]:
    """The parts that cover enough pixels to be seen.

    Args:
        parts: (H, W) uint8 of Part.
    """
    counts = np.bincount(parts.ravel(), minlength=len(Part))
    least = max(2.0, _MIN_SHARE * parts.size)
    return frozenset(part for part in Part if counts[part] >= least)


def tone_word(identity: Identity) -> str:
    """Skin tone in five steps."""
    return TONE_WORDS[min(int(identity.tone * 5), 4)]


def age_word(identity: Identity) -> str:
    """Apparent age in three steps: young, middle-aged, older."""
    return "young" if identity.age < 0.34 else "middle-aged" if identity.age < 0.67 else "older"


def hair_words(identity: Identity) -> str:
    """Colour and style, such as "blond long wavy hair"."""
    style, color = identity.hair.style, identity.hair.color
    if style == "bald":
        return "a bald head"
    if style == "receding":
        return f"receding {color} hair"
    return f"{color} {style} hair" if "hair" not in style else f"{color} {style}"


def turn_word(attributes: Attributes) -> Side | None:
    """The side of the picture that the nose points to, or None for a head seen from the front."""
    if abs(attributes.yaw_degrees) < 12:
        return None
    return "right" if attributes.yaw_degrees > 0 else "left"


def light_side(attributes: Attributes) -> str | None:
    """Where the key light comes from: left, right, above, below, behind, or None for the front."""
    x, y, z = np.asarray(attributes.light.key_direction) / np.linalg.norm(attributes.light.key_direction)
    if z < -0.2:
        return "behind"
    if abs(x) > 0.6:
        return "right" if x > 0 else "left"
    if y > 0.7:
        return "above"
    return "below" if y < -0.4 else None


def light_warmth(attributes: Attributes) -> str | None:
    """Warm, cold, or None for a neutral key light."""
    red, _, blue = attributes.light.key_color
    if red - blue > 0.25:
        return "warm"
    return "cold" if blue - red > 0.25 else None


def worn_words(attributes: Attributes, seen: frozenset[Part]) -> list[str]:
    """Clothes and earrings, which only the rich world tells apart."""
    extras = attributes.extras
    if extras is None:
        return []
    words = [f"a {garment_word(extras.garment)}"] if Part.CLOTH in seen else []
    return words + (["earrings"] if extras.earring != "none" and Part.OCCLUDER in seen else [])


def garment_word(garment: str) -> str:
    """What a garment is called."""
    return {"crew": "sweatshirt", "tee": "t-shirt", "v-neck": "v-neck shirt", "collared": "collared shirt"}.get(
        garment, garment
    )


def mouth_words(attributes: Attributes, seen: frozenset[Part]) -> list[str]:
    """What the mouth does."""
    weights = attributes.expression
    words = []
    if (weights.get("mouthSmileLeft", 0.0) + weights.get("mouthSmileRight", 0.0)) / 2 > 0.35:
        words.append("smiling")
    if (weights.get("mouthFrownLeft", 0.0) + weights.get("mouthFrownRight", 0.0)) / 2 > 0.35:
        words.append("with the mouth corners down")
    if weights.get("jawOpen", 0.0) > 0.3:
        words.append("with an open mouth")
    if Part.TEETH in seen:
        words.append("with visible teeth")
    if weights.get("mouthPucker", 0.0) > 0.4:
        words.append("with puckered lips")
    return words


def eye_words(attributes: Attributes) -> list[str]:
    """What eyes and brows do."""
    weights = attributes.expression
    left, right = weights.get("eyeBlinkLeft", 0.0), weights.get("eyeBlinkRight", 0.0)
    words = []
    if min(left, right) > 0.8:
        words.append("with closed eyes")
    elif max(left, right) > 0.8 and min(left, right) < 0.3:
        words.append("winking")
    elif max(left, right) < 0.5:
        x, y = attributes.gaze
        if abs(x) > 0.35 or abs(y) > 0.3:
            sideways = abs(x) / 0.35 >= abs(y) / 0.3
            words.append(f"eyes turned {('right' if x > 0 else 'left') if sideways else ('up' if y > 0 else 'down')}")
    raised = max(weights.get("browInnerUp", 0.0), weights.get("browOuterUpLeft", 0.0))
    if raised > 0.5:
        words.append("with raised brows")
    if (weights.get("browDownLeft", 0.0) + weights.get("browDownRight", 0.0)) / 2 > 0.5:
        words.append("with lowered brows")
    return words


def caption(identity: Identity, attributes: Attributes, parts: U8) -> str:
    """One sentence; says nothing of gender or origin, and of age only what is apparent.

    Args:
        identity: the person, with the hair that the picture shows.
        attributes: the picture's setting.
        parts: (H, W) uint8 of Part; what hides behind something else is not mentioned.

    Returns:
        English text, left and right as seen in the picture.
    """
    seen = visible_parts(parts)
    looks = [f"{tone_word(identity)} skin"]
    if Part.HAIR in seen or identity.hair.style == "bald" and attributes.hat == "none":
        looks.append(hair_words(identity))
    if Part.IRIS in seen:
        looks.append(f"{identity.eye_color} eyes")
    if identity.beard != "none":
        looks.append(identity.beard if identity.beard == "stubble" else f"a {identity.beard}")
    if identity.freckles > 0.35:
        looks.append("freckles")
    if identity.lipstick > 0.4:
        looks.append("lipstick")
    text = f"An apparently {age_word(identity)} person with {_join(looks)}"
    worn = []
    if Part.GLASSES in seen:
        worn.append(f"{attributes.glasses} glasses")
    if Part.HAT in seen:
        worn.append(f"a {'brimmed hat' if attributes.hat == 'brim' else attributes.hat}")
    worn += worn_words(attributes, seen)
    doing = [f"wearing {_join(worn)}"] if worn else []
    doing += mouth_words(attributes, seen) + eye_words(attributes)
    turn = turn_word(attributes)
    if turn:
        doing.append(f"{'strongly ' if abs(attributes.yaw_degrees) > 45 else ''}turned to the {turn}")
    if abs(attributes.pitch_degrees) > 9:
        doing.append(f"head {'lowered' if attributes.pitch_degrees > 0 else 'raised'}")
    if abs(attributes.roll_degrees) > 9:
        doing.append(f"head tilted to the {'left' if attributes.roll_degrees > 0 else 'right'}")
    side, warmth = light_side(attributes), light_warmth(attributes)
    if side or warmth:
        doing.append(f"lit {f'by {warmth} light ' if warmth else ''}{_from(side) if side else ''}".rstrip())
    if Part.BACKGROUND in seen:
        doing.append(f"in front of a {attributes.background} background")
    return ", ".join([text, *doing]) + "."


def _from(side: str) -> str:
    return f"from the {side}" if side in ("left", "right") else f"from {side}"


def _join(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
