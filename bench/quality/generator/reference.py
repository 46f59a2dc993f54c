"""What is measured once for a training set and a judge, and then kept: features of all pictures, and the components."""

from __future__ import annotations

import hashlib
import os
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.pca import PicturePCA
from bench.quality.generator.training import TrainingPictures
from facesdk.errors import InputError

F32 = NDArray[np.float32]
FORMAT = 1  # raise it when the same pictures and judge are measured in another way
PCA_PICTURES = 6000
"""Twice as many raise the baseline on unseen people by 0.13 dB (measured at 32 px), at four times the cost."""


@dataclass(frozen=True, eq=False)
class TrainingReference:
    """Of all training pictures.

    Attributes:
        features: (N, F) float32, the judge's, in the order of `TrainingPictures`.
        pca: the linear baseline, fitted on PCA_PICTURES of them.
    """

    features: F32
    pca: PicturePCA


def load_reference(
    directory: Path, training: TrainingPictures, judge: JudgeFeatures, components: int, fitted: int = PCA_PICTURES
) -> TrainingReference:
    """The reference, measured on first use.

    Args:
        directory: where it is kept; made if missing.
        training: the pictures.
        judge: whose features.
        components: of the linear baseline.
        fitted: pictures that it is fitted on.

    Raises:
        InputError: the kept file is damaged, or there are too few pictures.
    """
    text = f"{FORMAT} {judge.digest} {components} {fitted} {training.description}"
    path = directory / f"latent_flow-training-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
    if not path.is_file():
        _write(path, _measure(training, judge, components, fitted))
    try:
        with np.load(path, allow_pickle=False) as kept:
            return TrainingReference(kept["features"], PicturePCA(kept["mean"], kept["directions"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged: {error}", "Remove it, and it is measured anew.") from error


def _measure(training: TrainingPictures, judge: JudgeFeatures, components: int, fitted: int) -> TrainingReference:
    features = [judge.pooled(block) for block in track(training.blocks(), "training pictures", training.shards)]
    return TrainingReference(
        np.concatenate(features), PicturePCA.fit(training.read(training.spread(fitted)), components)
    )


def _write(path: Path, reference: TrainingReference) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, features=reference.features, mean=reference.pca.mean, directions=reference.pca.directions)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
