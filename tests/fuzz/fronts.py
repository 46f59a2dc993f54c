"""The three fronts at which bytes of strangers come in: each takes any bytes, and lets out one kind of error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from facesdk.errors import ConsentError, MediaError, PackError
from facesdk.identity import Identity
from facesdk.media.image import load_image
from facesdk.pack import parse_manifest

Front = Callable[[bytes], bool]


def read_image(data: bytes) -> bool:
    """A picture, or MediaError. Whether it was one."""
    try:
        pixels = load_image(data)
    except MediaError:
        return False
    assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
    return True


def read_manifest(data: bytes) -> bool:
    """A manifest, or PackError. Whether it was one."""
    try:
        parse_manifest(data, "fuzzed")
    except PackError:
        return False
    return True


def read_identity(data: bytes) -> bool:
    """An identity, MediaError, or ConsentError where there is none. Whether it was one."""
    with tempfile.NamedTemporaryFile(suffix=".identity", delete=False) as file:
        file.write(data)
    path = Path(file.name)
    try:
        who = Identity.load(path)
    except (MediaError, ConsentError):
        return False
    finally:
        path.unlink()
    assert who.embedding.shape == (512,) and np.isfinite(who.embedding).all()
    return True


FRONTS: Mapping[str, Front] = {"image": read_image, "manifest": read_manifest, "identity": read_identity}
"""Name, as that of its folder in the corpus, -> what is fuzzed."""
