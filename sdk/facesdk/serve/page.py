"""The files of the page, read once; nothing else of the disk can be asked for."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

from facesdk.errors import MediaError

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Attributes:
        data: its bytes.
        media_type: what the browser is told.
    """

    data: bytes
    media_type: str


def load_page() -> dict[str, PageFile]:
    """The page's files by the path under which they are asked for.

    Raises:
        MediaError: this installation lacks one.
    """
    folder = importlib.resources.files("facesdk") / "serve" / "static"
    page = {}
    for path, (name, media_type) in FILES.items():
        file = folder / name
        if not file.is_file():
            raise MediaError(f"the page's file {name} is missing from this installation.", "Reinstall facesdk.")
        page[path] = PageFile(file.read_bytes(), media_type)
    return page
