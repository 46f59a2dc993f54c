"""Whose weights a network's are derived from: asked for at import, kept in run folders, written into the manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from facesdk.errors import InputError
from facesdk.pack.licence import COMMERCIAL, OWN, SPDX, Origin, Terms, commercial_use, strictest
from train.checkpoint import derived_from

_URL = re.compile(r"https?://[^\s/]+\S*")
ASKED = (
    "Weights stay under their maker's licence, and the pack must say so. Look it up where they were published "
    "and name it: --licence CC-BY-NC-4.0 --licence-url URL"
)


def asked_origin(name: str, licence: str | None, url: str | None, commercial: str | None = None) -> Origin:
    """What the user says of a file's licence.

    Args:
        name: of the work.
        licence: name on spdx.org/licenses, or its maker's own name for it, which becomes LicenseRef-NAME.
        url: where it says so.
        commercial: "yes", "ask" or "no", for a licence that is in no list; by default "ask".

    Raises:
        InputError: the licence or its address is missing or is none, or it would be freer than its name says.
    """
    words = re.findall(r"[A-Za-z0-9.]+", (licence or "").strip())
    if not words:
        raise InputError("The licence of these weights is missing: --licence.", ASKED)
    if url is None or not _URL.fullmatch(url.strip()):
        raise InputError(f"--licence-url {url or 'is missing'}: expected the address where the licence is said.", ASKED)
    text = str(licence).strip()
    spdx = text if text in SPDX else OWN + "-".join(words).removeprefix(OWN)
    if commercial is not None and commercial not in COMMERCIAL:
        raise InputError(f"--commercial {commercial} is not known.", f"Use one of {', '.join(COMMERCIAL)}.")
    known = commercial_use(spdx)
    if commercial is not None and spdx in SPDX and strictest(known, commercial) != commercial:
        raise InputError(f"--commercial {commercial}: {spdx} says {known}.", "Leave the option out.")
    return Origin(name, spdx, commercial or known, url.strip())


def origin_record(origin: Origin) -> dict[str, str]:
    """An origin as the run folder keeps it."""
    return {"name": origin.name, "spdx": origin.spdx, "commercial_use": origin.commercial, "url": origin.url}


def origins(nets: Mapping[str, Mapping[str, Any]]) -> tuple[Origin, ...]:
    """What the networks of run records are derived from, each work once.

    Args:
        nets: net -> run record.
    """
    found = [
        Origin(o["name"], o["spdx"], o.get("commercial_use", commercial_use(o["spdx"])), o.get("url", ""))
        for record in nets.values()
        for o in derived_from(record)
    ]
    return tuple(dict.fromkeys(found))


def pack_terms(spdx: str, old: Terms | None, old_nets: Mapping[str, Any], nets: Mapping[str, Any]) -> Terms:
    """The licence terms of a pack with networks put in.

    Args:
        spdx: the pack's own licence.
        old: terms of the pack before; what they say beyond its networks' records stays.
        old_nets: run records of the pack before.
        nets: run records of the pack now.
    """
    before = old or Terms(commercial_use(spdx))
    gone = set(origins(old_nets))
    kept = [origin for origin in before.origins if origin not in gone]
    now = tuple(dict.fromkeys([*kept, *origins(nets)]))
    # What the older origins alone had forbidden falls with them.
    explained = strictest(commercial_use(spdx), *(origin.commercial for origin in before.origins))
    own = commercial_use(spdx) if explained == before.commercial else before.commercial
    return replace(before, commercial=strictest(own, *(origin.commercial for origin in now)), origins=now)
