"""The generator's vocabulary: what can be said of a face, and what the face world's exact parameters say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from facesdk.attributes import Attribute, Vocabulary
from facesdk.errors import InputError
from train.data.face_world.sample import HEADS, SEEDS_PER_HEAD, sample_identity
from train.data.face_world.types import Hair, Part
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, BEARDS, IDENTITY_FIELDS

F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

HAIR_CHOICES = ("black", "brown", "blond", "red", "gray", "bald")
# The order is the order of the condition vector, which a pack's manifest repeats.
VOCABULARY = Vocabulary(
    (
        Attribute("smile", "scalar"),
        Attribute("mouth_open", "scalar"),
        Attribute("age", "scalar"),
        Attribute("masculine", "scalar"),
        Attribute("skin_tone", "scalar"),
        Attribute("glasses", "flag"),
        Attribute("hat", "flag"),
        Attribute("beard", "flag"),
        Attribute("hair", "choice", choices=HAIR_CHOICES),
        Attribute("yaw", "scalar", -45.0, 45.0),
        Attribute("pitch", "scalar", -20.0, 20.0),
    )
)
INDEX: dict[str, int] = {name: i for i, name in enumerate(VOCABULARY.names)}
# Pitch is too narrow a range to be judged by eye; it is a condition, not a figure.
SCORED: tuple[str, ...] = tuple(name for name in VOCABULARY.names if name != "pitch")

_COLOR_WORDS = {
    "black": "black", "dark brown": "brown", "brown": "brown", "light brown": "brown", "blond": "blond",
    "platinum": "blond", "red": "red", "gray": "gray", "white": "gray",
}  # fmt: skip
_GREY_FROM = 0.5  # share of grey strands from which hair of any colour looks gray
_LEAST_SHARE = {Part.GLASSES: 0.003, Part.HAT: 0.01, Part.HAIR: 0.015}  # of the crop: about what is still noticed
_SHARDS_NEED = ("parts", "donor", "pose", "identity_vector", "attribute_vector")


@dataclass(frozen=True)
class AttributeTable:
    """What is known of N pictures.

    Attributes:
        values: (N, A) float32 in the vocabulary's order: scalars in their own units, flags 0 or 1, a choice's index.
        known: (N, A) bool; False where a picture does not show it, or where neither yes nor no would be fair.
    """

    values: F32
    known: Bool

    def __len__(self) -> int:
        return len(self.values)

    def mirrored(self) -> AttributeTable:
        """Of the same pictures, left and right exchanged."""
        values = self.values.copy()
        values[:, INDEX["yaw"]] *= -1
        return AttributeTable(values, self.known)

    def rows(self, rows: NDArray[np.int64]) -> AttributeTable:
        """Of some of the pictures."""
        return AttributeTable(self.values[rows], self.known[rows])

    def by_name(self) -> list[dict[str, float | str]]:
        """What is known of each picture, as `Vocabulary.vector` takes it."""
        return [
            {
                each.name: each.choices[int(value)] if each.kind == "choice" else float(value)
                for each, value, known in zip(VOCABULARY.attributes, values, shown)
                if known
            }
            for values, shown in zip(self.values, self.known)
        ]


@cache
def _hair_of(number: int) -> Hair:
    head, seed = divmod(number, SEEDS_PER_HEAD)
    return sample_identity(seed, HEADS[head]).hair


def hair_word(hair: Hair) -> str:
    """What a scalp shows, as a word of HAIR_CHOICES."""
    if hair.style == "bald":
        return "bald"
    if hair.grey > _GREY_FROM:
        return "gray"
    if hair.color not in _COLOR_WORDS:
        raise InputError(f"hair colour {hair.color!r} has no word in the vocabulary, which has {sorted(_COLOR_WORDS)}.")
    return _COLOR_WORDS[hair.color]


def shard_attributes(arrays: Mapping[str, NDArray[Any]]) -> AttributeTable:
    """Reads the attributes of swap shards off their exact parameters.

    Hair is the donor's, for an exact swap keeps it; all else of the person is the identity's own. Masculinity, a normal
    axis, becomes its cumulative probability, so that 0 to 1 is used evenly. Stubble is neither a beard nor none, and
    hair that a hat hides has no colour: both stay unknown.

    Args:
        arrays: parts, donor, pose, identity_vector and attribute_vector of `load_shards(dir, "swap", split)`.

    Raises:
        InputError: an array is missing, or the donors' head model is not here.
    """
    missing = [name for name in _SHARDS_NEED if name not in arrays]
    if missing:
        raise InputError(f"attributes: arrays {missing} are missing, {', '.join(_SHARDS_NEED)} expected.")
    person, setting = arrays["identity_vector"], arrays["attribute_vector"]

    def of_person(field: str) -> NDArray[Any]:
        return np.asarray(person[:, IDENTITY_FIELDS.index(field)])

    def of_setting(field: str) -> NDArray[Any]:
        return np.asarray(setting[:, ATTRIBUTE_FIELDS.index(field)])

    shown = {part: _share(arrays["parts"], part) >= least for part, least in _LEAST_SHARE.items()}
    words = np.array([hair_word(_hair_of(int(number))) for number in arrays["donor"]])
    beard = np.array(BEARDS)[person[:, [IDENTITY_FIELDS.index(f"beard={name}") for name in BEARDS]].argmax(1)]
    columns = {
        "smile": (of_setting("expression_mouthSmileLeft") + of_setting("expression_mouthSmileRight")) / 2,
        "mouth_open": of_setting("expression_jawOpen"),
        "age": (of_person("age") + 1.8) / 4,
        "masculine": ndtr(of_person("masculinity")),
        "skin_tone": (of_person("tone") + 2) / 4,
        "glasses": shown[Part.GLASSES],
        "hat": shown[Part.HAT],
        "beard": ~np.isin(beard, ("none", "stubble")),
        "hair": np.array([HAIR_CHOICES.index(word) for word in words]),
        "yaw": arrays["pose"][:, 0],
        "pitch": arrays["pose"][:, 1],
    }
    low = np.array([a.low if a.kind != "choice" else 0 for a in VOCABULARY.attributes])
    high = np.array([a.high if a.kind != "choice" else a.width - 1 for a in VOCABULARY.attributes])
    values = np.clip(np.stack([columns[name] for name in VOCABULARY.names], 1), low, high).astype(np.float32)
    known = np.ones(values.shape, bool)
    known[:, INDEX["beard"]] = beard != "stubble"
    known[:, INDEX["hair"]] = np.where(words == "bald", ~shown[Part.HAT], shown[Part.HAIR])
    return AttributeTable(values, known)


def value_slots(values: F32) -> F32:
    """Values as the condition vector holds them: scalars scaled to -1..1, flags -1 or 1, choices one-hot.

    Args:
        values: (N, A) of an AttributeTable.

    Returns:
        (N, V) float32, V = width of the vocabulary less one slot an attribute.
    """
    columns: list[NDArray[Any]] = []
    for attribute, column in zip(VOCABULARY.attributes, values.T):
        if attribute.kind == "choice":
            columns.append(np.arange(attribute.width) == column[:, None])
        else:
            columns.append((2 * (column - attribute.low) / (attribute.high - attribute.low) - 1)[:, None])
    return np.concatenate(columns, 1).astype(np.float32)


def condition_vectors(table: AttributeTable) -> F32:
    """What is known of the pictures, as the velocity net reads it.

    Returns:
        (N, C) float32: value slots, 0 where unknown, then one slot an attribute that is 1 where it is known.
    """
    widths = [attribute.width for attribute in VOCABULARY.attributes]
    known = np.repeat(table.known, widths, axis=1)
    return np.concatenate([value_slots(table.values) * known, table.known], 1).astype(np.float32)


def drop_attributes(known: Bool, rng: np.random.Generator) -> Bool:
    """Forgets attributes at random, for classifier-free guidance and for conditions that name only a few of them.

    Each row draws its own rate of forgetting from 0 to 1, so a row that says one thing is as frequent as one that says
    eight: with one fixed rate a single named attribute, which is what people ask for, would hardly ever be seen.

    Args:
        known: (N, A) bool.
        rng: moves on by this draw.

    Returns:
        (N, A) bool, True only where `known` is.
    """
    return known & (rng.random(known.shape) >= rng.random((len(known), 1)))


def _share(parts: NDArray[np.uint8], part: Part) -> NDArray[np.float64]:
    # Row by row: a comparison of the whole array would take as much memory as the array again.
    return np.array([np.count_nonzero(one == part) for one in parts]) / (parts.shape[1] * parts.shape[2])
