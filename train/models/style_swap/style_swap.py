"""The generator: encode both pictures, blend the codes, decode with the target's features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from facesdk.errors import InputError
from train.models.style_swap.blending import Blending
from train.models.style_swap.config import StyleSwapConfig
from train.models.style_swap.decoder import Decoder, DecoderAux, Noise
from train.models.style_swap.encoder import Encoder
from train.models.style_swap.shape import ShapePath
from train.ops.pictures_last import first


class SwapOutput(NamedTuple):
    """A swap and what led to it.

    Attributes:
        image: (B, 3, S, S) RGB, about [-1, 1], not clipped, not composited.
        mask: (B, 1, S, S) logit of where `image` replaces the target, or None without a mask head.
        codes: (B, L, D), W'.
        codes_target: (B, L, D), W_t.
        codes_source: (B, L, D), W_s.
        gate: (B, L, D) in [0, 1], 1 = the target's.
        aux: gates and flows of the shortcuts.
        wanted: (B, 68, 2) landmarks that the shape path asks for, share of the crop, or None without one.
    """

    image: Tensor
    mask: Tensor | None
    codes: Tensor
    codes_target: Tensor
    codes_source: Tensor
    gate: Tensor
    aux: DecoderAux
    wanted: Tensor | None = None

    def composite(self, target: Tensor) -> Tensor:
        """The picture inside the mask, the target outside; the picture itself without a mask head. (B, 3, S, S)."""
        if self.mask is None:
            return self.image
        share = self.mask.sigmoid()
        return target + share * (self.image - target)


class StyleSwap(nn.Module):
    """G(source, target) of the seed.

    Args:
        config: sizes; see PRESETS.

    Source: seed 000, section 2.
    """

    def __init__(self, config: StyleSwapConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.blending = Blending(config)
        self.decoder = Decoder(config)
        self.shape = ShapePath(config) if config.shape.code else None

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        noise: Noise = "random",
        given: Tensor | None = None,
        points: tuple[Tensor, Tensor] | None = None,
    ) -> SwapOutput:
        """Swaps.

        Args:
            source: (B, 3, S, S) float, RGB in [-1, 1]: who.
            target: (B, 3, S, S) float, RGB in [-1, 1]: everything else.
            noise: "random" in training, "fixed" for a picture that comes out the same every time.
            given: (B, L, D) codes that are decoded in the place of the blended ones.
            points: landmarks of source and target, (B, 68, 2) each, share of the crop; for the shape path.

        Raises:
            InputError: the generator has a shape path, and there are no points.
        """
        batch = target.shape[0]
        # One pass for both: the weights are shared.
        codes, features = self.encoder(torch.cat([target, source]))
        codes_target, codes_source = codes[:batch], codes[batch:]
        blended, gate = self.blending(codes_target, codes_source)
        wanted, maps = None, ()
        if self.shape is not None:
            if points is None:
                raise InputError("style_swap: the shape path needs landmarks of both pictures.", "Give points.")
            wanted, maps = self.shape(self.shape.code(points[0]), points[1])
        of_target = [first(f, batch) if self.training else f[:batch] for f in features]
        image, mask, aux = self.decoder(blended if given is None else given, of_target, noise, maps)
        return SwapOutput(image, mask, blended, codes_target, codes_source, gate, aux, wanted)
