"""Reads the shape of a head off the judge's embedding: a ridge regression, kept beside the judge's weights."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.media.sink import write_atomic
from train.data.face_world.head import get_head
from train.data.face_world.sample import HEADS, SEEDS_PER_HEAD, sample_identity
from train.data.face_world.vectors import LANDMARK_SCALE, mean_landmarks

F32 = NDArray[np.float32]
SHAPE_FILE = "shape.npz"
COMPONENTS = 12  # they hold nearly all that 68 points of a neutral head vary by
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the ridge, for one picture
HELD_OUT = 5  # every fifth identity chooses the penalty


@dataclass(frozen=True, eq=False)
class ShapeReader:
    """From embeddings to the main components of the neutral head's 68 points.

    Attributes:
        judge: sha256 of the weights that it was fitted to, as 64 characters.
        heads: (H,) numbers of the head models in HEADS that it knows.
        embedding: (H, E) mean unit embedding of each.
        shape: (H, 204) mean shape of each.
        basis: (204, K) orthonormal components, the largest variance first.
        variance: (K,) of the training identities along them.
        weights: (E, K) of the ridge.
        held_out: correlation with the truth on identities that the fit left out, weighted as `shape_correlation`.
    """

    judge: str
    heads: NDArray[np.int64]
    embedding: F32
    shape: F32
    basis: F32
    variance: F32
    weights: F32
    held_out: float

    def read(self, embeddings: NDArray[np.floating], heads: NDArray[np.integer]) -> F32:
        """(N, K) components that embeddings (N, E) tell; heads (N,) are numbers in HEADS."""
        return np.asarray((_unit(embeddings) - self.embedding[self._rows(heads)]) @ self.weights, np.float32)

    def project(self, shapes: F32, heads: NDArray[np.integer]) -> F32:
        """(N, K) components of true shapes (N, 204)."""
        return np.asarray((shapes - self.shape[self._rows(heads)]) @ self.basis, np.float32)

    def _rows(self, heads: NDArray[np.integer]) -> NDArray[np.int64]:
        unknown = sorted(set(heads.tolist()) - set(self.heads.tolist()))
        if unknown:
            raise InputError(
                f"the shape reader was not fitted to the head models {[HEADS[number] for number in unknown]}.",
                "Fit it to data with them: python -m bench quality shape_reader --help",
            )
        return np.searchsorted(self.heads, heads)


def neutral_shapes(identities: NDArray[np.integer]) -> F32:
    """(N, 204) float32 neutral landmarks less the own head's mean, as identity vectors begin.

    Args:
        identities: (N,) identity numbers.

    Raises:
        InputError: a head model is not here.
    """
    known: dict[int, F32] = {}
    for number in np.unique(identities).tolist():
        index, seed = divmod(number, SEEDS_PER_HEAD)
        head = get_head(HEADS[index])
        points = head.neutral(sample_identity(seed, HEADS[index]))[head.mesh.landmarks]
        known[number] = ((np.asarray(points, np.float32) - mean_landmarks()) * LANDMARK_SCALE).reshape(-1)
    return np.stack([known[int(number)] for number in identities])


def fit_shape_reader(
    embeddings: NDArray[np.floating], identities: NDArray[np.integer], shapes: F32, judge: str
) -> ShapeReader:
    """Fits the ridge; the penalty is the one that reads left-out identities best.

    Args:
        embeddings: (N, E) of the judge.
        identities: (N,) identity numbers, of the training split.
        shapes: (N, 204), as `neutral_shapes` or the first columns of the shards' identity vectors.
        judge: sha256 of the judge's weights.

    Raises:
        InputError: too few identities.
    """
    people = np.unique(identities)
    heads = np.unique(identities // SEEDS_PER_HEAD)
    if len(people) < 4 * HELD_OUT:
        raise InputError(f"{len(people)} identities are too few for a shape reader.", f"Give {4 * HELD_OUT} or more.")
    rows = np.searchsorted(heads, identities // SEEDS_PER_HEAD)
    x = _unit(embeddings)
    mean_x = np.stack([x[rows == index].mean(0) for index in range(len(heads))])
    mean_y = np.stack([shapes[rows == index].mean(0) for index in range(len(heads))])
    x, y = x - mean_x[rows], shapes - mean_y[rows]
    values, vectors = np.linalg.eigh(y.T @ y / len(y))
    count = min(COMPONENTS, y.shape[1])
    basis, variance = vectors[:, ::-1][:, :count], values[::-1][:count]
    z = y @ basis
    left_out = np.isin(identities, people[::HELD_OUT])
    judged = identities[left_out] // SEEDS_PER_HEAD
    scores = {
        penalty: shape_correlation(x[left_out] @ _ridge(x[~left_out], z[~left_out], penalty), z[left_out], judged)
        for penalty in PENALTIES
    }
    best = max(scores, key=lambda penalty: scores[penalty])
    arrays = (mean_x, mean_y, basis, variance, _ridge(x, z, best))
    return ShapeReader(judge, heads, *(np.asarray(a, np.float32) for a in arrays), scores[best])


def shape_correlation(read: NDArray[np.floating], true: NDArray[np.floating], heads: NDArray[np.integer]) -> float:
    """Pearson correlation of shape components, mean over them weighted by how much of the shape they are.

    Each head model is centred apart, since to tell the models from each other is no merit of a swap.

    Args:
        read: (N, K).
        true: (N, K).
        heads: (N,) numbers in HEADS.
    """
    read, true = read.astype(np.float64), true.astype(np.float64)
    for head in np.unique(heads):
        rows = heads == head
        read[rows] -= read[rows].mean(0)
        true[rows] -= true[rows].mean(0)
    weight = (true**2).mean(0)
    scale = np.sqrt((read**2).mean(0) * weight)
    correlation = np.divide((read * true).mean(0), scale, out=np.zeros_like(scale), where=scale > 1e-12)
    return float((correlation * weight).sum() / max(weight.sum(), 1e-12))


def weights_digest(run: Path) -> str:
    """sha256 of a run folder's weights."""
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def save_shape_reader(run: Path, reader: ShapeReader) -> Path:
    """Writes the reader into the judge's run folder."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{entry.name: np.asarray(getattr(reader, entry.name)) for entry in fields(reader)})
    path = run / SHAPE_FILE
    write_atomic(path, stream.getvalue())
    return path


def load_shape_reader(run: Path) -> ShapeReader | None:
    """The reader of a judge's run folder; None where none was fitted.

    Raises:
        InputError: it was fitted to other weights than those that lie there.
    """
    path = run / SHAPE_FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    reader = ShapeReader(**{**arrays, "judge": str(arrays["judge"]), "held_out": float(arrays["held_out"])})
    if reader.judge != weights_digest(run):
        raise InputError(
            f"{path} was fitted to another judge than the one beside it.",
            "Fit it anew: python -m bench quality shape_reader --help",
        )
    return reader


def _unit(embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = embeddings.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


def _ridge(x: NDArray[np.float64], z: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    # The penalty counts in units of the embedding's mean variance, so that it does not depend on the number of rows.
    gram = x.T @ x
    return np.linalg.solve(gram + penalty * np.trace(gram) / len(gram) * np.eye(len(gram)), x.T @ z)
