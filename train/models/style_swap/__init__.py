"""Style-blending swap (seed 000): encoder, blending module, decoder, discriminator."""

from __future__ import annotations

from train.models.style_swap.blending import Blending
from train.models.style_swap.code_heads import CodeHeads, CodeHeadsConfig
from train.models.style_swap.config import (
    PRESETS,
    BlendingConfig,
    DecoderConfig,
    EncoderConfig,
    ShapeConfig,
    StyleSwapConfig,
)
from train.models.style_swap.decoder import Decoder, DecoderAux
from train.models.style_swap.discriminator import DISCRIMINATOR_PRESETS, Discriminator, DiscriminatorConfig
from train.models.style_swap.encoder import Encoder
from train.models.style_swap.shape import ShapeOutput, ShapePath
from train.models.style_swap.style_swap import StyleSwap, SwapOutput

__all__ = [
    "DISCRIMINATOR_PRESETS",
    "PRESETS",
    "Blending",
    "BlendingConfig",
    "CodeHeads",
    "CodeHeadsConfig",
    "Decoder",
    "DecoderAux",
    "DecoderConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "Encoder",
    "EncoderConfig",
    "ShapeConfig",
    "ShapeOutput",
    "ShapePath",
    "StyleSwap",
    "StyleSwapConfig",
    "SwapOutput",
]
