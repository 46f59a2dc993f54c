"""What the SDK hands around: pictures, faces, head pose, stage timings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
RgbImage = NDArray[np.uint8]
"""A picture: (H, W, 3) uint8, RGB, sRGB values. Pixel (row r, column c) covers x in [c, c+1), y in [r, r+1)."""


@dataclass(frozen=True)
class Pose:
    """Where a head points, in the picture's own directions.

    Attributes:
        yaw_degrees: positive turns the nose to the picture's right.
        pitch_degrees: positive looks down.
        roll_degrees: positive turns the head counter-clockwise in the picture.
    """

    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float


@dataclass(frozen=True, eq=False)
class Face:
    """One face that was found in a picture. What a stage did not compute is None.

    Attributes:
        box: (4,) float32 x0, y0, x1, y1 in pixels of the picture, forehead to chin; may reach past its border. The
            detector's until the landmark net has spoken, then that of the points.
        score: the detector's confidence, 0 to 1.
        points: (5, 2) float32 pixels: eye centres, nose tip, mouth corners, the picture's left one first.
        landmarks: (68, 2) float32 pixels, iBUG order, or None.
        visible: (68,) float32 probability that each landmark is not hidden, or None.
        pose: head pose, or None.
        embedding: (512,) float32 of unit length, or None.
        parts: (5, size, size) float32 probabilities in the "canon" crop, or None: background, face, hair, glasses,
            occluder.
        presence: 0 to 1, how sure the landmark net is of a face, times how well its looks at it agree, or None.
        typical: share of the faces that the pack was tested on which look at least as unusual, 0 to 1; small is unlike
            what the pack knows. None where the pack has no table for it.
    """

    box: F32
    score: float
    points: F32
    landmarks: F32 | None = None
    visible: F32 | None = None
    pose: Pose | None = None
    embedding: F32 | None = None
    parts: F32 | None = None
    presence: float | None = None
    typical: float | None = None

    @property
    def best_points(self) -> F32:
        """The 68 landmarks, or the detector's five points where there are none: what alignment takes."""
        return self.points if self.landmarks is None else self.landmarks

    @property
    def width_px(self) -> float:
        """Width of the box in pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def height_px(self) -> float:
        """Height of the box in pixels."""
        return float(self.box[3] - self.box[1])

    @property
    def centre_xy(self) -> tuple[float, float]:
        """Centre of the box in pixels, (x, y)."""
        return float(self.box[0] + self.box[2]) / 2.0, float(self.box[1] + self.box[3]) / 2.0


@dataclass(frozen=True)
class StageTiming:
    """How long one stage took.

    Attributes:
        stage: a verb, such as "detect" or "paste".
        duration_ms: wall time in milliseconds.
    """

    stage: str
    duration_ms: float


@dataclass(frozen=True)
class Timings:
    """The stages of one call, in the order in which they ran; a stage that ran twice stands twice.

    Attributes:
        stages: one entry a stage run.
    """

    stages: tuple[StageTiming, ...] = ()

    @property
    def total_ms(self) -> float:
        """Sum over all stages, milliseconds."""
        return sum(stage.duration_ms for stage in self.stages)

    def as_dict(self) -> dict[str, float]:
        """Milliseconds by stage, repeated stages added up, in first-run order."""
        out: dict[str, float] = {}
        for stage in self.stages:
            out[stage.stage] = out.get(stage.stage, 0.0) + stage.duration_ms
        return out

    def __iter__(self) -> Iterator[StageTiming]:
        return iter(self.stages)

    def __add__(self, other: Timings) -> Timings:
        return Timings(self.stages + other.stages)


@runtime_checkable
class MadePicture(Protocol):
    """A picture that a network made, and whether a person's picture or identity went into it."""

    @property
    def image(self) -> RgbImage:
        """(H, W, 3) uint8 RGB."""
        ...

    @property
    def is_nobody(self) -> bool:
        """No person's picture or identity went into it."""
        ...
