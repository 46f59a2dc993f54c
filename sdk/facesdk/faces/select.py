"""Which of the faces in a picture: rules, and which identity goes to which face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from facesdk.errors import InputError
from facesdk.types import F32, Face

Kind = Literal["largest", "all", "left", "right", "index", "like"]
Who = TypeVar("Who")
RULES = '"largest", "all", "left", "right", a number (0 is the leftmost face), or "like PICTURE"'
LIKENESS = 0.35
"""Cosine from which on two faces pass as one person; strangers are about 0."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Says which faces of a picture are meant.

    Attributes:
        kind: how it chooses.
        index: for "index": the face's number, counted from the left.
        reference: for "like": (512,) float32 embedding of unit length.
        threshold: for "like": lowest cosine that counts.
    """

    kind: Kind
    index: int = 0
    reference: F32 | None = None
    threshold: float = LIKENESS

    @classmethod
    def like(cls, reference: F32, threshold: float = LIKENESS) -> Rule:
        """The faces that look like a reference embedding."""
        return cls("like", reference=reference, threshold=threshold)

    def choose(self, faces: Sequence[Face]) -> list[int]:
        """Numbers of the faces that are meant.

        Args:
            faces: of one picture, from left to right; with embeddings for "like". Not empty.

        Raises:
            InputError: there is no such face.
        """
        if self.kind == "all":
            return list(range(len(faces)))
        if self.kind == "left":
            return [0]
        if self.kind == "right":
            return [len(faces) - 1]
        if self.kind == "largest":
            return [int(np.argmax([face.width_px * face.height_px for face in faces]))]
        if self.kind == "like":
            return self._alike(faces)
        if not 0 <= self.index < len(faces):
            count = "1 face was found (number 0)" if len(faces) == 1 else f"{len(faces)} faces were found"
            raise InputError(
                f"face {self.index} was asked for, but {count}.",
                "Faces are numbered from the left, from 0: facesdk analyze PICTURE --draw out.png shows the numbers.",
            )
        return [self.index]

    def _alike(self, faces: Sequence[Face]) -> list[int]:
        if self.reference is None:
            raise InputError('the rule "like" has no reference face.', "Make it with Rule.like(embedding).")
        reference = self.reference
        cosines = [-1.0 if face.embedding is None else float(face.embedding @ reference) for face in faces]
        best = int(np.argmax(cosines))
        if cosines[best] < self.threshold:
            raise InputError(
                f"none of the {len(faces)} faces looks like the reference "
                f"(best: face {best}, cosine {cosines[best]:.2f}; {self.threshold:.2f} needed).",
                "Choose the face by its number, counted from the left.",
            )
        return [best]


def parse_rule(value: str | int | Rule, embed: Callable[[str], F32] | None = None) -> Rule:
    """Reads a rule as a user writes it.

    Args:
        value: "largest", "all", "left", "right", a number, or "like REFERENCE".
        embed: turns the REFERENCE's text, for example a picture's path, into an embedding.

    Raises:
        InputError: no such rule.
    """
    if isinstance(value, Rule):
        return value
    text = str(value).strip()
    if text in ("largest", "all", "left", "right"):
        return Rule(text)  # type: ignore[arg-type]
    if text.isdecimal():
        return Rule("index", index=int(text))
    word, _, reference = text.partition(" ")
    if word == "like" and reference.strip() and embed is not None:
        return Rule.like(embed(reference.strip()))
    quoting = " On the command line in quotes." if word == "like" else ""
    raise InputError(f"faces={value!r} is no rule.", f"One of: {RULES}.{quoting}")


def assign(faces: Sequence[Face], pairs: Sequence[tuple[Who, Rule]]) -> list[tuple[int, Who]]:
    """Which identity goes to which face.

    Args:
        faces: of one picture, from left to right.
        pairs: identities with their rules.

    Returns:
        (number of the face, identity), in the order of the pairs.

    Raises:
        InputError: a rule finds no face, or a face is meant twice.
    """
    out: list[tuple[int, Who]] = []
    for who, rule in pairs:
        for number in rule.choose(faces):
            if any(number == taken for taken, _ in out):
                raise InputError(
                    f"face {number} was chosen for two identities.",
                    "Give every identity another face: ann.identity:0 bob.identity:1, counted from the left.",
                )
            out.append((number, who))
    return out
