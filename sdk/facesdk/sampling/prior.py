"""What faces of the world look like: rows of attributes, one of which is drawn for a face that nobody described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from facesdk.attributes import Value, Vocabulary
from facesdk.errors import InputError, PackError
from facesdk.types import F32

UNKNOWN = "null"
NEAR = 0.3
"""Of a slot's range from -1 to 1: so near a value counts as the same."""
LEAST_NEAR = 8
"""Rows with the asked value from which on they say what goes with it."""


class AttributePrior:
    """A table of attributes that occur together. A network that was trained with conditions fits a face of some
    description better than the mean of all of them, and a beard that is drawn comes with a face that wears one.

    Args:
        vocabulary: of the columns.
        rows: attributes by name; what a row leaves out is unknown.

    Raises:
        InputError: a value cannot be.
        PackError: there is no row.
    """

    def __init__(self, vocabulary: Vocabulary, rows: Sequence[Mapping[str, Value]]) -> None:
        if not rows:
            raise PackError("the prior of the attributes has no row.", "Export the pack again.")
        self.vocabulary = vocabulary
        self._rows = [vocabulary.parse(row) for row in rows]
        self._vectors: F32 = np.stack([vocabulary.vector(row) for row in self._rows])
        self._vectors.flags.writeable = False
        widths = [attribute.width for attribute in vocabulary.attributes]
        self._owner = np.repeat(np.arange(len(widths)), widths)  # slot -> attribute
        self._slots_of = self._owner[:, None] == np.arange(len(widths))

    def __len__(self) -> int:
        return len(self._rows)

    def beside(self, asked: Mapping[str, Value]) -> F32:
        """All rows as what stands beside a wish.

        What was asked is left to the wish. A drawn value is forgotten where no row with an asked value has one like it,
        such as a hat over hair that is asked to be seen; of a value with few rows nothing is concluded.

        Args:
            asked: attributes by name.

        Returns:
            (R, C) float32 condition vectors.

        Raises:
            InputError: an attribute or value does not exist.
        """
        if not asked:
            return self._vectors
        count = len(self._owner)
        values, known = self._vectors[:, :count], self._vectors[:, count:] > 0
        shown = known[:, self._owner]
        forgotten = np.zeros_like(known)
        for name, value in self.vocabulary.parse(asked).items():
            slots, column = self.vocabulary.value_slots(name), self.vocabulary.names.index(name)
            wish = np.asarray(self.vocabulary[name].slots(value))
            near = known[:, column] & (np.abs(values[:, slots] - wish) <= NEAR).all(1)
            if near.sum() >= LEAST_NEAR:
                low = np.where(shown[near], values[near], np.inf).min(0) - NEAR
                high = np.where(shown[near], values[near], -np.inf).max(0) + NEAR
                forgotten |= ((values < low) | (values > high)) @ self._slots_of
            forgotten[:, column] = True
        kept = known & ~forgotten
        return np.concatenate([values * kept[:, self._owner], kept], 1).astype(np.float32)

    def row(self, share: float) -> int:
        """Which row a number from 0 to below 1 draws."""
        return int(share * len(self))

    def to_manifest(self) -> list[str]:
        """As a pack's manifest holds it: a text a row, in the vocabulary's order, two decimals, "null" = unknown."""
        return [
            ",".join(_text(row[name]) if name in row else UNKNOWN for name in self.vocabulary.names)
            for row in self._rows
        ]

    @classmethod
    def from_manifest(cls, vocabulary: Vocabulary, document: Any) -> Self:
        """Reads what `to_manifest` wrote.

        Raises:
            PackError: it is no such list.
        """
        try:
            rows = [dict(zip(vocabulary.names, text.split(","), strict=True)) for text in document]
            return cls(vocabulary, [{name: text for name, text in row.items() if text != UNKNOWN} for row in rows])
        except (TypeError, ValueError, AttributeError, InputError) as error:
            raise PackError(
                f"the prior of the attributes cannot be read ({error}).", "Export the pack again."
            ) from error


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{round(value, 2):g}"
