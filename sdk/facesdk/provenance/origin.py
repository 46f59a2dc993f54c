"""Whether a picture says that it shows nobody, or needs the consent of whom it may show."""

from __future__ import annotations

from os import PathLike

from facesdk.consent import HOW, Consent
from facesdk.errors import ConsentError
from facesdk.media.image import ImageSource
from facesdk.provenance.label import SOURCE_TYPES, read_label


def consents_for(picture: ImageSource, consent: Consent | None, name: str, use: str) -> tuple[Consent, ...]:
    """The consents that a new picture made of this one rests on.

    A file with the label trainedAlgorithmicMedia was generated as a whole and shows nobody. Every other picture may be
    a photograph; an array or a PIL image carries no label, so it counts as one.

    Args:
        picture: what is to be used.
        consent: what its user states, or None.
        name: what errors call the picture.
        use: what shall become of it, for the error's text, such as "edit".

    Returns:
        Nothing for a picture that shows nobody, else the one consent.

    Raises:
        ConsentError: a consent is needed and was not given, or it does not cover still pictures.
        MediaError: the file is not there, or is no picture.
    """
    label = None
    if isinstance(picture, str | PathLike):
        label = read_label(picture)
    elif isinstance(picture, bytes | bytearray | memoryview):
        label = read_label(bytes(picture))
    if label == SOURCE_TYPES["generate"]:
        return ()
    if consent is None:
        raise ConsentError(
            f"{name} has no label that says that it was generated, so it may show a real person; "
            f"to {use} it needs a consent statement.",
            HOW,
        )
    consent.require("still")
    return (consent,)
