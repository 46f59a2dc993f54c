"""Tiny training and test pictures, a tiny judge, and the generator that can be solved by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.quality.generator.features import JudgeFeatures
from bench.quality.generator.pictures import GeneratorSet, GeneratorSetOptions, load_generator_set
from facesdk.pack import Pack
from tests.facesdk import tiny_generator
from train.checkpoint import config_dict, save_weights
from train.data.attributes import VOCABULARY
from train.data.face_world.shard_options import ShardOptions
from train.data.face_world.shards import write_shards
from train.models.faces.recogniser import Recogniser, RecogniserConfig

TINY_SET = GeneratorSetOptions(
    ("own",), 4, 8, size=tiny_generator.SIDE, members=2, settings=2, supersample=1, hair_strands=200
)
TINY_TRAIN = ShardOptions(
    size=tiny_generator.SIDE, identities=8, members=2, settings_per_set=2, sets_per_shard=4, supersample=1,
    hair_strands=200,
)  # fmt: skip
TRAIN_PICTURES = 32
TINY_JUDGE = RecogniserConfig(
    body="plain",
    embedding=16,
    image_size=48,
    stem_stride=2,
    depths=(1, 2),
    widths=(8, 12),
    strides=(2, 2),
    stem_width=8,
)


@pytest.fixture(scope="session")
def set_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generator-set")
    load_generator_set(folder, TINY_SET, workers=1)
    return folder


@pytest.fixture(scope="session")
def tiny_pictures(set_folder: Path) -> GeneratorSet:
    return load_generator_set(set_folder, TINY_SET, workers=1)


@pytest.fixture(scope="session")
def train_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generator-train")
    write_shards(folder, TINY_TRAIN, TRAIN_PICTURES)
    return folder


@pytest.fixture(scope="session")
def judge_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    run = tmp_path_factory.mktemp("judge")
    network = Recogniser(TINY_JUDGE)
    save_weights(run, network.state_dict(), {"net": "recogniser", "config": config_dict(TINY_JUDGE)})
    return run


@pytest.fixture(scope="session")
def judge(judge_run: Path) -> JudgeFeatures:
    return JudgeFeatures(judge_run)


@pytest.fixture(scope="session")
def generator_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The linear generator with the real vocabulary."""
    with pytest.MonkeyPatch.context() as patch:
        pull = np.random.default_rng(3).uniform(-0.2, 0.2, (VOCABULARY.width, tiny_generator.LATENT))
        patch.setattr(tiny_generator, "WORDS", VOCABULARY)
        patch.setattr(tiny_generator, "PULL", pull.astype(np.float32))
        return tiny_generator.write_generator_pack(tmp_path_factory.mktemp("packs") / "people")
