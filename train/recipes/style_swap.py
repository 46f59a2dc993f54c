"""The swap: the paper's losses, and the exact swap's where the world knows it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.errors import InputError
from train.checkpoint import load_model, run_origins
from train.data.swap_data import SwapData
from train.evaluate import psnr
from train.losses.adversarial import discriminator_hinge, generator_hinge
from train.losses.codes import codes_losses
from train.losses.contrastive import contrastive_identity_loss
from train.losses.geometry import relative_error
from train.losses.identity import identity_loss
from train.losses.landmark import landmark_loss, nineteen_points
from train.losses.oracle import changed_region, oracle_losses
from train.losses.reconstruction import reconstruction_loss
from train.losses.swap_consistency import swap_consistency_loss
from train.losses.total import weighted
from train.models.style_swap import (
    DISCRIMINATOR_PRESETS,
    CodeHeads,
    CodeHeadsConfig,
    Discriminator,
    StyleSwap,
    StyleSwapConfig,
)
from train.recipe import StepOutput
from train.recipes.net_crops import arcface_crop, landmark_crop
from train.recipes.swap_codes import CodesTraining, code_figures, codes_batch, move_frozen, start_from_run
from train.recipes.swap_settings import CODES, LOSSES, SETTINGS, SwapLosses
from train.recipes.swap_shape import ShapeTraining, found_points, shape_arrays, shape_batch, shape_figures
from train.recipes.tensors import picture_array, picture_tensor

_OF_RECOGNISER = ("identity", "contrastive", "perceptual", "code_embedding")
_OF_LANDMARKS = ("landmark", "points")


class SwapTraining(nn.Module):
    """One step's losses.

    Args:
        network: the generator.
        losses: which and how strong.
        heads: readers of the codes.
        recogniser: F_id, frozen; needed for the identity terms.
        landmarks: F_lm, frozen; needed for the landmark term, and for the one of the exact swap's points.
        critic: the discriminator, for the adversarial term; trained by the loop.
    """

    def __init__(
        self, network: StyleSwap, losses: SwapLosses, heads: CodeHeads,
        recogniser: nn.Module | None, landmarks: nn.Module | None, critic: nn.Module | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.network, self.losses, self.heads = network, losses, heads
        self.weights = dict(losses.weights)
        # Not registered: frozen judges of this step are no part of the run's state.
        self._frozen = {"recogniser": recogniser, "landmarks": landmarks, "critic": critic}
        for net in (recogniser, landmarks):
            if net is not None:
                net.eval().requires_grad_(False)
        left_out = [] if recogniser else list(_OF_RECOGNISER)
        left_out += [] if landmarks else list(_OF_LANDMARKS)
        left_out = [name for name in left_out if self.weights[name]]
        if left_out:
            warnings.warn(
                f"style_swap: no network was given for the losses {left_out}; they are left out.", stacklevel=2
            )
        if recogniser is None:
            self.weights |= dict.fromkeys(_OF_RECOGNISER, 0.0)
        if landmarks is None:
            self.weights |= dict.fromkeys(_OF_LANDMARKS, 0.0)
        if critic is None:
            self.weights["adversarial"] = 0.0
        network.decoder.requires_grad_(losses.phase != "encoder")
        if network.shape is not None:
            network.shape.requires_grad_(False)
            if self.weights["swap_consistency"]:
                raise InputError(
                    "style_swap: a swap of a swap has no landmarks.", "Leave swap_consistency or shape out."
                )
        network.encoder.requires_grad_(losses.phase != "decoder")
        network.blending.requires_grad_(losses.phase != "decoder")

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        move_frozen(self._frozen, fn)
        return super()._apply(fn, recurse)

    def _on(self, *names: str) -> bool:
        return any(self.weights[name] for name in names)

    def forward(self, batch: Mapping[str, Tensor], progress: float) -> StepOutput:
        source, target, exact, same = batch["source"], batch["target"], batch["exact"], batch["same"]
        points = None if self.network.shape is None else (batch["source_points"], batch["target_points"])
        output = self.network(source, target, given=self.given_codes(batch, progress), points=points)
        result = output.composite(target)
        terms: dict[str, Tensor] = {}
        if self._on("picture", "mask", "composite", "gates"):
            changed = changed_region(exact, target)
            terms |= oracle_losses(
                output.image, output.mask, output.aux.gates, exact, target, changed, batch["face"],
                round(self.losses.gates_from * output.image.shape[-1]),
            )  # fmt: skip
        # One pass of the recogniser for all that it is to be resembled by.
        wanted = {"source": self._on("code_embedding", "identity", "contrastive")}
        wanted |= {"exact": self._on("perceptual"), "target": self._on("contrastive")}
        embeddings = self._embeddings({name: batch[name] for name, needed in wanted.items() if needed})
        if self._on(*CODES):
            terms |= codes_losses(
                self.heads, output.codes_source, output.codes_target, output.codes, batch["identity_vector"],
                batch["attribute_vector"], embeddings["source"] if self._on("code_embedding") else None,
            )  # fmt: skip
        if self._on("reconstruction"):
            terms["reconstruction"] = reconstruction_loss(result, target, same)
        if self._on("identity", "contrastive", "perceptual"):
            terms |= self._identity_terms(result, embeddings, same)
        if self._on("landmark"):
            net = self._frozen["landmarks"]
            terms["landmark"] = landmark_loss(nineteen_points(net(result).points), nineteen_points(net(target).points))
        if self._on("points"):
            terms["points"] = self._points_term(result, exact, batch["landmarks"])
        if self._on("swap_consistency"):
            again_source = self.network(result, source).composite(source)
            again_target = self.network(target, result).composite(result)
            terms["swap_consistency"] = swap_consistency_loss(again_source, source, again_target, target)
        if self._on("adversarial"):
            # The mask learns nothing from the critic: it would close, for the target is a picture already.
            still = output._replace(mask=None if output.mask is None else output.mask.detach())
            terms["adversarial"] = generator_hinge(self._frozen["critic"].scores(still.composite(target)))
        terms = {name: value for name, value in terms.items() if self._on(name)}
        logs = {"gate": output.gate.detach().float().mean()}
        return StepOutput(weighted(terms, self.weights), logs, fake=result, real=target)

    def given_codes(self, batch: Mapping[str, Tensor], progress: float) -> Tensor | None:
        """Codes (B, L, D) that are decoded in the place of the blended ones; None for those."""
        return None

    def _points_term(self, result: Tensor, exact: Tensor, marks: Tensor) -> Tensor:
        """Distance of the result's points from the exact swap's, both as F_lm sees them: its bias does not count."""
        net = self._frozen["landmarks"]
        crops = [landmark_crop(picture, marks, net.config.image_size) for picture in (exact, result)]
        with torch.no_grad():
            wanted = net(crops[0]).points.float()
        found = net(crops[1]).points.float()
        return relative_error(found, wanted, torch.ones_like(wanted[..., 0]))

    @torch.no_grad()
    def _embeddings(self, pictures: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pictures (B, 3, S, S) by name to their embeddings (B, E), without a gradient."""
        if not pictures:
            return {}
        found = self._frozen["recogniser"](arcface_crop(torch.cat(list(pictures.values())))).float()
        return dict(zip(pictures, found.chunk(len(pictures)), strict=True))

    def _identity_terms(self, result: Tensor, embeddings: Mapping[str, Tensor], same: Tensor) -> dict[str, Tensor]:
        embedding = self._frozen["recogniser"](arcface_crop(result)).float()
        terms: dict[str, Tensor] = {}
        if self._on("perceptual"):
            # The exact swap shows the source in the target's setting: the better example where it is known.
            terms["perceptual"] = identity_loss(embedding, embeddings["exact"])
        if self._on("identity"):
            terms["identity"] = identity_loss(embedding, embeddings["source"])
        if self._on("contrastive"):
            terms["contrastive"] = contrastive_identity_loss(
                embedding, embeddings["source"], embeddings["target"], same
            )
        return terms


class Critic(nn.Module):
    """The discriminator with its own loss, as the loop calls it."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def scores(self, pictures: Tensor) -> Any:
        """Scores per scale."""
        return self.discriminator(pictures)

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return discriminator_hinge(self.discriminator(real), self.discriminator(fake))


class StyleSwapRecipe:
    """Trains `StyleSwap`.

    Args:
        preset: of the network, LOSSES and SETTINGS.
        network_config: sizes.
        train: swap arrays, or None for a dry run.
        validation: swap arrays.
        data_options: what the arrays were rendered with.
        recogniser: run folder of F_id, or None: its terms are left out, and the run says so.
        landmarks: run folder of F_lm, or None; it also finds the points of a shape path.
        start: run folder whose weights and heads are the start, such as that of the stage "nano_codes".
        more_points: arrays of the kind "points" for the shape path's stage, in groups that `train` has not; or None.
    """

    family, net = "style_swap", "style_swap"

    def __init__(
        self, preset: str, network_config: StyleSwapConfig, train: Mapping[str, NDArray[Any]] | None,
        validation: Mapping[str, NDArray[Any]] | None, data_options: dict[str, Any], recogniser: Path | None = None,
        landmarks: Path | None = None, start: Path | None = None,
        more_points: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:  # fmt: skip
        self.preset, self.config, self.network_config = preset, SETTINGS[preset], network_config
        self.losses = LOSSES[preset]
        if train is not None and train["rgb"].shape[1] != network_config.image_size:
            raise InputError(
                f"style_swap {preset} takes {network_config.image_size} px, the data has {train['rgb'].shape[1]} px.",
                "Render with --size.",
            )
        if train is not None and start is None and self.losses.phase == "decoder":
            raise InputError(
                f"style_swap {preset} trains a decoder on codes that are there already.", "Name their run with --start."
            )
        judge = load_model(recogniser)[0].to(memory_format=torch.channels_last) if recogniser else None
        points = load_model(landmarks)[0].to(memory_format=torch.channels_last) if landmarks else None
        if network_config.shape.code and self.losses.phase != "codes":
            train, validation = (_with_points(arrays, points) for arrays in (train, validation))
        if self.losses.phase == "shape" and train is not None and validation is not None:
            side = network_config.image_size
            self.train = SwapData(shape_arrays(train, more_points, side))
            self.validation = SwapData(shape_arrays(validation, None, side))
        else:
            self.train = SwapData(train) if train is not None else None
            self.validation = SwapData(validation) if validation is not None else None
        self.data_options = {**data_options, "recogniser": str(recogniser.name) if recogniser else None}
        self.network = StyleSwap(network_config)
        self.network.to(memory_format=torch.channels_last)
        sizes = DISCRIMINATOR_PRESETS[preset.split("_")[0]]
        critic = Critic(Discriminator(sizes)) if self.losses.weights["adversarial"] else None
        if critic is not None:
            critic.to(memory_format=torch.channels_last)
        self.discriminator: nn.Module | None = critic
        heads = self._heads(train, judge.config.embedding if judge is not None else 0)
        self.module: nn.Module
        if self.losses.phase == "codes":
            self.module = CodesTraining(self.network, heads, self.losses.weights, judge)
        elif self.losses.phase == "shape":
            self.module = ShapeTraining(self.network, self.losses.weights["shape"])
        else:
            self.module = SwapTraining(self.network, self.losses, heads, judge, points, critic)
        self.data_options["start"] = None
        if start is not None:
            read = None if self.losses.phase == "shape" else self.train
            self.data_options["start"] = start_from_run(self.network, heads, start, read, judge)
        if start is not None and (origins := run_origins(start)):
            self.data_options["derived_from"] = origins
        if self.losses.phase == "shape" and self.train is not None and self.network.shape is not None:
            self.network.shape.set_statistics(torch.from_numpy(self.train.arrays["points"]))

    def _heads(self, train: Mapping[str, NDArray[Any]] | None, embedding_dim: int) -> CodeHeads:
        config = self.network_config.encoder
        if train is None:  # a dry run: widths of the face world's vectors
            return CodeHeads(CodeHeadsConfig(config.styles, config.style_dim, 243, 71, embedding_dim))
        identity, attributes = (torch.from_numpy(train[f"{name}_vector"]) for name in ("identity", "attribute"))
        heads = CodeHeads(
            CodeHeadsConfig(config.styles, config.style_dim, identity.shape[1], attributes.shape[1], embedding_dim)
        )
        heads.set_statistics(identity, attributes)
        return heads

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        assert self.train is not None
        if self.losses.phase == "codes":
            raw = codes_batch(self.train, rng, self.config.batch_size)
            pictures = {name: picture_tensor(raw[name]) for name in ("image", "clean")}
            return pictures | {name: torch.from_numpy(raw[name]) for name in ("identity_vector", "attribute_vector")}
        if self.losses.phase == "shape":
            return shape_batch(self.train, rng, self.config.batch_size)
        return self._tensors(
            self.train.batch(rng, self.config.batch_size, self.losses.curriculum.same_probability(progress))
        )

    def _tensors(self, raw: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        pictures = {name: picture_tensor(raw[name]) for name in ("source", "target", "exact")}
        names = ("same", "identity_vector", "attribute_vector", "landmarks")
        names += tuple(name for name in ("source_points", "target_points") if name in raw)
        rest = {name: torch.from_numpy(raw[name]) for name in names}
        return {**pictures, **rest, "face": torch.from_numpy(raw["face"]).float()[:, None]}

    def _validation_batch(self, count: int) -> dict[str, NDArray[Any]]:
        assert self.validation is not None
        return self.validation.batch(np.random.default_rng(0), count, 0.0, config=None)

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        assert self.validation is not None
        if self.losses.phase == "shape":
            return shape_figures(network, self.validation, 2000)
        figures = code_figures(network, self.module.heads, self.validation, 64 if self.preset == "tiny" else 320)
        if self.losses.phase == "codes":
            return figures
        raw = self._validation_batch(4 if self.preset == "tiny" else 96)
        gains, plain, errors = [], [], []
        for i in range(0, len(raw["source"]), 16):
            rows = slice(i, i + 16)
            target = picture_tensor(raw["target"][rows])
            out = network(picture_tensor(raw["source"][rows]), target, "fixed", points=points_of(raw, rows))
            results = picture_array(out.composite(target))
            changed = changed_region(picture_tensor(raw["exact"][rows]), target)[:, 0].numpy() > 0
            for result, before, exact, mask in zip(results, raw["target"][rows], raw["exact"][rows], changed):
                plain.append(psnr(before, exact, mask))
                gains.append(psnr(result, exact, mask) - plain[-1])
            if out.mask is not None:
                errors.append(float((out.mask.sigmoid()[:, 0].float().numpy() - changed).__abs__().mean()))
        figures |= {"gain_db": float(np.nanmean(gains)), "unchanged_db": float(np.nanmean(plain))}
        return figures | ({"mask_error": float(np.mean(errors))} if errors else {})

    def grid(self, network: nn.Module) -> NDArray[np.uint8] | None:
        if self.losses.phase in ("codes", "shape"):
            return None
        raw = self._validation_batch(2 if self.preset == "tiny" else 12)
        target = picture_tensor(raw["target"])
        out = network(picture_tensor(raw["source"]), target, "fixed", points=points_of(raw))
        shown = [
            raw["source"],
            raw["target"],
            raw["exact"],
            picture_array(out.composite(target)),
            picture_array(out.image),
        ]
        if out.mask is not None:
            shown.append(picture_array((out.mask.sigmoid() * 2 - 1).expand(-1, 3, -1, -1)))
        return np.vstack([np.hstack(list(row)) for row in shown])


def points_of(raw: Mapping[str, NDArray[Any]], rows: slice = slice(None)) -> tuple[Tensor, Tensor] | None:
    """Landmarks of source and target for a network with a shape path, of a batch of `SwapData`; None without them."""
    if "source_points" not in raw:
        return None
    return torch.from_numpy(raw["source_points"][rows]), torch.from_numpy(raw["target_points"][rows])


def _with_points(arrays: Mapping[str, NDArray[Any]] | None, net: nn.Module | None) -> Mapping[str, NDArray[Any]] | None:
    if arrays is None or "points" in arrays:
        return arrays
    return {**arrays, "points": found_points(net, arrays["rgb"], arrays["landmarks"])}
