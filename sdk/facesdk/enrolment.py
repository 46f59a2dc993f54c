"""Learning a face from pictures of it: the largest face of each, if it is good enough and one person's."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np

from facesdk.errors import InputError
from facesdk.faces.align import crop_matrix
from facesdk.faces.analyze import FAMILY, FaceAnalyzer
from facesdk.faces.crops import cut_crop
from facesdk.faces.recognise import unit
from facesdk.faces.select import Rule
from facesdk.faces.usable import MIN_SOURCE_EYES_PX, why_not_usable
from facesdk.media.image import Color, ImageSource, load_image, picture_name
from facesdk.pack import Pack
from facesdk.types import F32, U8

CROP_SIZE = 256
CROP_SCALE = 0.8
"""Zoom of the stored crops: less than 1, so that any pipeline can cut its own crop out of them."""
STRANGER = 0.2
"""Cosine to the other pictures below which a picture seems to show someone else."""


def enrol(analyzer: FaceAnalyzer, pictures: Sequence[ImageSource], color: Color = "rgb") -> tuple[F32, U8]:
    """What an identity keeps of pictures of one person.

    Args:
        analyzer: finds and recognises.
        pictures: one at least.
        color: channel order of arrays.

    Returns:
        (512,) float32 of unit length, the mean of the embeddings; (n, 256, 256, 3) uint8 RGB, one crop a picture,
        aligned at "canon" with scale CROP_SCALE.

    Raises:
        InputError: no face, a face too small or cut, or the pictures seem to show different people.
        MediaError: a picture could not be read.
    """
    names = [_name(picture, number) for number, picture in enumerate(pictures)]
    found = [_learn(analyzer, load_image(picture, color), name) for picture, name in zip(pictures, names)]
    embeddings = np.stack([embedding for embedding, _ in found])
    check_one_person(embeddings, names)
    # The mean of unit vectors points where the pictures agree; scaled to unit length it is the best one in cosine.
    return unit(embeddings.mean(0)), np.stack([crop for _, crop in found])


def _learn(analyzer: FaceAnalyzer, image: U8, name: str) -> tuple[F32, U8]:
    """Embedding and wide crop of a picture's largest face."""
    faces, _ = analyzer.analyze_timed(image, recognise=False, parse=False)
    size_hw = (image.shape[0], image.shape[1])
    if not faces:
        raise analyzer.plan(image).no_face(name)
    face = faces[Rule("largest").choose(faces)[0]]
    fault = why_not_usable(face, size_hw, MIN_SOURCE_EYES_PX)
    if fault is not None:
        raise InputError(f"the face in {name} is {fault}.", "Enrol with a larger picture that shows the whole face.")
    face = analyzer.recogniser.recognise(image, [face])[0]
    assert face.embedding is not None and face.landmarks is not None
    matrix = crop_matrix(face.landmarks, "canon", CROP_SIZE, CROP_SCALE)
    return face.embedding, cut_crop(image, matrix, CROP_SIZE)


def recogniser_digest(pack: Pack) -> str:
    """SHA-256 of a pack's recogniser: embeddings of different ones cannot be compared."""
    return pack.manifest.family(FAMILY).graphs["recogniser"].sha256


def check_one_person(embeddings: F32, names: list[str]) -> None:
    """Compares each picture with the mean of the others: with two pictures a mean of both would be near to either.

    Args:
        embeddings: (n, D) float32 of unit length.
        names: of the pictures, for the error.

    Raises:
        InputError: one is far from the others.
    """
    if len(embeddings) < 2:
        return
    total = embeddings.sum(0)
    others = total[None] - embeddings
    length = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    cosines = (embeddings * others).sum(1) / length
    odd = [f"{name} {cosine:.2f}" for name, cosine in zip(names, cosines) if cosine < STRANGER]
    if odd:
        raise InputError(
            f"the pictures seem to show different people: {', '.join(odd)} (cosine to the others; {STRANGER} needed).",
            "Leave these pictures out, or crop them to the face that is meant.",
        )


def _name(picture: ImageSource, number: int) -> str:
    """What errors call a picture."""
    return picture_name(picture) if isinstance(picture, str | PathLike) else f"picture {number + 1}"
