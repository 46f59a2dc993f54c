"""Collects every fault of a manifest, so that its author sees them all at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, TypeGuard

MAX_FILE_BYTES = 4 << 30

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_inside(path: str) -> bool:
    """Whether a manifest's path is plain, relative and stays in the pack: no "..", no backslash, no drive, no "//"."""
    if not path or "\\" in path or ":" in path or "\0" in path:
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and str(pure) == path


class Faults:
    """Reads values out of a document; what is wrong becomes a line, and a harmless value stands in for it.

    Attributes:
        lines: "place: what is wrong", in reading order.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, at: str, text: str) -> None:
        """Notes a fault at a place such as "families.faces.graphs"."""
        self.lines.append(f"{at}: {text}")

    def is_mapping(self, value: object, at: str) -> TypeGuard[dict[str, Any]]:
        """Whether the value is an object; notes it if not."""
        if isinstance(value, dict):
            return True
        self.add(at, f"an object expected, got {_show(value)}")
        return False

    def mapping(
        self, document: Mapping[str, Any], key: str, at: str, required: bool = True, filled: bool = False
    ) -> dict[str, Any]:
        """An object; `filled` wants at least one entry."""
        if key not in document and not required:
            return {}
        value = self._get(document, key, at)
        if value is None or not self.is_mapping(value, _join(at, key)):
            return {}
        if filled and not value:
            self.add(_join(at, key), "empty")
        return value

    def text(self, document: Mapping[str, Any], key: str, at: str) -> str:
        """A text that is not empty."""
        value = self._get(document, key, at)
        if isinstance(value, str) and value:
            return value
        if value is not None:
            self.add(_join(at, key), f"a text expected, got {_show(value)}")
        return ""

    def choice(self, document: Mapping[str, Any], key: str, at: str, choices: tuple[str, ...]) -> str:
        """One of several texts."""
        value = self.text(document, key, at)
        if value and value not in choices:
            self.add(_join(at, key), f"{value!r} is none of {', '.join(choices)}")
        return value

    def texts(self, document: Mapping[str, Any], key: str, at: str) -> tuple[str, ...]:
        """A list of texts."""
        entries = self.entries(document, key, at)
        if all(isinstance(entry, str) and entry for entry in entries):
            return tuple(entries)
        self.add(_join(at, key), "a list of texts expected")
        return ()

    def entries(self, document: Mapping[str, Any], key: str, at: str) -> list[Any]:
        """A list that is not empty."""
        value = self._get(document, key, at)
        if isinstance(value, list) and value:
            return value
        if value is not None:
            self.add(_join(at, key), f"a list with entries expected, got {_show(value)}")
        return []

    def integer(self, document: Mapping[str, Any], key: str, at: str, low: int = 0, high: int = MAX_FILE_BYTES) -> int:
        """A whole number from low to high."""
        value = self._get(document, key, at)
        if type(value) is int and low <= value <= high:
            return value
        if value is not None:
            self.add(_join(at, key), f"a whole number from {low} to {high} expected, got {_show(value)}")
        return low

    def sha256(self, document: Mapping[str, Any], at: str) -> str:
        """The key "sha256": 64 lower-case hexadecimal digits."""
        value = self.text(document, "sha256", at)
        if value and not _SHA256.fullmatch(value):
            self.add(_join(at, "sha256"), f"64 lower-case hexadecimal digits expected, got {_show(value)}")
        return value

    def shape(self, document: Mapping[str, Any], at: str) -> tuple[int | str, ...]:
        """The key "shape": sizes above 0 and names of axes; an empty list is a scalar."""
        value = self._get(document, "shape", at)
        if isinstance(value, list) and all((type(d) is int and d > 0) or (isinstance(d, str) and d) for d in value):
            return tuple(value)
        if value is not None:
            self.add(_join(at, "shape"), f"a list of sizes and axis names expected, got {_show(value)}")
        return ()

    def numbers(self, value: object, at: str) -> dict[str, float]:
        """An object of finite numbers."""
        if not self.is_mapping(value, at):
            return {}
        out: dict[str, float] = {}
        for key, number in value.items():
            if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
                out[key] = float(number)
            else:
                self.add(_join(at, key), f"a finite number expected, got {_show(number)}")
        return out

    def path(self, path: str, at: str) -> bool:
        """Whether a path stays inside the pack; notes it if not. An empty one was noted before."""
        if path and not is_inside(path):
            self.add(at, f"{path!r} is no plain path inside the pack")
            return False
        return bool(path)

    def _get(self, document: Mapping[str, Any], key: str, at: str) -> Any:
        value = document.get(key)
        if value is None:
            self.add(_join(at, key), "missing")
        return value


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
