from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.quality.judge import load_judge
from facesdk.errors import InputError
from facesdk.faces.align import crop_matrix, warp_crop
from tests.facesdk.fake_pack import face_landmarks
from train.checkpoint import config_dict, save_weights
from train.models.faces.parser import PRESETS as PARSERS
from train.models.faces.parser import Parser
from train.models.faces.recogniser import PRESETS, Recogniser
from train.recipes.tensors import picture_tensor


def _save(run: Path, network: nn.Module, net: str) -> None:
    save_weights(run, network.state_dict(), {"net": net, "config": config_dict(network.config)})


def test_the_judge_embeds_aligned_crops(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Recogniser(PRESETS["tiny"]).eval()
    _save(tmp_path, network, "recogniser")
    size = network.config.image_size
    pictures = np.random.default_rng(0).integers(0, 256, (2, 90, 90, 3), np.uint8)
    marks = np.stack([face_landmarks() * 60 + 5, face_landmarks() * 50 + 20])
    found = load_judge(tmp_path)(pictures, marks)
    crops = [warp_crop(rgb, crop_matrix(m, "arcface", size), size) for rgb, m in zip(pictures, marks)]
    with torch.no_grad():
        wanted = network(picture_tensor(np.stack(crops))).numpy()
    assert found.shape == (2, network.config.embedding) and np.allclose(found, wanted, atol=1e-5)
    assert not np.allclose(found[0], found[1], atol=1e-3)


def test_another_network_or_none_is_no_judge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run found"):
        load_judge(tmp_path)
    _save(tmp_path, Parser(PARSERS["tiny"]), "parser")
    with pytest.raises(InputError, match="holds a parser"):
        load_judge(tmp_path)
