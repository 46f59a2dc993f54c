"""The style-blending swap: encoder, blending, decoder, and the two graphs of a shape path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from export.families.family import NORMALISATION, Family
from export.torch_graph import Floor, TorchGraph, float32
from facesdk.faces.align import TEMPLATES
from facesdk.pack import TensorSpec
from train.int8 import is_rounded
from train.models.style_swap import ShapePath, StyleSwap
from train.models.style_swap.shape import CHANNELS, POINTS

# Codes and features feed the next graph; what counts in the end is the picture, so its floors are in decibels.
CODES_EXACT, CODES_REDUCED = Floor(cosine=0.9995), Floor(cosine=0.99)


def style_swap_family(net: StyleSwap, training: Mapping[str, Any]) -> Family:
    """The graphs of a trained generator.

    Args:
        net: the generator.
        training: contents of its preset.json.
    """
    config = net.config
    crops = {"swap": {"template": "canon", "size": config.image_size}}
    # A mask head is trained on the whole-head truth: ears and neck take the source's skin too.
    mask = {"reach": "head" if config.decoder.mask_head else "face"}
    graphs = (_encoder(net), _blending(net), _decoder(net))
    if net.shape is not None:
        graphs += (_shape_code(net, net.shape), _shape(net, net.shape))
    return Family(
        name="style_swap",
        tasks=("swap",),
        graphs=graphs,
        preprocessing={**NORMALISATION, "crops": crops, "mask": mask},
        training={"style_swap": training},
        features=(*config.feature_names, *config.map_names),
        codes=(config.encoder.styles, config.encoder.style_dim),
    )


def _image(net: StyleSwap) -> TensorSpec:
    return float32("image", "batch", 3, net.config.image_size, net.config.image_size)


def _codes(net: StyleSwap, name: str) -> TensorSpec:
    return float32(name, "batch", net.config.encoder.styles, net.config.encoder.style_dim)


def _features(net: StyleSwap) -> tuple[TensorSpec, ...]:
    channels = net.config.feature_channels
    sides = net.config.decoder.shortcuts
    names = net.config.feature_names
    return tuple(float32(name, "batch", channels[r], r, r) for name, r in zip(names, sides, strict=True))


def _maps(net: StyleSwap) -> tuple[TensorSpec, ...]:
    names = net.config.map_names
    return tuple(float32(name, "batch", CHANNELS, r, r) for name, r in zip(names, net.config.decoder.shortcuts))


def _points(net: StyleSwap, pictures: Tensor) -> Tensor:
    """(B, 68, 2) points that a picture decides: the mean ones, wider for a brighter picture."""
    assert net.shape is not None
    mean = net.shape.mean.view(POINTS, 2)
    centre = torch.from_numpy(TEMPLATES["canon"].mean(0))
    return centre + mean * (1.0 + 0.2 * pictures.mean((1, 2, 3))[:, None, None])


def _encoder(net: StyleSwap) -> TorchGraph:
    def encode(image: Tensor) -> tuple[Tensor, ...]:
        codes, features = net.encoder(image)
        return (codes, *features)

    return TorchGraph(
        family="style_swap",
        name="encoder",
        function=encode,
        inputs=(_image(net),),
        outputs=(_codes(net, "codes"), *_features(net)),
        owners=(net.encoder,),
        picture=_image(net),
        exact={"*": CODES_EXACT},
        reduced={"*": CODES_REDUCED},
    )


def _blending(net: StyleSwap) -> TorchGraph:
    def blend(codes_target: Tensor, codes_source: Tensor) -> Tensor:
        codes, _gate = net.blending(codes_target, codes_source)
        return codes

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        # The source of each picture is its mirror image: two codes also where the batch is one.
        return net.encoder(pictures)[0], net.encoder(pictures.flip(-1))[0]

    return TorchGraph(
        family="style_swap",
        name="blending",
        function=blend,
        inputs=(_codes(net, "codes_target"), _codes(net, "codes_source")),
        outputs=(_codes(net, "codes"),),
        owners=(net.blending,),
        picture=_image(net),
        from_pictures=inputs,
        exact={"*": CODES_EXACT},
        reduced={"*": CODES_REDUCED},
    )


def _decoder(net: StyleSwap) -> TorchGraph:
    size = net.config.output_size
    has_mask = net.config.decoder.mask_head

    count = len(net.config.feature_names)

    def decode(codes: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        image, mask, _aux = net.decoder(codes, given[:count], noise="fixed", maps=given[count:])
        image = image.clamp(-1.0, 1.0)
        return (image,) if mask is None else (image, mask.sigmoid())

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        codes, features = net.encoder(pictures)
        if net.shape is None:
            return (codes, *features)
        points = _points(net, pictures)
        return (codes, *features, *net.shape(net.shape.code(points.flip(-2)), points).maps)

    outputs = [float32("image", "batch", 3, size, size)]
    if has_mask:
        outputs.append(float32("mask", "batch", 1, size, size))
    return TorchGraph(
        family="style_swap",
        name="decoder",
        function=decode,
        inputs=(_codes(net, "codes"), *_features(net), *_maps(net)),
        outputs=tuple(outputs),
        owners=(net.decoder,),
        picture=_image(net),
        from_pictures=inputs,
        exact={"image": Floor(psnr_db=45.0), "mask": Floor(mean_abs=3e-3)},
        reduced={"image": Floor(psnr_db=30.0), "mask": Floor(mean_abs=3e-2)},
    )


def _shape_code(net: StyleSwap, shape: ShapePath) -> TorchGraph:
    return TorchGraph(
        family="style_swap",
        name="shape_code",
        function=shape.code,
        inputs=(float32("points", "batch", POINTS, 2),),
        outputs=(float32("shape", "batch", net.config.shape.code),),
        owners=(shape,),
        picture=_image(net),
        from_pictures=lambda pictures: (_points(net, pictures),),
        # bfloat16 tells places of a picture apart by half a pixel.
        float32_only=True,
        finer=_finer(shape.read),
        unpacked=_matrices(shape.read),
        exact={"*": CODES_EXACT},
    )


def _shape(net: StyleSwap, shape: ShapePath) -> TorchGraph:
    def move(code: Tensor, points: Tensor) -> tuple[Tensor, ...]:
        wanted, maps = shape(code, points)
        return (wanted, *maps)

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        points = _points(net, pictures)
        return shape.code(points.flip(-2)), points

    return TorchGraph(
        family="style_swap",
        name="shape",
        function=move,
        inputs=(float32("shape", "batch", net.config.shape.code), float32("points", "batch", POINTS, 2)),
        outputs=(float32("wanted", "batch", POINTS, 2), *_maps(net)),
        owners=(shape,),
        picture=_image(net),
        from_pictures=inputs,
        float32_only=True,
        finer=_finer(shape.move),
        unpacked=_matrices(shape.move),
        # A share of the crop: a thousandth is an eighth of a pixel.
        exact={"wanted": Floor(max_abs=1e-3), "*": CODES_EXACT},
    )


def _matrices(layers: nn.Sequential) -> tuple[nn.Parameter, ...]:
    return tuple(layer.weight for layer in layers if isinstance(layer, nn.Linear))


def _finer(layers: nn.Sequential) -> tuple[nn.Parameter, ...]:
    """Matrices that int8 would change, see `train.round_weights`: the decoder would see it in the picture."""
    return tuple(weight for weight in _matrices(layers) if not is_rounded(weight))
