"""The way to a head model: by name, built once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from facesdk.errors import InputError
from train.data.face_world.types import HeadModel, HeadName

FACEKIT_VARIABLE = "FACESDK_FACEKIT"


def available_heads() -> tuple[HeadName, ...]:
    """Heads that can be built here: the own head always, FaceKit where FACESDK_FACEKIT points to it."""
    return ("own", "facekit") if os.environ.get(FACEKIT_VARIABLE) else ("own",)


def get_head(name: HeadName) -> HeadModel:
    """A head model, built on first use and kept.

    Args:
        name: "own" (made by code) or "facekit" (ICT-FaceKit, read from where FACESDK_FACEKIT points).

    Raises:
        InputError: an unknown name, or FaceKit asked for and absent.
    """
    if name == "own":
        return _own_head()
    if name == "facekit":
        place = os.environ.get(FACEKIT_VARIABLE)
        if not place:
            raise InputError(
                f"head 'facekit': {FACEKIT_VARIABLE} is not set",
                f"Point {FACEKIT_VARIABLE} at a clone of ICT-VGL/ICT-FaceKit or at ict_facekit.npz, or use 'own'.",
            )
        return _facekit_head(Path(place))
    raise InputError(f"unknown head {name!r}, expected one of {available_heads()}")


@cache
def _own_head() -> HeadModel:
    from train.data.face_world.own_head import OwnHead

    return OwnHead()


@cache
def _facekit_head(place: Path) -> HeadModel:
    from train.data.face_world.facekit_head import FacekitHead

    return FacekitHead(place)
