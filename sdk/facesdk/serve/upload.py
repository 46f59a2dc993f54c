"""The fields and pictures of a form, read without a trace on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facesdk.errors import InputError
from facesdk.media.image import open_header

if TYPE_CHECKING:
    from fastapi import Request

MOST_FIELDS = 8
MOST_NAME = 80


@dataclass(frozen=True)
class UploadedPicture:
    """A picture as it came.

    Attributes:
        name: its file's name, for errors only: nothing is ever opened by it.
        data: the file's bytes.
    """

    name: str
    data: bytes = field(repr=False)

    def check(self) -> None:
        """Looks at the header, so that an error names the file.

        Raises:
            MediaError: no picture, or too large.
        """
        open_header(self.data, self.name).close()


@dataclass(frozen=True)
class Form:
    """What a form says.

    Attributes:
        fields: text by name; of a name that comes twice, the last one.
        pictures: in the order in which they came.
    """

    fields: dict[str, str]
    pictures: tuple[UploadedPicture, ...]


async def read_form(request: Request, most_pictures: int) -> Form:
    """Reads multipart/form-data.

    Args:
        request: its body is in memory already, and bounded, by the guard.
        most_pictures: how many there may be.

    Raises:
        InputError: it is no form, or has too many parts.
    """
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    class InMemory(MultiPartParser):
        """Starlette would write parts above 1 MiB to a temporary file."""

        spool_max_size = 1 << 40

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InputError("a form with pictures is expected (multipart/form-data).", "Use the page.")
    parser = InMemory(request.headers, request.stream(), max_files=most_pictures, max_fields=MOST_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InputError(f"the form cannot be read: {error.message}", "Use the page.") from error
    fields: dict[str, str] = {}
    pictures = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            pictures.append(UploadedPicture(_shown(value.filename), await value.read()))
        else:
            fields[name] = value
    await form.close()
    return Form(fields, tuple(pictures))


def _shown(filename: str | None) -> str:
    """A file's name as a text: its last part, printable, short."""
    last = (filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[-MOST_NAME:] or "the picture"
