"""The pictures that speed is measured on: a rendered person in a 1280x720 frame, and another one to swap in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.media.image import load_image
from train.data.face_world.render import render
from train.data.face_world.sample import SPLITS, sample_attributes, sample_identity

U8 = NDArray[np.uint8]
SIZE_HW = (720, 1280)
PERSON_PX = 480  # the rendered bust in the frame; its face is about half as high
SEED = 5


def target_frame(path: Path | None = None) -> U8:
    """The frame whose face is swapped.

    Args:
        path: a picture of one's own, fitted into the frame; None = a test person of the face world.

    Returns:
        (720, 1280, 3) uint8 RGB.
    """
    picture = _person(0) if path is None else load_image(path)
    height, width = picture.shape[:2]
    scale = 1.0 if path is None else min(SIZE_HW[0] / height, SIZE_HW[1] / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (SIZE_HW[1] - size[0]) // 2, SIZE_HW[0] - size[1]
    right = SIZE_HW[1] - size[0] - left
    return np.asarray(cv2.copyMakeBorder(fitted, top, 0, left, right, cv2.BORDER_REPLICATE), np.uint8)


def source_picture(path: Path | None = None) -> U8:
    """Whose face goes in: another test person, or a picture of one's own; (H, W, 3) uint8 RGB."""
    return _person(1) if path is None else load_image(path)


def _person(number: int) -> U8:
    person = sample_identity(SPLITS["test"][0] + number, "own")
    sampled = sample_attributes(np.random.default_rng([SEED, number]), "test")
    # Near the front and with nothing in front: what is timed is the usual case.
    attributes = replace(sampled, yaw_degrees=10.0, pitch_degrees=0.0, roll_degrees=0.0, glasses="none", hat="none")
    return render(person, attributes, size=PERSON_PX, truth="basic").rgb
