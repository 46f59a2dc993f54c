"""Networks by name: what a run folder's preset.json says is built here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from facesdk.errors import InputError
from train.models.faces import attributes, detector, landmarks, parser, recogniser
from train.models.latent_flow import vae, velocity
from train.models.preset import config_from_dict
from train.models.style_swap import StyleSwap, StyleSwapConfig

NETWORKS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "style_swap": (StyleSwap, StyleSwapConfig),
    "detector": (detector.Detector, detector.DetectorConfig),
    "landmarks": (landmarks.Landmarks, landmarks.LandmarksConfig),
    "recogniser": (recogniser.Recogniser, recogniser.RecogniserConfig),
    "parser": (parser.Parser, parser.ParserConfig),
    "vae": (vae.VAE, vae.VAEConfig),
    "velocity": (velocity.VelocityNet, velocity.VelocityConfig),
    "attributes": (attributes.AttributeNet, attributes.AttributeConfig),
}


def build_network(net: str, config: Mapping[str, Any]) -> nn.Module:
    """Builds a network from its name and its config as saved.

    Raises:
        InputError: no such network, or a field that its config does not have.
    """
    if net not in NETWORKS:
        raise InputError(f"no network {net!r}: expected one of {', '.join(NETWORKS)}.")
    kind, config_kind = NETWORKS[net]
    return kind(config_from_dict(config_kind, config))
