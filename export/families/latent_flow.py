"""The generator: VAE encoder and decoder, velocity net, and the few-step sampler as one graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from export.families.family import NORMALISATION, Family
from export.few_step_sampler import FewStepSampler
from export.torch_graph import Floor, TorchGraph, float32
from facesdk.attributes import Value
from facesdk.errors import InputError
from facesdk.pack import TensorSpec
from facesdk.sampling.prior import AttributePrior
from train.data.attributes import VOCABULARY, AttributeTable
from train.flow.path import path_point
from train.models.latent_flow.vae import VAE
from train.models.latent_flow.velocity import VelocityNet

STEPS = (1, 2, 4)
DEFAULT_STEPS = 4
GUIDANCE = 3.0
# Of attributes that were drawn, against nothing.
PRIOR_GUIDANCE = 1.3
PRIOR_ROWS = 512
# What parity asks for, row by row; every second row also asks for somebody's likeness.
WISHES: tuple[dict[str, Value], ...] = (
    {"smile": 0.9, "glasses": True},
    {"hair": "red", "masculine": 0.1, "yaw": -30.0},
    {},
    {"beard": True, "age": 0.9, "skin_tone": 0.8, "hair": "gray"},
)
SEED = 5

# Latents have a variance of 1, so these are also shares of it; what counts is the picture, so its floor is in decibels.
LATENT_EXACT, LATENT_REDUCED = Floor(cosine=0.9995, picture_db=40.0), Floor(cosine=0.99, picture_db=32.0)


def draw_prior(table: AttributeTable) -> AttributePrior:
    """Some pictures of the training set, of which a face draws its attributes; always the same ones."""
    count = min(PRIOR_ROWS, len(table))
    rows = np.random.default_rng(SEED).choice(len(table), count, replace=False)
    return AttributePrior(VOCABULARY, table.rows(rows).by_name())


def latent_flow_family(
    vae: VAE, net: VelocityNet, training: Mapping[str, Mapping[str, Any]], prior: AttributePrior | None = None
) -> Family:
    """The four graphs of a trained generator.

    Args:
        vae: with the statistics of its latents.
        net: trained on the normalised latents of this VAE.
        training: net -> contents of its preset.json.
        prior: of the attributes that nobody asked for; None leaves them open.

    Raises:
        InputError: the two do not fit together, or the vocabulary is another one than the net's.
    """
    got = (net.config.latent, net.config.condition)
    if got != (vae.config.latent, VOCABULARY.width):
        raise InputError(
            f"latent_flow: the velocity net takes latents and conditions of widths {got}, the VAE and the vocabulary "
            f"have {(vae.config.latent, VOCABULARY.width)}.",
            "Name a flow that was trained on this VAE.",
        )
    # Pictures are decoded beside the traced networks too, so all of them must stand in eval mode now.
    vae.eval()
    net.eval()
    crops = {"generate": {"template": "canon", "size": vae.config.image_size}}
    sampler = {
        "path": "condot",
        "steps": list(STEPS),
        "default_steps": DEFAULT_STEPS,
        "guidance": GUIDANCE,
        "prior_guidance": PRIOR_GUIDANCE,
    }
    drawn = {} if prior is None else {"attribute_prior": prior.to_manifest()}
    return Family(
        name="latent_flow",
        tasks=("generate", "edit"),
        graphs=(*vae_graphs(vae), velocity_graph(vae, net), _sampler(vae, net)),
        preprocessing={**NORMALISATION, "crops": crops},
        training=training,
        extra={"latent": vae.config.latent, "attributes": VOCABULARY.to_manifest(), "sampler": sampler, **drawn},
    )


def vae_graphs(vae: VAE) -> tuple[TorchGraph, TorchGraph]:
    """Picture to normalised latent, and back."""
    return _encoder(vae), _decoder(vae)


def _encoder(vae: VAE) -> TorchGraph:
    def encode(image: Tensor) -> tuple[Tensor, Tensor]:
        posterior = vae.encode(image)
        return vae.normalise(posterior.mean), posterior.log_variance - 2.0 * vae.latent_std.log()

    return TorchGraph(
        family="latent_flow",
        name="encoder",
        function=encode,
        inputs=(_image(vae),),
        outputs=(_latent(vae), _latent(vae, "log_variance")),
        owners=(vae.encoder,),
        picture=_image(vae),
        shows={"latent": lambda latent: _decoded(vae, latent)},
        # A tenth of a nat is 5 % of the deviation that is drawn with.
        exact={"latent": LATENT_EXACT, "log_variance": Floor(mean_abs=1e-2)},
        reduced={"latent": LATENT_REDUCED, "log_variance": Floor(mean_abs=1e-1)},
    )


def _decoder(vae: VAE) -> TorchGraph:
    return TorchGraph(
        family="latent_flow",
        name="decoder",
        function=lambda latent: _decoded(vae, latent),
        inputs=(_latent(vae),),
        outputs=(_image(vae),),
        owners=(vae.decoder,),
        picture=_image(vae),
        from_pictures=lambda pictures: (_encoded(vae, pictures),),
        exact={"image": Floor(psnr_db=45.0)},
        reduced={"image": Floor(psnr_db=35.0)},
    )


def velocity_graph(vae: VAE, net: VelocityNet) -> TorchGraph:
    """Velocity on the normalised latents of a VAE, which only the examples are made with."""

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        """Points on the way to the pictures, every second one with a span of zero."""
        noise, *wish = _wishes(net, len(pictures))
        rows = torch.arange(len(pictures))
        # Golden section: spread over 0..1 whatever the batch.
        time = (rows * 0.618 + 0.1) % 1.0
        end = torch.where(rows % 2 == 0, torch.clamp(time + 0.25, max=1.0), time)
        return path_point(noise, _encoded(vae, pictures), time), time, end, *wish

    return TorchGraph(
        family="latent_flow",
        name="velocity",
        function=net,
        inputs=(_latent(vae), float32("time", "batch"), float32("end", "batch"), *_condition(net)),
        outputs=(_latent(vae, "velocity"),),
        owners=(net,),
        picture=_image(vae),
        from_pictures=inputs,
        # Guidance multiplies what bf16 rounds off: latents of nano came out 20 % of their spread away from those of
        # float32 (OpenVINO 2026.4), and of faces asked for black hair 46 in 100 had it for 89. On random inputs: 1 %.
        float32_only=True,
        exact={"velocity": Floor(cosine=0.9995)},
        reduced={"velocity": Floor(cosine=0.99)},
    )


def _sampler(vae: VAE, net: VelocityNet) -> TorchGraph:
    sampler = FewStepSampler(net, DEFAULT_STEPS).eval()

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        noise, condition, identity = _wishes(net, len(pictures))
        # Every third row has something in its base.
        base = condition.roll(1, 0) * (torch.arange(len(pictures)) % 3 == 2)[:, None]
        return noise, condition, identity, base, torch.full((len(pictures),), GUIDANCE)

    return TorchGraph(
        family="latent_flow",
        name="sampler",
        function=sampler,
        inputs=(_latent(vae, "noise"), *_condition(net), _condition(net, "base")[0], float32("guidance", "batch")),
        outputs=(_latent(vae),),
        owners=(sampler,),
        picture=_image(vae),
        from_pictures=inputs,
        float32_only=True,  # as the velocity net
        shows={"latent": lambda latent: _decoded(vae, latent)},
        exact={"latent": LATENT_EXACT},
        reduced={"latent": LATENT_REDUCED},
    )


def _image(vae: VAE) -> TensorSpec:
    return float32("image", "batch", 3, vae.config.image_size, vae.config.image_size)


def _latent(vae: VAE, name: str = "latent") -> TensorSpec:
    return float32(name, "batch", vae.config.latent)


def _condition(net: VelocityNet, name: str = "condition") -> tuple[TensorSpec, TensorSpec]:
    condition = float32(name, "batch", net.config.condition)
    return condition, float32("identity", "batch", net.config.identity)


def _encoded(vae: VAE, pictures: Tensor) -> Tensor:
    return vae.normalise(vae.encode(pictures).mean)


def _decoded(vae: VAE, latent: Tensor) -> Tensor:
    return vae.decode(vae.denormalise(latent)).clamp(-1.0, 1.0)


def _wishes(net: VelocityNet, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, conditions and identities of `count` rows, always the same."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(count, net.config.latent, generator=generator)
    condition = torch.stack([torch.from_numpy(VOCABULARY.vector(WISHES[i % len(WISHES)])) for i in range(count)])
    identity = F.normalize(torch.randn(count, net.config.identity, generator=generator))
    identity[1::2] = 0.0
    return noise, condition, identity
