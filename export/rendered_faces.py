"""Aligned crops of people who do not exist: what graphs see in use, for parity and calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import Template, apply_matrix
from facesdk.faces.crops import normalise
from train.data.face_world.render import aligned_crop, frame_points, render
from train.data.face_world.sample import SPLITS, Split, sample_attributes, sample_identity
from train.data.face_world.types import Attributes, Identity

F32 = NDArray[np.float32]
SEED = 17


def rendered_faces(count: int, size: int, template: Template = "canon", split: Split = "validation") -> F32:
    """Different people with different light, pose and expression; always the same ones.

    Args:
        count: how many.
        size: side of the crops in pixels.
        template: that they are aligned to.
        split: whose people.

    Returns:
        (count, 3, size, size) float32 RGB in [-1, 1].
    """
    crops = []
    for person, attributes in _people(count, split):
        matrix = aligned_crop(person, attributes, size, template)
        crops.append(render(person, attributes, size=size, crop=matrix, truth="basic").rgb)
    return normalise(np.stack(crops))


def rendered_points(count: int, template: Template = "canon", split: Split = "validation") -> F32:
    """Where the landmarks of `rendered_faces` lie, (count, 68, 2) float32, share of the crop."""
    size = 128
    marks = [
        apply_matrix(aligned_crop(person, attributes, size, template), frame_points(person, attributes, size))
        for person, attributes in _people(count, split)
    ]
    return np.stack(marks) / np.float32(size)


def _people(count: int, split: Split) -> Iterator[tuple[Identity, Attributes]]:
    for number in range(count):
        person = sample_identity(SPLITS[split][0] + number, "own")
        sampled = sample_attributes(np.random.default_rng([SEED, number]), split)
        yield person, replace(sampled, hat="none")
