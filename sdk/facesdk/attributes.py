"""What can be said about a generated face: named attributes, and the condition vector that they become."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np

from facesdk.errors import InputError, PackError
from facesdk.types import F32

Kind = Literal["scalar", "flag", "choice"]
Value = float | str | bool
KINDS: tuple[str, ...] = get_args(Kind)
YES = ("1", "1.0", "yes", "true", "on")
NO = ("0", "0.0", "no", "false", "off")


@dataclass(frozen=True)
class Attribute:
    """One thing that can be said.

    Attributes:
        name: a word, such as "smile".
        kind: "scalar": a number; "flag": yes or no; "choice": one word out of several.
        low, high: the range of a scalar; 0 and 1 for a flag; not used by a choice.
        choices: the words of a choice, else empty.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or self.kind not in KINDS:
            raise PackError(f"attribute {self.name!r}: kind {self.kind!r}, one of {', '.join(KINDS)} expected.")
        if (self.kind == "choice") != (len(self.choices) >= 2) or len(set(self.choices)) != len(self.choices):
            raise PackError(f"attribute {self.name!r}: a choice, and only a choice, has two or more different words.")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise PackError(f"attribute {self.name!r}: range {self.low} to {self.high}, a rising one expected.")

    @property
    def width(self) -> int:
        """How many slots its value takes in a condition vector."""
        return len(self.choices) or 1

    @property
    def allowed(self) -> str:
        """What it may be, for people: "smile 0..1", "glasses 0|1", "hair black|brown"."""
        if self.kind == "scalar":
            return f"{self.name} {self.low:g}..{self.high:g}"
        return f"{self.name} {'|'.join(self.choices) if self.kind == 'choice' else '0|1'}"

    def parse(self, value: Value) -> float | str:
        """Checks a value, or reads it from text.

        Args:
            value: a number, a bool for a flag, a word for a choice, or the text of one of them.

        Returns:
            A number for a scalar, 0.0 or 1.0 for a flag, a word for a choice.

        Raises:
            InputError: it is none, or out of range.
        """
        text = str(value).strip().lower()
        if self.kind == "choice":
            if text in self.choices:
                return text
        elif self.kind == "flag":
            if text in (*YES, *NO):
                return float(text in YES)
        elif not isinstance(value, bool):
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = math.nan
            if self.low <= number <= self.high:
                return number
        raise InputError(f"attribute {self.name}={value!r} cannot be.", f"It takes: {self.allowed}.")

    def slots(self, value: Value) -> list[float]:
        """Its value as slots of a condition vector: scaled to -1..1 (scalar), -1 or 1 (flag), one-hot (choice).

        Raises:
            InputError: see `parse`.
        """
        parsed = self.parse(value)
        if isinstance(parsed, str):
            return [float(word == parsed) for word in self.choices]
        return [2.0 * (parsed - self.low) / (self.high - self.low) - 1.0]


class Vocabulary:
    """An ordered set of attributes.

    A condition vector holds the value slots of every attribute in order, then one slot an attribute that is 1 where the
    attribute is known. Of an unknown one all slots are 0, so the zero vector says nothing.

    Args:
        attributes: in the order of the vector.

    Raises:
        PackError: there is none, or a name stands twice.
    """

    def __init__(self, attributes: Iterable[Attribute]) -> None:
        self.attributes = tuple(attributes)
        self._by_name = {attribute.name: attribute for attribute in self.attributes}
        if not self.attributes or len(self._by_name) != len(self.attributes):
            raise PackError("a vocabulary holds one or more attributes of different names.", "Export the pack again.")

    def __repr__(self) -> str:
        return f"Vocabulary({', '.join(attribute.allowed for attribute in self.attributes)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.attributes == other.attributes

    def __hash__(self) -> int:
        return hash(self.attributes)

    def __getitem__(self, name: str) -> Attribute:
        """An attribute by name.

        Raises:
            InputError: there is none; the text lists what exists.
        """
        if name not in self._by_name:
            raise InputError(
                f"no attribute {name!r}.", f"There are: {', '.join(each.allowed for each in self.attributes)}."
            )
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes' names, in order."""
        return tuple(self._by_name)

    @property
    def width(self) -> int:
        """Length of a condition vector."""
        return sum(attribute.width for attribute in self.attributes) + len(self.attributes)

    def value_slots(self, name: str) -> slice:
        """Where an attribute's value stands in a condition vector.

        Raises:
            InputError: there is no such attribute.
        """
        index = self.attributes.index(self[name])
        start = sum(attribute.width for attribute in self.attributes[:index])
        return slice(start, start + self.attributes[index].width)

    def known_slot(self, name: str) -> int:
        """Which slot of a condition vector says that an attribute is known.

        Raises:
            InputError: there is no such attribute.
        """
        return self.width - len(self.attributes) + self.attributes.index(self[name])

    def parse(self, values: Mapping[str, Value]) -> dict[str, float | str]:
        """Checks values by name, and reads those that are text; in the vocabulary's order.

        Raises:
            InputError: an attribute does not exist, or its value cannot be; the text lists what exists.
        """
        parsed = {name: self[name].parse(value) for name, value in values.items()}
        return {name: parsed[name] for name in self.names if name in parsed}

    def vector(self, values: Mapping[str, Value]) -> F32:
        """The condition vector that says `values` and nothing else.

        Args:
            values: by attribute name; what is not in it is unknown.

        Returns:
            (width,) float32.

        Raises:
            InputError: see `parse`.
        """
        out = np.zeros(self.width, np.float32)
        for name, value in self.parse(values).items():
            out[self.value_slots(name)] = self[name].slots(value)
            out[self.known_slot(name)] = 1.0
        return out

    def to_manifest(self) -> list[dict[str, Any]]:
        """As a pack's manifest holds it."""
        return [
            {"name": each.name, "kind": each.kind, "choices": list(each.choices)}
            if each.kind == "choice"
            else {"name": each.name, "kind": each.kind, "low": each.low, "high": each.high}
            for each in self.attributes
        ]

    @classmethod
    def from_manifest(cls, document: Any) -> Self:
        """Reads what `to_manifest` wrote.

        Raises:
            PackError: it is no such list.
        """
        try:
            return cls(
                Attribute(
                    str(entry["name"]),
                    entry["kind"],
                    float(entry.get("low", 0.0)),
                    float(entry.get("high", 1.0)),
                    tuple(str(word) for word in entry.get("choices", ())),
                )
                for entry in document
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise PackError(f"the list of attributes cannot be read ({error}).", "Export the pack again.") from error
