"""The pictures that speed is measured on: rendered people in frames, and another one to swap in."""

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
FULL_HW = (1080, 1920)
PERSON_PX = 480  # the rendered bust in the frame; its face is about half as high
SEED = 5
CROWD_ROWS, CROWD_COLUMNS = 2, 4


def target_frame(path: Path | None = None) -> U8:
    """The frame whose face is swapped.

    Args:
        path: a picture of one's own, fitted into the frame; None = a test person of the face world.

    Returns:
        (720, 1280, 3) uint8 RGB.
    """
    picture = _person(0) if path is None else load_image(path)
    scale = 1.0 if path is None else min(SIZE_HW[0] / picture.shape[0], SIZE_HW[1] / picture.shape[1])
    return _framed(picture, scale, SIZE_HW)


def full_frame() -> U8:
    """The same person in a frame of 1080 lines, the face 300 pixels high; (1080, 1920, 3) uint8 RGB."""
    return _framed(_person(0), 1.0, FULL_HW)


def crowd_frame() -> U8:
    """Eight people in two rows, each face 205 pixels high; (720, 1280, 3) uint8 RGB."""
    height, width = SIZE_HW[0] // CROWD_ROWS, SIZE_HW[1] // CROWD_COLUMNS
    people = [_person(number, width) for number in range(CROWD_ROWS * CROWD_COLUMNS)]
    places = [cv2.copyMakeBorder(one, height - width, 0, 0, 0, cv2.BORDER_REPLICATE) for one in people]
    rows = [np.hstack(places[row * CROWD_COLUMNS :][:CROWD_COLUMNS]) for row in range(CROWD_ROWS)]
    return np.ascontiguousarray(np.vstack(rows), np.uint8)


def source_picture(path: Path | None = None) -> U8:
    """Whose face goes in: another test person, or a picture of one's own; (H, W, 3) uint8 RGB."""
    return _person(1) if path is None else load_image(path)


def _framed(picture: U8, scale: float, size_hw: tuple[int, int]) -> U8:
    """The picture, scaled, at the middle of the lower edge; its borders go on."""
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (size_hw[1] - size[0]) // 2, size_hw[0] - size[1]
    right = size_hw[1] - size[0] - left
    return np.asarray(cv2.copyMakeBorder(fitted, top, 0, left, right, cv2.BORDER_REPLICATE), np.uint8)


def _person(number: int, size: int = PERSON_PX) -> U8:
    person = sample_identity(SPLITS["test"][0] + number, "own")
    sampled = sample_attributes(np.random.default_rng([SEED, number]), "test")
    # Near the front and with nothing in front: what is timed is the usual case.
    attributes = replace(sampled, yaw_degrees=10.0, pitch_degrees=0.0, roll_degrees=0.0, glasses="none", hat="none")
    return render(person, attributes, size=size, truth="basic").rgb
