"""Whom a face of the generator takes after, and on whose consents it rests."""

from __future__ import annotations

from facesdk.consent import HOW, Consent
from facesdk.errors import ConsentError
from facesdk.generated_face import GeneratedFace
from facesdk.identity import Identity
from facesdk.media.image import ImageSource, picture_name
from facesdk.pack import Pack
from facesdk.provenance.origin import consents_for
from facesdk.types import F32


def likeness_of(identity: Identity | None, pack: Pack) -> tuple[tuple[Consent, ...], F32 | None]:
    """What a sample takes of whom it resembles.

    Args:
        identity: whom; None = nobody in particular.
        pack: what the sample is made with.

    Returns:
        The consents that the sample rests on, none for a person who does not exist; and the embedding, (512,) float32,
        or None.

    Raises:
        ConsentError: it is no `Identity`, or its consent does not cover still pictures.
        InputError: its embedding is of another recogniser than the pack's.
    """
    if identity is None:
        return (), None
    if not isinstance(identity, Identity):
        raise ConsentError(
            f"a likeness is given as an Identity, got {type(identity).__name__}, which carries no consent.", HOW
        )
    identity.consent.require("still")
    identity.require_recogniser_of(pack)
    return () if identity.consent.basis == "synthetic" else (identity.consent,), identity.embedding


def consents_of(picture: GeneratedFace | ImageSource, consent: Consent | None) -> tuple[Consent, ...]:
    """The consents that a blend of this picture with another rests on.

    Args:
        picture: a generated face, which knows its own; or a picture.
        consent: what its user states of a picture, or None.

    Raises:
        ConsentError, MediaError: as of `provenance.origin.consents_for`.
    """
    if isinstance(picture, GeneratedFace):
        return picture.consents
    return consents_for(picture, consent, picture_name(picture), "blend")
