"""What the shared options say is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from facesdk.commands.options import Backend
from facesdk.runtime.select import BACKENDS

PAGE = Path(__file__).parents[3] / "docs" / "backends.md"


def test_help_and_page_name_every_backend() -> None:
    (option,) = Backend.__metadata__  # type: ignore[attr-defined]
    assert set(re.findall(r"[a-z0-9-]+", option.help)) >= set(BACKENDS)
    assert set(re.findall(r"`([a-z0-9-]+)`", PAGE.read_text())) >= set(BACKENDS)
