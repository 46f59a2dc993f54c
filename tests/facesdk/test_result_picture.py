"""What every result says of itself before it is marked: its kind, and whose consent it rests on."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.edited_picture import EditedPicture
from facesdk.generated_face import GeneratedFace
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.result_picture import ResultPicture
from facesdk.swap_result import SwapResult
from facesdk.types import Timings

IMAGE = np.random.default_rng(0).integers(100, 150, (256, 256, 3), np.uint8)
MASK = np.zeros((256, 256), np.float32)
LATENT = np.zeros(8, np.float32)


@pytest.mark.parametrize(("consents", "kind"), [((), "generate"), ((Consent.self_(),), "swap")])
def test_a_face_and_what_it_is_painted_into_rest_on_the_same_consents(consents: tuple[Consent, ...], kind: str):
    face = GeneratedFace(IMAGE, LATENT, consents=consents)
    edited = EditedPicture(IMAGE, MASK, face)
    assert face.kind == edited.kind == kind
    assert face.work == edited.work == Work(consents=tuple(consent.standing for consent in consents))


def test_a_swap_says_how_it_was_made():
    work = Work(None, ("id",), ("self",))
    known = SwapResult(IMAGE, MASK, (), (), (), Timings(), "onnxruntime-cpu", work)
    unknown = SwapResult(IMAGE, MASK, (), (), (), Timings(), "onnxruntime-cpu")
    assert known.kind == "swap" and known.work is work and unknown.work is UNKNOWN
    assert "visible" in known.marked_for("eu", label=True).marks and "visible" not in known.marks
    assert unknown.marks == unknown.marked.marks == unknown.marked_for().marks


def test_a_picture_without_a_kind_is_no_result():
    with pytest.raises(TypeError, match="abstract"):
        ResultPicture(IMAGE)  # type: ignore[abstract]
