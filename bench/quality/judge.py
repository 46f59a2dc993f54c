"""The judge: a recogniser of another architecture, trained on other identities, used in no loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.quality.scores import Embed
from facesdk.errors import InputError
from train.checkpoint import load_model
from train.recipes.recogniser import embed

JUDGE = Path(__file__).parent / "judge"


def load_judge(run: Path = JUDGE) -> Embed:
    """The judge as a function of pictures (N, H, W, 3) and landmarks (N, 68, 2) to embeddings (N, E).

    Args:
        run: run folder; by default the one of this repository.

    Raises:
        InputError: there is none, or it holds another network.
    """
    network, preset = load_model(run)
    if preset["net"] != "recogniser":
        raise InputError(f"{run} holds a {preset['net']}, and the judge is a recogniser.", "Choose another run.")
    size = int(preset["config"]["image_size"])

    def judge(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        with torch.no_grad():
            return embed(network, {"rgb": pictures, "landmarks": landmarks}, None, size)

    return judge
