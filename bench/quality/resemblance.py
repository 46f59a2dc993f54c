"""Whether a generated face that was asked to resemble somebody does: the judge looks for the person among all asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.progress import track

from bench.quality.face_scores import rows_of
from bench.quality.face_set import FaceSetOptions, load_face_set
from bench.quality.scores import TOP, Embed
from bench.quality.test_set import Arrays
from bench.report import BenchReport, Figure
from facesdk.errors import InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.types import F32, U8

FRONTAL_DEGREES = 20  # of yaw, of the pictures that show whom to resemble
Wish = Callable[[U8], Identity | None]
"""A portrait to an identity; None where no face is found in it."""
Make = Callable[[int, Identity | None], U8]
"""Seed and wish to a face."""
Find = Callable[[U8], F32 | None]
"""A face to its landmarks (68, 2); None where none is found."""


@dataclass(frozen=True, eq=False)
class Resembled:
    """What the judge says of faces, one for each person.

    Attributes:
        person: (N,) row of `known` that each face was to resemble.
        cosines: (N, P) judge's cosine of each face with each person's picture.
        rank: (N,) people that come before the right one; 0 is the best.
    """

    person: NDArray[np.int64]
    cosines: F32

    @property
    def rank(self) -> NDArray[np.int64]:
        own = self.cosines[np.arange(len(self.person)), self.person]
        return np.asarray((self.cosines > own[:, None]).sum(1), np.int64)

    def top(self, count: int) -> float | None:
        """Share of the faces whose person is among the `count` nearest."""
        return float((self.rank < count).mean()) if len(self.person) else None

    def cosine(self, own: bool) -> float | None:
        """Mean cosine with the person asked for, or with all others."""
        right = np.arange(self.cosines.shape[1]) == self.person[:, None]
        chosen = self.cosines[right if own else ~right]
        return float(chosen.mean()) if len(chosen) else None


def measure_resemblance(
    pack: Pack,
    data: Path,
    options: FaceSetOptions,
    judge: Embed,
    people: int = 60,
    backend: str = "auto",
    workers: int = 2,
) -> BenchReport:
    """Asks for a face like each of some people whom training never saw, and for as many like nobody.

    Args:
        pack: open pack with latent_flow and faces.
        data: folder that keeps the rendered test set.
        options: of the test set.
        judge: a recogniser that no loss knew.
        people: to ask for at most.
        backend: runtime backend.
        workers: processes that render the test set on first use.

    Raises:
        InputError: the test set has less than two people who look at the camera.
    """
    portraits, _ = load_face_set(data, options, workers)
    frontal = rows_of(portraits, np.abs(portraits["pose"][:, 0]) <= FRONTAL_DEGREES)
    with FaceAnalyzer(pack, backend) as analyzer, FaceGenerator(pack, backend) as generator:

        def wish(picture: U8) -> Identity | None:
            try:
                return Identity.synthetic(picture, analyzer=analyzer)
            except InputError:
                return None

        def make(seed: int, identity: Identity | None) -> U8:
            return generator.sample(1, seed=seed, identity=identity)[0].image

        def find(picture: U8) -> F32 | None:
            faces = analyzer.analyze_timed(picture, recognise=False, parse=False)[0]
            return faces[0].landmarks if faces else None

        first, again = first_and_second(frontal, people)
        asked, by_chance = resembled(frontal, first, wish, make, find, judge)
        real = _compare(judge(*_faces(frontal, again)), judge(*_faces(frontal, first)), np.arange(len(again)))
        chosen = generator.backend
    figures = [
        Figure(f"resembles: first of {len(first)} people asked for", asked.top(1)),
        Figure(f"resembles: among the {TOP} nearest", asked.top(TOP)),
        Figure("another real picture of the person: first", real.top(1)),
        Figure("a face that nobody was asked for: first", by_chance.top(1), better="lower"),
        Figure("judge's cosine with the person asked for", asked.cosine(own=True)),
        Figure("judge's cosine with the others", asked.cosine(own=False), better="lower"),
        Figure("the same of another real picture", real.cosine(own=True)),
        Figure("wishes that came to a face", len(asked.person) / len(first)),
    ]
    return BenchReport(
        f"Resemblance of generated faces, pack {pack.name}: {len(first)} unseen people",
        figures,
        {
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "backend": chosen,
            "heads": list(options.heads),
            "people": len(first),
            "seed": options.seed,
        },
    )


def first_and_second(pictures: Arrays, people: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a picture of each person, and of another one of the same; who has one picture only is left out.

    Raises:
        InputError: less than two people are left.
    """
    rows = [np.flatnonzero(pictures["identity"] == identity)[:2] for identity in np.unique(pictures["identity"])]
    pairs = np.array([pair for pair in rows if len(pair) == 2][:people], np.int64).reshape(-1, 2)
    if len(pairs) < 2:
        raise InputError(f"{len(pairs)} people have two frontal pictures.", "Ask for more pictures.")
    return pairs[:, 0], pairs[:, 1]


def resembled(
    pictures: Arrays, rows: NDArray[np.int64], wish: Wish, make: Make, find: Find, judge: Embed
) -> tuple[Resembled, Resembled]:
    """Faces made to resemble the people in some rows, and faces of the same seeds made to resemble nobody."""
    known = judge(*_faces(pictures, rows))
    found: dict[bool, list[tuple[int, U8, F32]]] = {True: [], False: []}
    for number, row in enumerate(track(rows, "faces")):
        identity = wish(pictures["rgb"][row])
        if identity is None:
            continue
        for asked, some in found.items():
            face = make(number, identity if asked else None)
            marks = find(face)
            if marks is not None:
                some.append((number, face, marks))
    asked_for, by_chance = (_judged(found[asked], known, judge) for asked in (True, False))
    return asked_for, by_chance


def _judged(made: list[tuple[int, U8, F32]], known: F32, judge: Embed) -> Resembled:
    if not made:
        return Resembled(np.zeros(0, np.int64), np.zeros((0, len(known)), np.float32))
    numbers, faces, marks = zip(*made, strict=True)
    return _compare(judge(np.stack(faces), np.stack(marks)), known, numbers)


def _compare(embeddings: F32, known: F32, person: ArrayLike) -> Resembled:
    first, second = (e / np.linalg.norm(e, axis=1, keepdims=True) for e in (embeddings, known))
    return Resembled(np.asarray(person, np.int64), np.asarray(first @ second.T, np.float32))


def _faces(pictures: Arrays, rows: NDArray[np.int64]) -> tuple[U8, F32]:
    return pictures["rgb"][rows], pictures["landmarks"][rows]
