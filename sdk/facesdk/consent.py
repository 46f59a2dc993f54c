"""The statement that a person agreed to have their face used, which every identity carries."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Literal, Self, get_args

from facesdk.errors import ConsentError

Basis = Literal["self", "given", "synthetic"]
BASES: tuple[str, ...] = get_args(Basis)
LEVELS = {"synthetic": "synthetic", "self": "self", "given": "attested"}
"""What stands behind a basis: nobody to ask; the user's own word; the user's word for another person's."""
MATCHES = ("camera", "film")
"""What pictures can have been compared with. A film proves nothing of who sat there; it is for tests."""
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
        expires: the last day that it covers, as 2027-01-31, counted in UTC; "" for no end.
        matched: of "self": what the pictures were compared with, when, and how alike they are, such as
            "camera 2026-11-21 cosine 0.83 turned left, right"; "" if it is the user's word only.
    """

    basis: Basis
    statement: str
    scope: str = EVERY_USE
    created: str = ""
    expires: str = ""
    matched: str = ""

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
        if self.expires:
            object.__setattr__(self, "expires", _last_day(self.expires).isoformat())
        if self.matched and (self.basis != "self" or self.matched.partition(" ")[0] not in MATCHES):
            raise ConsentError(
                f"consent matched {self.matched!r} with basis {self.basis!r}: only one's own face is matched, "
                f"to a {' or a '.join(MATCHES)}.",
                "Enrol again: facesdk enroll PICTURE... --webcam -o me.identity",
            )
        object.__setattr__(self, "created", self.created or datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def level(self) -> str:
        """ "synthetic", "self" or "attested"."""
        return LEVELS[self.basis]

    @property
    def standing(self) -> str:
        """The basis, and what it was checked against: "self" or "self, matched to a camera", for example."""
        kind = self.matched.partition(" ")[0]
        return f"{self.basis}, matched to a {kind}" if kind else self.basis

    @classmethod
    def self_(cls, scope: str = EVERY_USE, expires: str = "") -> Self:
        """The pictures show me."""
        return cls("self", "The pictures show me, and I agree to the use of my face.", scope, expires=expires)

    @classmethod
    def given(cls, who: str, scope: str = EVERY_USE, expires: str = "") -> Self:
        """The pictures show another person, who agreed.

        Args:
            who: who agreed, and how, for example "Ann Lee, by e-mail on 3 May 2026".
            scope: the uses that the person agreed to.
            expires: the last day that they agreed to, as 2027-01-31; "" for no end.

        Raises:
            ConsentError: who is empty, or a scope or a day that is none.
        """
        if not who.strip():
            raise ConsentError(
                "Consent.given needs to say who agreed.", 'Example: Consent.given("Ann Lee, by e-mail on 3 May 2026")'
            )
        return cls("given", f"The pictures show a person who agreed: {who.strip()}.", scope, expires=expires)

    @classmethod
    def synthetic(cls, scope: str = EVERY_USE) -> Self:
        """The pictures were generated and show nobody."""
        return cls("synthetic", "The face was generated; no such person exists.", scope)

    def is_expired(self, today: date | None = None) -> bool:
        """Whether its last day is over.

        Args:
            today: by default the day that it is now, in UTC.
        """
        return bool(self.expires) and (today or datetime.now(UTC).date()) > date.fromisoformat(self.expires)

    def require(self, use: str, today: date | None = None) -> None:
        """Checks that a use is covered, now. Every way to a swap comes through here.

        Args:
            use: a name in USES.
            today: by default the day that it is now, in UTC.

        Raises:
            ConsentError: it is not.
        """
        if self.is_expired(today):
            raise ConsentError(
                f"the identity's consent ended on {self.expires}.",
                "Ask the person again, and enrol again. facesdk identity forget FILE erases the old one.",
            )
        if use not in self.scope.split(","):
            raise ConsentError(
                f"the identity's consent covers {self.scope}, and not {use!r}.",
                f"Ask the person, and enrol again with a scope that names it, such as {self.scope},{use}.",
            )

    def summary(self) -> str:
        """Basis, uses and end, without what the statement says."""
        return f"{self.standing} ({self.scope})" + (f" until {self.expires}" if self.expires else "")

    def facts(self) -> dict[str, str]:
        """What the audit log keeps of it as it is: not the statement, which may name a person."""
        return {"level": self.level, "standing": self.standing, "scope": self.scope, "expires": self.expires}

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
            # Files that were written before there was an end, or a match, have none.
            fields |= {name: str(document.get(name, "")) for name in ("expires", "matched")}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ConsentError("the consent statement cannot be read.", HOW) from error
        return cls(**fields)  # type: ignore[arg-type]


def _last_day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ConsentError(
            f"consent expiry {text!r}: a day is expected, such as 2027-01-31.", "Leave it out for no end."
        ) from error
