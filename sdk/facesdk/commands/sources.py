"""Reads the SOURCE arguments of `facesdk swap`: identities and pictures, each with the face that it goes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import InputError
from facesdk.identity import EXTENSION, Identity

RULES = ("largest", "all", "left", "right")


@dataclass(frozen=True)
class Source:
    """One SOURCE argument.

    Attributes:
        path: the file.
        rule: which face it goes to, or None if the argument does not say.
    """

    path: str
    rule: str | None

    @property
    def is_identity(self) -> bool:
        """Whether it is an enrolled identity, and no picture."""
        return self.path.endswith(EXTENSION)


def parse_source(text: str) -> Source:
    """Splits "ann.identity:0" into file and rule; a file of that very name goes first."""
    path, colon, rule = text.rpartition(":")
    if colon and path and (rule.isdecimal() or rule in RULES) and not Path(text).exists():
        return Source(path, rule)
    return Source(text, None)


def read_sources(
    sources: Sequence[Source], faces: str | None, enrol: Callable[[list[str]], Identity]
) -> list[tuple[Identity, str]]:
    """Loads or enrols the sources.

    Pictures without a rule show one person and are enrolled together.

    Args:
        sources: the SOURCE arguments.
        faces: what --faces says, or None.
        enrol: makes an identity of pictures.

    Returns:
        Each identity with its rule.

    Raises:
        InputError: it is not clear which source goes to which face.
    """
    bound = [source for source in sources if source.rule is not None]
    if bound and (len(bound) < len(sources) or faces is not None):
        raise InputError(
            "some sources say which face they go to, and others do not.",
            "Write it behind each one and leave --faces out: ann.identity:0 bob.identity:1",
        )
    if bound:
        return [
            (Identity.load(source.path) if source.is_identity else enrol([source.path]), str(source.rule))
            for source in sources
        ]
    if all(not source.is_identity for source in sources):
        return [(enrol([source.path for source in sources]), faces or "largest")]
    if len(sources) == 1:
        return [(Identity.load(sources[0].path), faces or "largest")]
    raise InputError(
        f"{len(sources)} sources were given, and not which face each one goes to.",
        "Write the face's number (from the left, from 0) behind each one: ann.identity:0 bob.identity:1",
    )
