"""Edits of a face: its latent goes back towards noise as what it is, and forward again as what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facesdk.attributes import Value
from facesdk.errors import InputError
from facesdk.faces.crops import cut_crop
from facesdk.pipelines.edit_paste import EditedCrop, paste_edit
from facesdk.pipelines.face_reader import FaceReader
from facesdk.pipelines.latent_flow import LatentFlowPipeline
from facesdk.sampling.solver import ADAPTIVE
from facesdk.types import F32, RgbImage

FLOW_SOLVER = "heun"
FLOW_STEPS = 16
"""For inversion and edits, which need the velocity itself and not its mean over a long step."""


@dataclass(frozen=True)
class EditSettings:
    """How a face is edited.

    Attributes:
        strength: how far back it flows, 0 (not at all) to 1 (to the noise).
        guidance: how strongly the attributes are followed; None = what the pack says.
        steps: of the solver, each way; None = FLOW_STEPS, and for dopri5 its own.
        solver: "midpoint", "heun", "rk4" or "dopri5".
    """

    strength: float = 1.0
    guidance: float | None = None
    steps: int | None = None
    solver: str = FLOW_SOLVER

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise InputError(f"strength={self.strength}: 0 to 1 expected.")
        if self.steps is None and self.solver != ADAPTIVE:
            object.__setattr__(self, "steps", FLOW_STEPS)


def edit_latent(
    pipeline: LatentFlowPipeline,
    latent: F32,
    known: Mapping[str, Value],
    asked: Mapping[str, Value],
    how: EditSettings,
    embedding: F32 | None = None,
) -> F32:
    """Another latent of the same face; what nobody mentioned is in the noise and stays.

    Args:
        pipeline: the networks.
        latent: (D,) float32.
        known: what the face shows.
        asked: what it shall show.
        how: it is edited.
        embedding: whose face it is, or None.

    Returns:
        (D,) float32.

    Raises:
        InputError: an attribute or a setting cannot be.
        BackendError: a network returned NaN.
    """
    was, wanted = pipeline.condition(known, embedding), pipeline.condition({**known, **asked}, embedding)
    weight = pipeline.facts.guidance if how.guidance is None else how.guidance
    turn = 1.0 - how.strength
    state = pipeline.flow(latent[None], was, was, 1.0, how.solver, how.steps, 1.0, turn)
    return np.asarray(pipeline.flow(state, wanted, was, weight, how.solver, how.steps, turn, 1.0)[0])


def edit_photograph(
    pipeline: LatentFlowPipeline,
    reader: FaceReader,
    image: RgbImage,
    name: str,
    asked: Mapping[str, Value],
    how: EditSettings,
) -> tuple[RgbImage, F32, F32]:
    """A photograph in which the largest face is edited.

    Args:
        pipeline, reader: the networks.
        image: (H, W, 3) uint8 RGB; not changed.
        name: what errors call it.
        asked: what the face shall show.
        how: it is edited.

    Returns:
        The picture, where the edit shows in it, (H, W) float32, and the edited latent, (D,) float32.

    Raises:
        InputError: no face, or an attribute or a setting cannot be.
        BackendError: a network returned NaN.
    """
    face = reader.read(image, name, recognise=True, parse=True)
    latent, matrix = pipeline.encode(image, [face])[0], pipeline.matrix(face)
    edited = edit_latent(pipeline, latent, {}, asked, how, face.embedding)
    made = [pipeline.decode(one[None])[0] for one in (latent, edited)]
    crops = np.stack([cut_crop(image, matrix, pipeline.size), *made])
    crop = EditedCrop(crops[0], crops[1], crops[2], reader.parts_of(crops, pipeline.template))
    return *paste_edit(image, crop, matrix), edited
