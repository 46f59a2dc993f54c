"""`python -m supply.licences`: the licence of every package that the extras bring; one that is not allowed fails."""

from __future__ import annotations

import re
import sys
from email.message import Message
from typing import Any

from supply.closure import closure

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib",
    # Copyleft by file: its packages are used as they are, and no file of them is changed or copied here.
    "MPL-2.0",
}  # fmt: skip
"""Licences that a package may have, by their SPDX names."""

SAID = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""What packages say that do not use SPDX names: a classifier, or a word of their own."""

TERMS_OF_THEIR_OWN = {
    r"tensorrt.*": "NVIDIA's terms; extras for its GPUs only, installed by who wants them, never passed on",
    r"nvidia-.*|cuda-.*": "NVIDIA's terms; brought by torch's builds for CUDA, for model engineers, never passed on",
    r"pyvirtualcam": "GPL-2.0; the extra live only, imported where its user installed it, never passed on",
}
"""Packages with other terms, by pattern, and why they are here all the same: none is part of the base install."""


def licence_of(metadata: Message[str, str] | Any) -> str:
    """A package's licence as an SPDX expression, or as it is said where that is not known, or "".

    Args:
        metadata: the fields of the installed package.
    """
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    said = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if line.startswith("License ::")
    ]
    if said:
        return " AND ".join(SAID.get(one, one) for one in said)
    text = str(metadata.get("License") or "").strip()
    first = text.splitlines()[0] if text else ""
    return SAID.get(first, first)


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with allowed licences only.

    Parentheses are not resolved: with them every licence that is named must be allowed.
    """
    if "(" in expression:
        options = [re.sub(r"[()]", "", expression).replace(" OR ", " AND ")]
    else:
        options = expression.split(" OR ")
    return any(all(name.strip() in ALLOWED for name in option.split(" AND ")) for option in options)


def own_terms(name: str) -> str:
    """What is known of a package with terms of its own, or ""."""
    return next((why for pattern, why in TERMS_OF_THEIR_OWN.items() if re.fullmatch(pattern, name)), "")


def table() -> list[tuple[str, str, str, bool]]:
    """Name, version, licence, and whether it may be used, of every package."""
    packages, _ = closure()
    said = {name: licence_of(package.metadata) for name, package in packages.items()}
    return [
        (
            name,
            package.version,
            own_terms(name) or said[name] or "nothing said",
            bool(own_terms(name)) or is_allowed(said[name]),
        )
        for name, package in packages.items()
    ]


def main() -> None:
    """Prints the table; exit code 1 if a package may not be used."""
    rows = table()
    for name, version, licence, allowed in rows:
        print(f"{name:36s} {version:14s} {licence}{'' if allowed else '   NOT ALLOWED'}")
    wrong = [name for name, _, _, allowed in rows if not allowed]
    print(f"{len(rows)} packages, not allowed: {', '.join(wrong) or 'none'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
