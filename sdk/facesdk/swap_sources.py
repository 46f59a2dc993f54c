"""Whose face goes onto which: what a caller said of it, read and checked, and the faces that it can be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facesdk.consent import HOW
from facesdk.errors import ConsentError, InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.select import Rule, parse_rule
from facesdk.faces.usable import MIN_TARGET_EYES_PX, why_not_usable
from facesdk.identity import EXTENSION, Identity
from facesdk.media.image import load_image, picture_name
from facesdk.pipelines.base import SwapPipeline
from facesdk.provenance.work import Work
from facesdk.types import F32, U8, Face

Faces = str | int | Rule
Sources = Identity | Sequence[tuple[Identity, Faces]]


def read_pairs(
    identity: Sources, faces: Faces, use: str, analyzer: FaceAnalyzer, pipeline: SwapPipeline
) -> list[tuple[Identity, Rule]]:
    """Checks sources for a use, and reads their rules.

    Args:
        identity: an identity; or pairs (identity, rule).
        faces: the rule of a single identity.
        use: "still", "film" or "live".
        analyzer: finds the face that "like PICTURE" means.
        pipeline: what the identities must be able to be sources of.

    Raises:
        ConsentError: a source is no `Identity`, or its consent does not cover the use.
        InputError: no source, no pairs, a rule that cannot be, or a source that the pipeline cannot take.
        PackError: the pack lacks what the pipeline needs of its source.
        MediaError: the picture of a rule could not be read.
    """
    given = list(identity) if isinstance(identity, list | tuple) else [(identity, faces)]
    if not given:
        raise InputError("no identity was given.", "Pass an Identity, or pairs (identity, rule).")
    out = []
    for pair in given:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError("several sources are given as pairs (identity, rule).", "Example: [(ann, 0), (bob, 1)]")
        who, rule = pair
        if not isinstance(who, Identity):
            raise ConsentError(
                f"swap takes an Identity as its source, got {type(who).__name__}, which carries no consent.",
                f"Enrol it first: Identity.from_images([picture], consent=...). {HOW}",
            )
        who.consent.require(use)
        pipeline.check_source(who)
        out.append((who, parse_rule(rule, lambda reference: _embed(analyzer, reference))))
    return out


def drop_unusable(
    faces: list[Face], chosen: list[tuple[int, Identity]], picture: U8, everyone: bool
) -> tuple[list[tuple[int, Identity]], tuple[tuple[int, str], ...]]:
    """Drops the faces that show too little.

    Args:
        faces: all that were found.
        chosen: numbers of faces, each with what goes onto it.
        picture: (H, W, 3) uint8 RGB.
        everyone: nobody asked for one of them in particular.

    Returns:
        What is left of `chosen`, and (number, reason) of each face that was dropped.

    Raises:
        InputError: such a face was asked for by name, or "all" left none.
    """
    size_hw = (picture.shape[0], picture.shape[1])
    faults = {number: why_not_usable(faces[number], size_hw, MIN_TARGET_EYES_PX) for number, _ in chosen}
    good = [(number, who) for number, who in chosen if faults[number] is None]
    bad = tuple((number, fault) for number, fault in faults.items() if fault is not None)
    if bad and (not everyone or not good):
        number, fault = bad[0]
        raise InputError(
            f"face {number} is {fault}.",
            "Use a larger picture that shows the whole face, or choose another: facesdk analyze shows the numbers.",
        )
    return good, bad


def work_of(sources: Sequence[Identity], parent: bytes | Path | None) -> Work:
    """What manifest and audit log say of a swap: each identity once."""
    known = {who.id: who.consent.standing for who in sources}
    return Work(parent, tuple(known), tuple(known.values()))


def _embed(analyzer: FaceAnalyzer, reference: str) -> F32:
    """Embedding of the face that "like REFERENCE" means: a picture, or an .identity file."""
    if reference.endswith(EXTENSION):
        known = Identity.load(reference)
        known.require_recogniser_of(analyzer.pack, reference)
        return known.embedding
    picture = load_image(reference)
    faces, _ = analyzer.analyze_timed(picture, recognise=True, parse=False)
    if not faces:
        raise analyzer.plan(picture).no_face(picture_name(reference))
    embedding = faces[Rule("largest").choose(faces)[0]].embedding
    assert embedding is not None
    return embedding
