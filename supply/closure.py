"""The installed packages that the project's extras ask for, and what those ask for in turn."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = str(PROJECT["name"])
EXTRAS: tuple[str, ...] = tuple(PROJECT["optional-dependencies"])


def closure(extras: Iterable[str] = EXTRAS) -> tuple[dict[str, Distribution], dict[str, set[str]]]:
    """The installed packages behind the project's dependencies.

    Args:
        extras: of the project; packages of an extra that is not installed here are left out.

    Returns:
        By canonical name: the packages, without the project itself; and what each one asks for, the project included.
    """
    found: dict[str, Distribution] = {}
    asks: dict[str, set[str]] = {NAME: set()}
    waiting = [(NAME, Requirement(text)) for text in PROJECT["dependencies"]]
    for extra in extras:
        waiting += [(NAME, Requirement(text)) for text in PROJECT["optional-dependencies"][extra]]
    seen: set[tuple[str, str]] = set()
    while waiting:
        by, requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name == NAME:
            waiting += [(NAME, Requirement(t)) for e in requirement.extras for t in PROJECT["optional-dependencies"][e]]
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = package
        asks.setdefault(name, set())
        asks[by].add(name)
        # A package is asked for plainly, and once more for each extra of it.
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [(name, r) for r in map(Requirement, package.requires or ()) if _applies(r, extra)]
    return dict(sorted(found.items())), asks


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
