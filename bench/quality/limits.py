"""How near a swap's points could come to the exact swap's, if it used all that is known of both people.

The pack's swaps are corrected by ridge regression on ever more knowledge, people apart. What the networks know and the
swap does not show yet is corrected first; what only the true identities correct, a better reader could gain.
The correction is linear: it says what is at hand, not what nobody could ever find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench.quality.scores import Embed
from bench.quality.style_swap import known_face, known_identity
from bench.report import BenchReport, Figure
from facesdk.errors import InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.crops import normalise
from facesdk.ops.blend import paste
from facesdk.pack import Pack
from facesdk.pipelines.style_swap import StyleSwapPipeline
from facesdk.runtime.select import open_session
from facesdk.stopwatch import Stopwatch
from facesdk.types import U8
from train.data.face_world.shards import load_shards
from train.data.swap_data import SwapData
from train.evaluate import normalised_error

F64 = NDArray[np.float64]
FIELDS = ("rgb", "parts", "landmarks", "identity", "donor", "group", "identity_vector", "attribute_vector")
FOLDS = 5
# Strengths of the ridge, on standardised columns; the best for the answer is taken, so that a limit is not too high.
RIDGES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
COMPONENTS = 200  # of codes and embeddings
SHAPES, BENT = 25, 15  # principal shapes of landmarks, and how many of them are also multiplied by yaw and pitch
BATCH = 16


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known of N swaps; each value (N, K).

    Attributes:
        swapped, wanted, unchanged: (N, 68, 2) what the landmark net finds in the swap, the exact swap and the target.
        identity: (N,) of the source.
        said: by the pack's networks, of source and target.
        judged: by the judge.
        marked: true landmarks of source and target.
        true: identity vectors of both and the target's attributes.
        asked: (N, 68, 2) where the pack's shape path asks the points to be; None without one.
    """

    swapped: F64
    wanted: F64
    unchanged: F64
    identity: NDArray[np.int64]
    said: F64
    judged: F64
    marked: F64
    true: F64
    asked: F64 | None = None


def measure_limits(pack: Pack, folder: Path, judge: Embed, pairs: int = 1500, backend: str = "auto") -> BenchReport:
    """Measures a pack on validation groups.

    Args:
        pack: open pack with style_swap and faces.
        folder: rendered swap pictures with a validation split.
        judge: recogniser that no loss knows.
        pairs: swaps.
        backend: runtime backend.

    Raises:
        InputError: no such pictures, or too few pairs to fit anything.
    """
    if pairs < 4 * FOLDS:
        raise InputError(f"--pairs {pairs}: at least {4 * FOLDS} expected.")
    known = observe(pack, folder, judge, pairs, backend)
    name = "landmarks to the exact swap's, RMS / interocular: "
    base = normalised_error(known.swapped, known.wanted)
    figures = [
        Figure(f"{name}unchanged target", _mean(normalised_error(known.unchanged, known.wanted)), better="lower"),
        Figure(f"{name}the swap", _mean(base), better="lower"),
    ]
    if known.asked is not None:
        asked = _mean(normalised_error(known.asked, known.wanted))
        figures.append(Figure(f"{name}the points that the shape path asks for", asked, better="lower"))
    for text, columns in {
        "corrected by what the pack's networks say of both pictures": [known.said],
        "by the judge's embeddings too": [known.said, known.judged],
        "by the true landmarks of both pictures too": [known.said, known.judged, known.marked],
        "corrected by the true identities and setting": [known.true],
    }.items():
        figures.append(Figure(f"{name}{text}", corrected(known, columns), better="lower"))
    people = len(np.unique(known.identity))
    return BenchReport(
        f"Limits of style_swap, pack {pack.name}: {pairs} swaps of {people} people",
        figures,
        {"pack": pack.name, "pack_version": pack.manifest.version, "pairs": pairs, "people": people, "folds": FOLDS},
    )


def corrected(known: Knowledge, columns: Sequence[F64]) -> float:
    """Mean error of points that are corrected by a linear reading of some knowledge, of people it was not fitted to."""
    design = np.concatenate(list(columns), 1)
    design = (design - design.mean(0)) / (design.std(0) + 1e-6)
    design = np.concatenate([design, np.ones((len(design), 1))], 1)
    eyes = [known.wanted[:, rows].mean(1) for rows in (slice(36, 42), slice(42, 48))]
    size = np.linalg.norm(eyes[0] - eyes[1], axis=1)[:, None, None]
    offset = ((known.wanted - known.swapped) / size).reshape(len(design), -1)
    fold = known.identity % FOLDS
    errors = []
    for ridge in RIDGES:
        found = np.zeros_like(offset)
        for held in range(FOLDS):
            seen = fold != held
            normal = design[seen].T @ design[seen] + ridge * np.eye(design.shape[1])
            found[~seen] = design[~seen] @ np.linalg.solve(normal, design[seen].T @ offset[seen])
        moved = known.swapped + size * found.reshape(known.swapped.shape)
        errors.append(float(normalised_error(moved, known.wanted).mean()))
    return min(errors)


def observe(pack: Pack, folder: Path, judge: Embed, pairs: int, backend: str) -> Knowledge:
    """Swaps pairs of validation groups and asks everybody about them."""
    arrays = load_shards(folder, "swap", "validation", FIELDS)
    data, rng = SwapData(arrays), np.random.default_rng(0)
    rows = np.array([data.draw(rng, False) for _ in range(pairs)])
    source, target, exact = rows.T
    used = np.unique(rows)
    place = np.full(len(arrays["rgb"]), -1)
    place[used] = np.arange(len(used))
    pictures, marks = arrays["rgb"][used], arrays["landmarks"][used].astype(np.float64)
    with FaceAnalyzer(pack, backend) as analyzer:
        located = [_look(analyzer, *pair) for pair in track(list(zip(pictures, marks)), "look")]
        points, poses = (np.array(part) for part in zip(*located))
        embeddings = np.array([_embed(analyzer, *pair) for pair in zip(pictures, marks)])
        encoder = open_session(pack, "style_swap", "encoder", backend)
        codes = np.concatenate(
            [encoder.run({"image": normalise(pictures[i : i + BATCH])})["codes"] for i in range(0, len(used), BATCH)]
        )
        pipeline = StyleSwapPipeline(pack, analyzer.parser, backend, landmarker=analyzer.landmarker)
        swapped, asked = [], []
        for one, other, right in track(place[rows], "swap"):
            identity = known_identity([(pictures[one], marks[one])], pack.name)
            (face,) = analyzer.landmarker.locate(pictures[other], [known_face(marks[other])])
            swap = pipeline.swap(pictures[other], [(face, identity)], Stopwatch())[0]
            result, _, _ = paste(pictures[other], swap.crop, swap.mask, swap.matrix)
            swapped.append(_look(analyzer, result, marks[right])[0])
            if swap.wanted is not None:
                asked.append(swap.wanted)
    first, second, setting = place[source], place[target], arrays["attribute_vector"][target]

    def of_both(values: F64) -> F64:
        return np.concatenate([values[first], values[second]], 1)

    said = [_components(codes), _components(embeddings), _shapes(points, poses)]
    return Knowledge(
        swapped=np.array(swapped), wanted=points[place[exact]], unchanged=points[second],
        identity=arrays["identity"][source],
        said=np.concatenate([*(of_both(part) for part in said), _shapes(np.array(swapped), poses[second])], 1),
        judged=of_both(_components(judge(pictures, marks))),
        marked=of_both(_shapes(marks, poses)),
        true=np.concatenate([*(arrays["identity_vector"][row] for row in (source, target)), setting], 1),
        asked=np.array(asked, np.float64) if asked else None,
    )  # fmt: skip


def _look(analyzer: FaceAnalyzer, picture: U8, marks: NDArray[np.floating]) -> tuple[F64, F64]:
    """Landmarks (68, 2) and yaw, pitch, roll that the landmark net finds in the box of known points."""
    face = analyzer.landmarker.locate(picture, [known_face(marks)])[0]
    assert face.landmarks is not None and face.pose is not None
    return face.landmarks.astype(np.float64), np.array(
        [face.pose.yaw_degrees, face.pose.pitch_degrees, face.pose.roll_degrees]
    )


def _embed(analyzer: FaceAnalyzer, picture: U8, marks: NDArray[np.floating]) -> F64:
    embedding = analyzer.recogniser.recognise(picture, [known_face(marks)])[0].embedding
    assert embedding is not None
    return embedding.astype(np.float64)


def _components(values: NDArray[np.floating]) -> F64:
    """The largest principal components of (N, ...), each of unit variance."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    left, size, _ = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    kept = size > 1e-6 * size[0]
    return (left[:, kept] * np.sqrt(len(flat)))[:, :COMPONENTS]


def _shapes(points: F64, poses: F64) -> F64:
    """Landmarks free of place and size as principal shapes, and those that bend with the head's turn."""
    centred = points - points.mean(1, keepdims=True)
    size = np.sqrt(np.square(centred).sum(-1).mean(-1))[:, None, None]
    shapes, turn = _components(centred / size)[:, :SHAPES], poses[:, :2] / 30
    bent = [shapes[:, :BENT] * turn[:, axis : axis + 1] for axis in range(2)]
    return np.concatenate([shapes, *bent, turn, turn**2], 1)


def _mean(values: NDArray[np.floating]) -> float:
    return float(np.mean(values))
