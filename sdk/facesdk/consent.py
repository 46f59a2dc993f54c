"""The statement that a person agreed to have their face used, which every identity carries."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, Self, get_args

from facesdk.errors import ConsentError

Basis = Literal["self", "given", "synthetic"]
BASES: tuple[str, ...] = get_args(Basis)
USES = ("still", "film", "live")
EVERY_USE = ",".join(USES)
HOW = (
    "Say on what basis: Consent.self_() for your own face, Consent.given(who) for a person who agreed, "
    "Consent.synthetic() for a face that is nobody's. On the command line: --consent self|given|synthetic"
)


@dataclass(frozen=True)
class Consent:
    """Who agreed to what. Made by `self_`, `given` or `synthetic`.

    Attributes:
        basis: "self": my own face; "given": the person agreed; "synthetic": no such person exists.
        statement: the agreement in one sentence.
        scope: the uses that it covers, out of "still", "film", "live", with commas between.
        created: when it was stated, ISO 8601, UTC.
    """

    basis: Basis
    statement: str
    scope: str = EVERY_USE
    created: str = ""

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise ConsentError(f"consent basis {self.basis!r}: one of {', '.join(BASES)} expected.", HOW)
        if not self.statement.strip():
            raise ConsentError("the consent has no statement.", HOW)
        uses = [use.strip() for use in self.scope.split(",")]
        unknown = [use for use in uses if use not in USES]
        if unknown:
            raise ConsentError(
                f"consent scope {self.scope!r}: {', '.join(USES)} are the uses, with commas between.", HOW
            )
        object.__setattr__(self, "scope", ",".join(use for use in USES if use in uses))
        object.__setattr__(self, "created", self.created or datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def self_(cls, scope: str = EVERY_USE) -> Self:
        """The pictures show me."""
        return cls("self", "The pictures show me, and I agree to the use of my face.", scope)

    @classmethod
    def given(cls, who: str, scope: str = EVERY_USE) -> Self:
        """The pictures show another person, who agreed.

        Args:
            who: who agreed, and how, for example "Ann Lee, by e-mail on 3 May 2026".
            scope: the uses that the person agreed to.

        Raises:
            ConsentError: who is empty.
        """
        if not who.strip():
            raise ConsentError(
                "Consent.given needs to say who agreed.", 'Example: Consent.given("Ann Lee, by e-mail on 3 May 2026")'
            )
        return cls("given", f"The pictures show a person who agreed: {who.strip()}.", scope)

    @classmethod
    def synthetic(cls, scope: str = EVERY_USE) -> Self:
        """The pictures were generated and show nobody."""
        return cls("synthetic", "The face was generated; no such person exists.", scope)

    def require(self, use: str) -> None:
        """Checks that a use is covered.

        Raises:
            ConsentError: it is not.
        """
        if use not in self.scope.split(","):
            raise ConsentError(
                f"the identity's consent covers {self.scope}, and not {use!r}.",
                f"Ask the person, and enrol again with a scope that names it, such as {self.scope},{use}.",
            )

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ConsentError: it is no consent statement.
        """
        try:
            document = json.loads(text)
            fields = {name: str(document[name]) for name in ("basis", "statement", "scope", "created")}
        except (ValueError, TypeError, KeyError) as error:
            raise ConsentError("the consent statement cannot be read.", HOW) from error
        return cls(**fields)  # type: ignore[arg-type]
