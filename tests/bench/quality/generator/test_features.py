from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.quality.generator import features
from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.pictures import GeneratorSet
from facesdk.errors import InputError
from tests.bench.quality.generator.conftest import TINY_JUDGE
from train.checkpoint import config_dict, save_weights
from train.models.faces.recogniser import PRESETS, Recogniser


def test_pooled_features_are_what_the_last_layer_reads(
    judge: JudgeFeatures, tiny_pictures: GeneratorSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judge.pooled(tiny_pictures.rgb)
    assert found.shape == (8, 4 * TINY_JUDGE.widths[-1]) and np.isfinite(found).all()
    body = judge._network.body
    with torch.no_grad():
        embedding = body.features(body.fc(torch.from_numpy(found))).numpy()
        wanted = judge._network(judge._crops(tiny_pictures.rgb)).numpy()
    assert np.allclose(embedding, wanted, atol=1e-5)
    monkeypatch.setattr(features, "BATCH", 3)
    assert np.allclose(judge.pooled(tiny_pictures.rgb), found, atol=1e-5)


def test_perceptual_distance(judge: JudgeFeatures, tiny_pictures: GeneratorSet) -> None:
    pictures = tiny_pictures.rgb
    rng = np.random.default_rng(0)
    noisy = [np.clip(pictures + rng.normal(0, by, pictures.shape), 0, 255).astype(np.uint8) for by in (0, 5, 20, 60)]
    means = [float(judge.distance(one, pictures).mean()) for one in noisy]
    assert means[0] == 0 and means == sorted(means) and means[1] > 0
    apart = judge.distance(pictures, pictures[::-1])
    # Both ways the same, and at most 4 a stage: maps are unit vectors.
    assert np.allclose(apart, judge.distance(pictures[::-1], pictures)) and apart.max() <= 4 * 2


def test_the_crop_is_the_judges_own_part_of_the_picture(judge: JudgeFeatures, tiny_pictures: GeneratorSet) -> None:
    # The judge looks at the inner face: what is in the corners above it does not count.
    changed = tiny_pictures.rgb.copy()
    changed[:, :4, :4] = 0
    assert np.allclose(judge.pooled(changed), judge.pooled(tiny_pictures.rgb), atol=1e-5)
    changed[:, 24:40, 24:40] = 0
    assert not np.allclose(judge.pooled(changed), judge.pooled(tiny_pictures.rgb), atol=1e-3)


def test_another_network_is_no_judge(tmp_path: Path) -> None:
    network = Recogniser(PRESETS["tiny"])
    save_weights(tmp_path, network.state_dict(), {"net": "recogniser", "config": config_dict(network.config)})
    with pytest.raises(InputError, match="no judge"):
        JudgeFeatures(tmp_path)


def test_the_digest_is_of_the_weights(judge: JudgeFeatures, judge_run: Path, tmp_path: Path) -> None:
    assert JudgeFeatures(judge_run).digest == judge.digest
    torch.manual_seed(1)
    network = Recogniser(TINY_JUDGE)
    save_weights(tmp_path, network.state_dict(), {"net": "recogniser", "config": config_dict(TINY_JUDGE)})
    assert JudgeFeatures(tmp_path).digest != judge.digest
