"""Sizes of the style-blending swap: one set of classes, presets that are numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from facesdk.errors import InputError
from train.models.layers import Norm
from train.models.preset import config_from_dict


@dataclass(frozen=True)
class EncoderConfig:
    """Attribute encoder.

    Attributes:
        stem_stride: stride of the first convolution.
        stage_depths: IR-SE units per stage.
        stage_strides: stride of each stage's first unit.
        widths: channels per stage; the stem has widths[0]. The last three stages feed the pyramid.
        styles_per_level: style elements read from the last stage, the one before, the one before that.
        style_dim: width of a style element.
        heads: "separate" convolutions per style element, or one trunk "shared" per level with a linear layer per
            element.
        head_width: channels of the heads' convolutions.
        head_size: side that a level is averaged down to before its heads; 0 keeps the level's own.
        norm: normalisation inside the IR-SE units.
        activation: "prelu" as the source, or "leaky": learned slopes cost a CPU a third of a training step.
        equalized_lr: equalised learning rate of the heads' linear layers.
        body_features: stages (1-based) whose output is handed to the decoder beside the pyramid's levels.
    """

    stem_stride: int = 1
    stage_depths: tuple[int, ...] = (3, 4, 14, 3)
    stage_strides: tuple[int, ...] = (2, 2, 2, 2)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    styles_per_level: tuple[int, int, int] = (6, 6, 6)
    style_dim: int = 512
    heads: Literal["separate", "shared"] = "separate"
    head_width: int = 512
    head_size: int = 0
    norm: Norm = "batch"
    activation: Literal["prelu", "leaky"] = "prelu"
    equalized_lr: bool = True
    body_features: tuple[int, ...] = ()

    @property
    def fpn_width(self) -> int:
        """Channels of every pyramid level: those of the last stage, which enters the pyramid as it is."""
        return self.widths[-1]

    @property
    def styles(self) -> int:
        """Number of style elements."""
        return sum(self.styles_per_level)


@dataclass(frozen=True)
class BlendingConfig:
    """Style blending module.

    Attributes:
        layers: cross-attention layers; the last one's output makes the gate.
        heads: attention heads.
        ffn_ratio: width of the feed-forward layer over style_dim; 0 for none.
        gate_limit: extension: largest size of the gate's logit, which is divided by sqrt(style_dim) too; 0 for none.
            Without it a small model's gate is shut to 0 and 1 within a thousand steps, the same for every picture
            (measured), and learns no more.
    """

    layers: int = 4
    heads: int = 8
    ffn_ratio: int = 0
    gate_limit: float = 0.0


@dataclass(frozen=True)
class DecoderConfig:
    """AdaIN style decoder.

    Attributes:
        channels: channels per resolution; two style elements each.
        base_size: the first resolution, side of the learned constant; each one after it is twice as large.
        shortcuts: resolutions after whose block the target's feature is added.
        equalized_lr: equalised learning rate of convolutions and style layers.
        blur: [1, 2, 1] filter after each upsampling.
        fused_from: resolution from which upsampling and convolution are one transposed convolution; 0 for never.
        late_upsample: convolve first, then upsample bilinearly: a quarter of the cost, for small models.
        noise_up_to: largest resolution with noise; a graph holds noise times weight, C * r * r numbers a layer.
        residual: add the block's (upsampled) input, both over sqrt(2).
        const_init: start of the learned constant. "ones" as the source; "normal" lets a decoder train from scratch.
        epsilon: epsilon of eq. 4.
        style_gain: the style layers read gain * w. Codes of an encoder that trains from scratch are small (0.02
            measured at first), and Adam moves a small product slowly.
        shortcut_warp: extension: the decoder predicts a flow that moves the target's feature.
        shortcut_gate: extension: a gate per pixel decides how much of it is added.
        mask_head: extension: a fourth channel, the logit of the composite mask.
        warp_range: largest flow, share of the picture.
    """

    channels: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64, 32, 16)
    base_size: int = 4
    shortcuts: tuple[int, ...] = (16, 32, 64)
    equalized_lr: bool = True
    blur: bool = True
    fused_from: int = 128
    late_upsample: bool = False
    noise_up_to: int = 1024
    residual: bool = False
    const_init: Literal["ones", "normal"] = "ones"
    epsilon: float = 1e-8
    style_gain: float = 1.0
    shortcut_warp: bool = False
    shortcut_gate: bool = False
    mask_head: bool = False
    warp_range: float = 0.2

    @property
    def resolutions(self) -> tuple[int, ...]:
        """base_size, twice that, ... output size."""
        return tuple(self.base_size << i for i in range(len(self.channels)))

    @property
    def styles(self) -> int:
        """Number of style elements that the decoder takes."""
        return 2 * len(self.channels)


@dataclass(frozen=True)
class ShapeConfig:
    """Shape path, an extension: landmarks of both pictures lead the decoder's shortcuts.

    Attributes:
        code: numbers that say a source's shape; 0 for no such path.
        width: of the perceptrons' hidden layers.
    """

    code: int = 0
    width: int = 0


@dataclass(frozen=True)
class StyleSwapConfig:
    """The whole generator.

    Attributes:
        image_size: side of the encoder's input. The output's side follows from the decoder's channels.
        encoder: attribute encoder.
        blending: style blending module.
        decoder: style decoder.
        shape: shape path.

    Raises:
        InputError: the parts do not fit together.
    """

    image_size: int = 256
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    blending: BlendingConfig = field(default_factory=BlendingConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    shape: ShapeConfig = field(default_factory=ShapeConfig)

    def __post_init__(self) -> None:
        if self.encoder.styles != self.decoder.styles:
            raise InputError(
                f"style_swap: the encoder makes {self.encoder.styles} styles, the decoder takes {self.decoder.styles}.",
                "Make sum(styles_per_level) twice the number of decoder resolutions.",
            )
        missing = sorted(set(self.decoder.shortcuts) - set(self.feature_channels))
        if missing:
            raise InputError(
                f"style_swap: no encoder feature at {missing} px, there are {sorted(self.feature_channels)}.",
                "Change decoder.shortcuts.",
            )

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Side of each stage's output in pixels."""
        side, sizes = self.image_size // self.encoder.stem_stride, []
        for stride in self.encoder.stage_strides:
            side //= stride
            sizes.append(side)
        return tuple(sizes)

    @property
    def feature_channels(self) -> dict[int, int]:
        """Resolution to channels of every feature that the encoder can hand over; a pyramid level wins over a stage."""
        sizes = self.stage_sizes
        found = {sizes[stage - 1]: self.encoder.widths[stage - 1] for stage in self.encoder.body_features}
        return found | {side: self.encoder.fpn_width for side in sizes[-3:]}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features between encoder and decoder, in their order: one per shortcut."""
        return tuple(f"feature_{side}" for side in self.decoder.shortcuts)

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of the shape path's maps for the decoder, in their order: one per shortcut; none without the path."""
        return tuple(f"map_{side}" for side in self.decoder.shortcuts) if self.shape.code else ()

    @property
    def output_size(self) -> int:
        """Side of the output in pixels."""
        return self.decoder.resolutions[-1]

    def at_size(self, size: int) -> StyleSwapConfig:
        """The same generator with a decoder that ends earlier; its encoder makes the styles that are left.

        Args:
            size: side of the output in pixels, one of the decoder's resolutions.

        Raises:
            InputError: the decoder has no such resolution.

        Source: eladrich/pixel2style2pixel, n_styles = 2 log2(size) - 2; the finest elements are those that go.
        """
        if size not in self.decoder.resolutions:
            known = ", ".join(map(str, self.decoder.resolutions))
            raise InputError(f"style_swap: the decoder has no output of {size} px.", f"Use one of {known}.")
        kept = self.decoder.resolutions.index(size) + 1
        coarse, middle, fine = self.encoder.styles_per_level
        fine -= 2 * (len(self.decoder.channels) - kept)
        if fine < 1:
            raise InputError(f"style_swap: at {size} px no style element is left for the encoder's finest level.")
        return replace(
            self,
            encoder=replace(self.encoder, styles_per_level=(coarse, middle, fine)),
            decoder=replace(self.decoder, channels=self.decoder.channels[:kept]),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StyleSwapConfig:
        """The config from its JSON form."""
        return config_from_dict(cls, values)


def head_depth(side: int) -> int:
    """Stride-2 convolutions that bring a map of `side` px to one pixel."""
    return math.ceil(math.log2(side))


PRESETS: dict[str, StyleSwapConfig] = {
    # Seed 000 with the decisions of the specification, sections A1-A4: IR-SE-50, 18 heads of 6/6/6, StyleGAN1 to 1024.
    "paper": StyleSwapConfig(),
    "paper_512": StyleSwapConfig().at_size(512),
    "paper_256": StyleSwapConfig().at_size(256),
    "nano": StyleSwapConfig(
        image_size=128,
        encoder=EncoderConfig(
            stem_stride=2,
            stage_depths=(1, 2, 2, 2),
            stage_strides=(1, 2, 2, 2),
            widths=(24, 48, 96, 160),
            styles_per_level=(4, 4, 4),
            style_dim=256,
            heads="shared",
            head_width=160,
            head_size=8,
            norm="batch",
            activation="leaky",
            equalized_lr=False,
            body_features=(1,),
        ),
        blending=BlendingConfig(layers=2, heads=8, gate_limit=4.0),
        decoder=DecoderConfig(
            channels=(192, 192, 160, 96, 64, 24),
            shortcuts=(8, 16, 32, 64),
            equalized_lr=False,
            blur=False,
            fused_from=0,
            late_upsample=True,
            noise_up_to=32,
            residual=True,
            const_init="normal",
            epsilon=1e-5,
            shortcut_warp=True,
            shortcut_gate=True,
            style_gain=5.0,
            mask_head=True,
        ),
        shape=ShapeConfig(code=32, width=192),
    ),
    "tiny": StyleSwapConfig(
        image_size=32,
        encoder=EncoderConfig(
            stem_stride=1,
            stage_depths=(1, 1, 1, 1),
            stage_strides=(1, 2, 2, 2),
            widths=(8, 8, 8, 16),
            styles_per_level=(2, 2, 4),
            style_dim=16,
            heads="shared",
            head_width=16,
            head_size=4,
            norm="group",
            equalized_lr=False,
        ),
        blending=BlendingConfig(layers=2, heads=2, gate_limit=4.0),
        decoder=DecoderConfig(
            channels=(16, 16, 8, 8),
            shortcuts=(8, 16),
            equalized_lr=False,
            blur=False,
            fused_from=0,
            late_upsample=True,
            noise_up_to=16,
            residual=True,
            const_init="normal",
            epsilon=1e-5,
            shortcut_warp=True,
            shortcut_gate=True,
            mask_head=True,
        ),
    ),
}
