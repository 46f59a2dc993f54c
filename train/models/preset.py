"""Configs as JSON: every network's config is a frozen dataclass of numbers, names and tuples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from facesdk.errors import InputError

C = TypeVar("C")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def config_from_dict(kind: type[C], values: Mapping[str, Any]) -> C:
    """Builds a config from what `dataclasses.asdict` and a JSON round trip left of it.

    Args:
        kind: the dataclass; its fields may be dataclasses again.
        values: field name to value; lists become tuples; fields left out keep their default.

    Returns:
        The config.

    Raises:
        InputError: a name that the dataclass does not have.
    """
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise InputError(
            f"{kind.__name__}: unknown fields {unknown}, known are {sorted(known)}.",
            "Was it written by a newer version?",
        )
    made = {
        name: config_from_dict(hints[name], value) if is_dataclass(hints[name]) else _tuples(value)
        for name, value in values.items()
    }
    return kind(**made)
