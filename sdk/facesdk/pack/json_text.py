"""JSON for people and for differences between versions: what fits a line is on one."""

from __future__ import annotations

import json
from collections.abc import Mapping

WIDTH = 120


def json_text(value: object, indent: str = "") -> str:
    """A document as JSON; objects and lists are broken into lines only where they do not fit one.

    Args:
        value: what `json.dumps` takes; keys are texts.
        indent: of the line that it begins on.
    """
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= WIDTH or not isinstance(value, Mapping | list | tuple) or not value:
        return flat
    inner = f"{indent} "
    if isinstance(value, Mapping):
        return _broken(
            "{}",
            [f"{json.dumps(key, ensure_ascii=False)}: {json_text(item, inner)}" for key, item in value.items()],
            indent,
        )
    return _broken("[]", [json_text(item, inner) for item in value], indent)


def _broken(brackets: str, items: list[str], indent: str) -> str:
    lines = ",\n".join(f"{indent} {item}" for item in items)
    return f"{brackets[0]}\n{lines}\n{indent}{brackets[1]}"
