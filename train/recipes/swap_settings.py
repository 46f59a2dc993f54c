"""Settings of the swap's trainings: which losses, how strong, how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from train.losses.curriculum import Curriculum
from train.losses.total import PAPER_WEIGHTS
from train.recipe import TrainConfig

Phase = Literal["joint", "encoder", "decoder", "codes", "shape"]


@dataclass(frozen=True)
class SwapLosses:
    """Which losses, and how strong.

    Attributes:
        weights: by name; 0 leaves a term out, and what only it needs is not computed.
        curriculum: how often source and target are the same picture.
        gates_from: least side of a shortcut whose gate is told to close where the face is, share of the picture's.
        phase: "encoder" freezes the decoder (phase 1 of the seed), "decoder" freezes encoder and blending (phase 2),
            "joint" trains all but the shape path; "codes" trains encoder and blending on what the codes tell, without a
            picture, and "shape" the shape path on landmarks alone.
    """

    weights: Mapping[str, float]
    curriculum: Curriculum = field(default_factory=Curriculum)
    phase: Phase = "joint"
    gates_from: float = 0.0


_OFF = {
    "picture": 0.0, "mask": 0.0, "composite": 0.0, "gates": 0.0,
    "code_identity": 0.0, "code_attributes": 0.0, "blend_identity": 0.0, "blend_attributes": 0.0, "code_embedding": 0.0,
    "perceptual": 0.0, "points": 0.0,
}  # fmt: skip
CODES = {
    "code_identity": 1.0,
    "code_attributes": 1.0,
    "blend_identity": 1.0,
    "blend_attributes": 1.0,
    "code_embedding": 1.0,
}
_ORACLE = {
    "adversarial": 0.0, "contrastive": 0.0, "landmark": 0.0, "swap_consistency": 0.0, "reconstruction": 0.0,
    "picture": 3.0, "composite": 2.0, "mask": 0.3, "gates": 0.15,
    "code_identity": 1.0, "code_attributes": 0.2, "blend_identity": 1.5, "blend_attributes": 0.3, "code_embedding": 0.3,
    "identity": 0.0, "perceptual": 0.8, "points": 20.0,
}  # fmt: skip

LOSSES: dict[str, SwapLosses] = {
    # Seed 000, section 3; phase 2 is the same with phase="decoder" and a smaller rate.
    "paper": SwapLosses({**_OFF, **PAPER_WEIGHTS}, phase="encoder"),
    "paper_decoder": SwapLosses({**_OFF, **PAPER_WEIGHTS}, phase="decoder"),
    "nano": SwapLosses(_ORACLE, Curriculum(hold=0.0, fall=0.05, floor=0.05), gates_from=0.25),
    # The encoder has gone on alone: first the decoder alone learns to read the codes as they are now.
    "nano_decoder": SwapLosses(_ORACLE, Curriculum(hold=0.0, fall=0.05, floor=0.05), phase="decoder", gates_from=0.25),
    # Last stage: the critic asks for what distances leave soft. At a weight of 0.05 five hundred steps changed next to
    # nothing; at 0.3 eyes, brows and hair are sharp, for 0.3 dB in the landmark hull at a share of 0.8 (`train.mix`).
    "nano_sharp": SwapLosses(
        {**_ORACLE, "adversarial": 0.3}, Curriculum(hold=0.0, fall=0.05, floor=0.05), gates_from=0.25
    ),
    "nano_shape": SwapLosses({**{name: 0.0 for name in _ORACLE}, "shape": 1.0}, phase="shape"),
    "nano_codes": SwapLosses({**{name: 0.0 for name in _ORACLE}, **CODES}, phase="codes"),
    "tiny": SwapLosses(
        {**_OFF, **PAPER_WEIGHTS, **{k: 1.0 for k in _OFF if k not in ("perceptual", "code_embedding", "points")}}
    ),
}
SETTINGS: dict[str, TrainConfig] = {
    "paper": TrainConfig(
        steps=2_400_000, batch_size=32, learning_rate=4e-5, final_share=1.0, betas=(0.5, 0.99), weight_decay=0.0,
        ema=0.999, eval_every=10_000, save_every=10_000,
    ),
    "paper_decoder": TrainConfig(
        steps=100_000, batch_size=32, learning_rate=4e-6, final_share=1.0, betas=(0.5, 0.99), weight_decay=0.0,
        ema=0.999, eval_every=10_000, save_every=10_000,
    ),
    "nano": TrainConfig(steps=3600, batch_size=16, learning_rate=1e-3, warmup_steps=300, ema=0.995, eval_every=1000),
    "nano_decoder": TrainConfig(
        steps=700, batch_size=16, learning_rate=8e-4, warmup_steps=50, ema=0.995, eval_every=350,
    ),
    "nano_sharp": TrainConfig(
        steps=2000, batch_size=16, learning_rate=3e-4, warmup_steps=100, ema=0.995, eval_every=500, save_every=250,
    ),
    "nano_codes": TrainConfig(
        steps=5000, batch_size=64, learning_rate=2e-3, warmup_steps=300, weight_decay=0.03, ema=0.995, eval_every=1000,
    ),
    "nano_shape": TrainConfig(
        steps=6000, batch_size=256, learning_rate=1e-3, warmup_steps=100, weight_decay=0.03, ema=0.995, eval_every=1000,
    ),
    "tiny": TrainConfig(steps=4, batch_size=4, learning_rate=1e-3, eval_every=4, save_every=2, precision="no"),
}  # fmt: skip
