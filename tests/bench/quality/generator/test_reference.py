from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.quality.generator import reference
from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.reference import load_reference
from bench.quality.generator.training import TrainingPictures
from facesdk.errors import InputError
from tests.bench.quality.generator.conftest import TRAIN_PICTURES


def test_measured_once_and_kept(
    train_folder: Path, judge: JudgeFeatures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = TrainingPictures([train_folder])
    made = load_reference(tmp_path, training, judge, 4)
    whole = np.concatenate(list(training.blocks()))
    assert len(made.features) == TRAIN_PICTURES and np.allclose(made.features, judge.pooled(whole), atol=1e-5)
    assert made.pca.directions.shape == (4, whole[0].size)
    assert np.allclose(made.pca.mean, whole.reshape(len(whole), -1).mean(0), atol=1e-3)
    monkeypatch.setattr(reference, "_measure", lambda *a: pytest.fail("measured again"))
    kept = load_reference(tmp_path, training, judge, 4)
    assert np.array_equal(kept.features, made.features) and np.array_equal(kept.pca.mean, made.pca.mean)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged"):
        load_reference(tmp_path, training, judge, 4)


def test_other_pictures_judges_or_sizes_are_other_files(
    train_folder: Path, judge: JudgeFeatures, tmp_path: Path
) -> None:
    training = TrainingPictures([train_folder])
    load_reference(tmp_path, training, judge, 4)
    load_reference(tmp_path, training, judge, 5)
    load_reference(tmp_path, TrainingPictures([train_folder, train_folder]), judge, 4)
    assert len(list(tmp_path.iterdir())) == 3
