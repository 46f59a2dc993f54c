"""What a pack's licence allows: read from the manifest, and never guessed in the user's favour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facesdk.pack.faults import Faults

COMMERCIAL = ("yes", "ask", "no")
"""Whether commercial use is allowed, from the freest on; "ask": only its maker can say."""

SPDX: Mapping[str, str] = {
    "Apache-2.0": "yes",
    "BSD-2-Clause": "yes",
    "BSD-3-Clause": "yes",
    "CC-BY-4.0": "yes",
    "CC-BY-SA-4.0": "yes",
    "CC0-1.0": "yes",
    "ISC": "yes",
    "MIT": "yes",
    "MPL-2.0": "yes",
    "Zlib": "yes",
    "AGPL-3.0-only": "ask",
    "GPL-3.0-only": "ask",
    "LGPL-3.0-only": "ask",
    "CC-BY-NC-4.0": "no",
    "CC-BY-NC-ND-4.0": "no",
    "CC-BY-NC-SA-4.0": "no",
}
"""What a licence says of commercial use. Source: the licences' texts, by their names on spdx.org/licenses."""
OWN = "LicenseRef-"
"""How a name starts that is in no list; SPDX specification 2.3, section 10."""


@dataclass(frozen=True)
class Origin:
    """A work that a pack's weights are derived from.

    Attributes:
        name: of the work.
        spdx: its licence.
        commercial: a name in COMMERCIAL.
        url: where the licence is said, or "".
    """

    name: str
    spdx: str
    commercial: str
    url: str = ""


@dataclass(frozen=True)
class Terms:
    """What may be done with a pack.

    Attributes:
        commercial: a name in COMMERCIAL: the strictest of the pack's own licence and of all that it is derived from.
        origins: what it is derived from.
        use_restrictions: uses that the licence forbids, one sentence each.
        attribution: whom to name, or "".
    """

    commercial: str
    origins: tuple[Origin, ...] = ()
    use_restrictions: tuple[str, ...] = ()
    attribution: str = ""

    def document(self, spdx: str) -> dict[str, Any]:
        """The keys of the manifest's "license" that say so, where they say more than the licence's name does."""
        out: dict[str, Any] = {}
        if self.commercial != commercial_use(spdx):
            out["commercial_use"] = self.commercial
        if self.origins:
            out["derived_from"] = [
                {"name": o.name, "spdx": o.spdx, "commercial_use": o.commercial, **({"url": o.url} if o.url else {})}
                for o in self.origins
            ]
        if self.use_restrictions:
            out["use_restrictions"] = list(self.use_restrictions)
        if self.attribution:
            out["attribution"] = self.attribution
        return out


def commercial_use(spdx: str) -> str:
    """What a licence's name says of commercial use; "ask" for one of its maker's own."""
    return SPDX.get(spdx, "ask")


def strictest(*uses: str) -> str:
    """The strictest of names in COMMERCIAL."""
    return max(uses, key=COMMERCIAL.index)


def read_terms(document: Mapping[str, Any], faults: Faults) -> Terms:
    """Reads the manifest's "license". A licence may be stricter than its name says, and never freer.

    Args:
        document: the object.
        faults: takes what is wrong with it.
    """
    own = _read_use(document, "license", faults)
    origins = []
    entries = faults.entries(document, "derived_from", "license") if "derived_from" in document else []
    for index, entry in enumerate(entries):
        at = f"license.derived_from[{index}]"
        if faults.is_mapping(entry, at):
            url = faults.text(entry, "url", at) if "url" in entry else ""
            origins.append(
                Origin(faults.text(entry, "name", at), str(entry.get("spdx", "")), _read_use(entry, at, faults), url)
            )
    return Terms(
        strictest(own, *(origin.commercial for origin in origins)),
        tuple(origins),
        faults.texts(document, "use_restrictions", "license") if "use_restrictions" in document else (),
        faults.text(document, "attribution", "license") if "attribution" in document else "",
    )


def _read_use(document: Mapping[str, Any], at: str, faults: Faults) -> str:
    spdx = faults.text(document, "spdx", at)
    if spdx and spdx not in SPDX and not (spdx.startswith(OWN) and len(spdx) > len(OWN)):
        faults.add(f"{at}.spdx", f"{spdx!r} is no licence that facesdk knows; {OWN}NAME for one of its maker's own")
    known = commercial_use(spdx)
    if "commercial_use" not in document:
        return known
    said = faults.choice(document, "commercial_use", at, COMMERCIAL)
    if said not in COMMERCIAL:
        return "no"
    # "yes" for a maker's own licence is theirs to say; of a licence with a name its text says it.
    return said if spdx not in SPDX else strictest(known, said)
