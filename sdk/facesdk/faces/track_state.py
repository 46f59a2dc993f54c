"""What a tracker knows between two frames, and how it is kept in a file without losing a bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import MediaError
from facesdk.faces.one_euro import OneEuroState
from facesdk.faces.steady_landmarks import SteadyState
from facesdk.types import F32, U8, Face, Pose

Tensors = dict[str, NDArray[Any]]


@dataclass(eq=False)
class Track:
    """One face through time.

    Attributes:
        id: its number, never given twice in a film.
        face: as it was last seen, its landmarks as the network gave them.
        steady: state of the landmarks' filter.
        landmarks: (68, 2) float32 filtered, pixels.
        anchor: (3,) float64: where the detector's box lies in the face's own "canon" crop: centre x, y and side.
        embedding: (512,) float32, the sum of those seen.
        seen_seconds: when it was last seen.
        seen: whether it was seen in the last frame.
        strength: how much of a swap shows, 0 to 1.
        embedded: how many embeddings the sum holds.
        misses: detections in a row that did not find it.
        visible_when_found: mean visibility of its landmarks when the detector last found it.
        born_seconds: when it was first seen.
    """

    id: int
    face: Face
    steady: SteadyState
    landmarks: F32
    anchor: NDArray[np.float64]
    embedding: F32
    seen_seconds: float
    seen: bool = True
    strength: float = 0.0
    embedded: int = 1
    misses: int = 0
    visible_when_found: float = 1.0
    born_seconds: float = 0.0

    @property
    def direction(self) -> F32:
        """The mean embedding, (512,) float32 of unit length."""
        return np.asarray(self.embedding / max(float(np.linalg.norm(self.embedding)), 1e-12), np.float32)


@dataclass(eq=False)
class TrackerState:
    """All that a tracker knows between two frames.

    Attributes:
        tracks: faces that are seen, held or remembered.
        next_id: number of the next new face.
        frames_since_detect: 0 right after a detection.
        seconds: time of the last frame, or None before the first.
        thumbnail: (18, 32) uint8 grey of the last frame, or None.
    """

    tracks: list[Track] = field(default_factory=list)
    next_id: int = 0
    frames_since_detect: int = 0
    seconds: float | None = None
    thumbnail: U8 | None = None


def pack_tracker(state: TrackerState) -> Tensors:
    """The state as arrays; numbers that are no arrays stand as JSON in "tracker"."""
    tensors: Tensors = {}
    listed = []
    for track in state.tracks:
        face = track.face
        assert face.landmarks is not None and face.visible is not None and face.pose is not None
        arrays = {
            "box": face.box,
            "points": face.points,
            "raw": face.landmarks,
            "visible": face.visible,
            "landmarks": track.landmarks,
            "anchor": track.anchor,
            "embedding": track.embedding,
            "motion": track.steady.motion.value,
            "motion_speed": track.steady.motion.speed,
            "shape": track.steady.shape.value,
            "shape_speed": track.steady.shape.speed,
        }
        tensors |= {f"track.{track.id}.{name}": np.ascontiguousarray(array) for name, array in arrays.items()}
        listed.append(
            {
                "id": track.id,
                "score": face.score,
                "pose": [face.pose.yaw_degrees, face.pose.pitch_degrees, face.pose.roll_degrees],
                "filter_seconds": track.steady.motion.seconds,
                "seen_seconds": track.seen_seconds,
                "seen": track.seen,
                "strength": track.strength,
                "embedded": track.embedded,
                "misses": track.misses,
                "visible_when_found": track.visible_when_found,
                "born_seconds": track.born_seconds,
            }
        )
    if state.thumbnail is not None:
        tensors["thumbnail"] = np.ascontiguousarray(state.thumbnail)
    numbers = {
        "tracks": listed,
        "next_id": state.next_id,
        "frames_since_detect": state.frames_since_detect,
        "seconds": state.seconds,
    }
    tensors["tracker"] = json_tensor(numbers)
    return tensors


def unpack_tracker(tensors: Mapping[str, NDArray[Any]]) -> TrackerState:
    """Reads what `pack_tracker` wrote.

    Raises:
        MediaError: it is no such state.
    """
    try:
        numbers = read_json_tensor(tensors["tracker"])
        tracks = [_unpack_track(entry, tensors) for entry in numbers["tracks"]]
        return TrackerState(
            tracks,
            int(numbers["next_id"]),
            int(numbers["frames_since_detect"]),
            numbers["seconds"],
            tensors.get("thumbnail"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError(f"a tracker's state cannot be read: {error}.", "Start the film anew: --force") from error


def _unpack_track(entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Track:
    def get(name: str) -> NDArray[Any]:
        return tensors[f"track.{entry['id']}.{name}"]

    seconds = float(entry["filter_seconds"])
    steady = SteadyState(
        OneEuroState(get("motion"), get("motion_speed"), seconds),
        OneEuroState(get("shape"), get("shape_speed"), seconds),
    )
    face = Face(get("box"), entry["score"], get("points"), get("raw"), get("visible"), Pose(*entry["pose"]))
    return Track(
        int(entry["id"]),
        face,
        steady,
        get("landmarks"),
        get("anchor"),
        get("embedding"),
        float(entry["seen_seconds"]),
        bool(entry["seen"]),
        float(entry["strength"]),
        int(entry["embedded"]),
        int(entry["misses"]),
        float(entry["visible_when_found"]),
        float(entry["born_seconds"]),
    )


def json_tensor(value: object) -> U8:
    """JSON text as bytes in an array, so that one file holds all of a state. Floats come back bit for bit."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8).copy()


def read_json_tensor(tensor: NDArray[Any]) -> Any:
    """Reads what `json_tensor` wrote."""
    return json.loads(tensor.astype(np.uint8).tobytes())
