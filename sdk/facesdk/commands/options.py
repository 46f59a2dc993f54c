"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from facesdk.consent import BASES, EVERY_USE, HOW, Consent
from facesdk.errors import ConsentError

Pack = Annotated[str, typer.Option(help="Which networks: a pack's name or folder.")]
Backend = Annotated[
    str,
    typer.Option(
        help="What runs the networks: auto, fastest (measured once), openvino, openvino-bf16, openvino-f32, "
        "onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt, tensorrt or tensorrt-rtx."
    ),
]
MinFace = Annotated[float | None, typer.Option(help="Smallest face to look for, in pixels.", show_default=False)]
Basis = Annotated[
    str | None,
    typer.Option("--consent", help="Whose face it is: self, given (see --who) or synthetic.", show_default=False),
]
Who = Annotated[str | None, typer.Option(help="With --consent given: who agreed, and how.", show_default=False)]
Label = Annotated[bool, typer.Option("--label", help="Draw a visible label into the upper left corner.")]
Profile = Annotated[str, typer.Option(help="Marks as a place asks for them: default, eu, cn or us-ca.")]
Expires = Annotated[str, typer.Option(help="The last day that was agreed to, as 2027-01-31.", show_default=False)]
Scope = Annotated[str, typer.Option(help="The uses that were agreed to, with commas.")]

__all__ = [
    "EVERY_USE",
    "Backend",
    "Basis",
    "Expires",
    "Label",
    "MinFace",
    "Pack",
    "Profile",
    "Scope",
    "Who",
    "read_consent",
]


def read_consent(basis: str | None, who: str | None, scope: str = EVERY_USE, expires: str = "") -> Consent:
    """The consent that --consent, --who, --scope and --expires state.

    Raises:
        ConsentError: nothing is stated, or it is not complete.
    """
    if basis is None:
        raise ConsentError("a picture as a source needs a consent statement.", HOW)
    if basis == "self":
        return Consent.self_(scope, expires)
    if basis == "synthetic":
        return Consent.synthetic(scope)
    if basis == "given":
        if not who:
            raise ConsentError(
                "--consent given needs to say who agreed.", 'Add for example: --who "Ann Lee, by e-mail on 3 May 2026"'
            )
        return Consent.given(who, scope, expires)
    raise ConsentError(f"--consent {basis}: one of {', '.join(BASES)} expected.", HOW)
