"""Films of people of the face world whose truth is known: a still face, motion, blinks, a bar in front, a crossing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.face_world.expression import EXPRESSIONS
from train.data.face_world.render import render
from train.data.face_world.sample import SPLITS, sample_attributes, sample_identity
from train.data.face_world.types import Attributes, Identity, Picture

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
FPS = 30
NOISE_LEVELS = 4.0
"""Standard deviation of the sensor noise, of 255: a phone indoors."""
SIDE = 256


@dataclass(frozen=True, eq=False)
class TrueClip:
    """A film in memory.

    Attributes:
        name: what it shows.
        frames: (T, H, W, 3) uint8 RGB.
        landmarks: for each person (T, 68, 2) float32 pixels; NaN while nothing of the face can be seen.
    """

    name: str
    frames: U8
    landmarks: tuple[F32, ...]


def _person(number: int) -> tuple[Identity, Attributes]:
    identity = sample_identity(SPLITS["test"][0] + 40 + number, "own")
    sampled = sample_attributes(np.random.default_rng([11, number]), "test")
    plain = replace(sampled, yaw_degrees=0.0, pitch_degrees=0.0, roll_degrees=0.0, glasses="none", hat="none")
    return identity, replace(plain, expression={}, shift=(0.0, 0.0), zoom=1.0)


def _render(identity: Identity, attributes: Attributes) -> Picture:
    return render(identity, attributes, size=SIDE, truth="basic")


def _noisy(frames: NDArray[np.generic], seed: int) -> U8:
    noise = np.random.default_rng(seed).normal(0, NOISE_LEVELS, frames.shape)
    return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)


def still_clip(count: int = 60, person: int = 0) -> TrueClip:
    """Nothing moves but the sensor's noise."""
    picture = _render(*_person(person))
    frames = np.repeat(picture.rgb[None], count, 0)
    return TrueClip("still", _noisy(frames, 1), (np.repeat(picture.landmarks[None], count, 0),))


def nod_clip(count: int = 45, person: int = 1) -> TrueClip:
    """A head that turns and nods, rendered frame by frame."""
    identity, attributes = _person(person)
    t = np.arange(count) / FPS
    pictures = [
        _render(
            identity,
            replace(
                attributes,
                yaw_degrees=float(18 * np.sin(2 * np.pi * 0.7 * s)),
                pitch_degrees=float(8 * np.sin(2 * np.pi * 1.0 * s)),
                shift=(float(0.06 * np.sin(2 * np.pi * 0.5 * s)), 0.0),
            ),
        )
        for s in t
    ]
    return TrueClip("nod", _noisy(np.stack([p.rgb for p in pictures]), 2), (np.stack([p.landmarks for p in pictures]),))


def blink_clip(count: int = 45, person: int = 2) -> TrueClip:
    """Two blinks of a sixth of a second."""
    identity, attributes = _person(person)
    shut = {7: 0.5, 8: 1.0, 9: 1.0, 10: 0.8, 11: 0.4, 30: 0.5, 31: 1.0, 32: 1.0, 33: 0.8, 34: 0.4}
    known: dict[float, Picture] = {}
    for weight in {0.0, *shut.values()}:
        expression = {name: weight * value for name, value in EXPRESSIONS["blink"].items()}
        known[weight] = _render(identity, replace(attributes, expression=expression))
    pictures = [known[shut.get(index, 0.0)] for index in range(count)]
    return TrueClip(
        "blink", _noisy(np.stack([p.rgb for p in pictures]), 3), (np.stack([p.landmarks for p in pictures]),)
    )


def occluder_clip(count: int = 75, person: int = 3) -> TrueClip:
    """A board that passes in front of a still face."""
    clip = still_clip(count, person)
    frames = clip.frames.copy()
    landmarks = clip.landmarks[0].copy()
    for index in range(count):
        left = -200 + 9 * index
        cv2.rectangle(frames[index], (left, 0), (left + 190, SIDE), (96, 112, 84), -1)
        points = landmarks[index]
        if ((points[:, 0] > left) & (points[:, 0] < left + 190)).mean() > 0.6:
            landmarks[index] = np.nan
    return TrueClip("occluder", frames, (landmarks,))


def crossing_clip(count: int = 75) -> TrueClip:
    """Two people pass, the first one in front."""
    front, back = _render(*_person(4)), _render(*_person(5))
    width = 3 * SIDE
    ground = np.full((SIDE, width, 3), (120, 126, 132), np.float32)
    frames, tracks = np.empty((count, SIDE, width, 3), np.float32), np.empty((2, count, 68, 2), np.float32)
    for index in range(count):
        share = index / (count - 1)
        places = (round(share * 2 * SIDE), round((1 - share) * 2 * SIDE))
        image = ground.copy()
        for who, picture in ((1, back), (0, front)):
            x = places[who]
            alpha = picture.alpha[..., None]
            image[:, x : x + SIDE] = alpha * picture.rgb + (1 - alpha) * image[:, x : x + SIDE]
            tracks[who, index] = picture.landmarks + (x, 0)
        covered = tracks[1, index] - (places[0], 0)
        inside = np.clip(np.rint(covered - 0.5), 0, SIDE - 1).astype(int)
        within = (covered[:, 0] >= 0) & (covered[:, 0] < SIDE)
        hidden = within & (front.alpha[inside[:, 1], inside[:, 0]] > 0.5)
        if hidden.mean() > 0.4:
            tracks[1, index] = np.nan
        frames[index] = image
    return TrueClip("crossing", _noisy(frames, 5), (tracks[0], tracks[1]))
