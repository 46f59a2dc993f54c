"""Scores of the analysis networks, each asked as the runtime asks it, on pictures whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.quality.test_set import Arrays
from facesdk.errors import InputError
from facesdk.faces.align import five_points
from facesdk.faces.boxes import face_box
from facesdk.types import F32, U8, Face
from train.data.degrade import MILD, degrade
from train.data.face_data import PARSER_CLASSES, parser_batch
from train.data.face_world.background import TEST_ONLY_KINDS, TRAIN_KINDS
from train.data.scenes import Scene, compose_scene
from train.evaluate import box_iou, mean_iou, normalised_error, recall

Detect = Callable[[U8], list[Face]]
Locate = Callable[[U8, Face], Face]
Embed = Callable[[U8, Face], F32]
Parse = Callable[[U8], F32]
IOU = 0.5
BOX_SHIFT = 0.03  # how sloppy a detector's box is: standard deviations, of the box's side
BOX_STRETCH = 0.05


@dataclass(frozen=True)
class Detections:
    """What a detector reaches on scenes.

    Attributes:
        found: (n, 4) boxes in each scene.
        recall_32px: share of the faces at least 32 px high that are found.
        recall_16px: the same from 16 px on.
        recall_shown: as recall_32px, of the faces that show half of themselves at least; the others are up to three
            quarters hidden, by somebody in front and the picture's border together.
        extra_per_scene: boxes in a scene that are none of its listed faces; faces more than half hidden are not listed.
    """

    found: list[F32]
    recall_32px: float
    recall_16px: float
    recall_shown: float
    extra_per_scene: float


@dataclass(frozen=True)
class Located:
    """What a landmark network finds on portraits.

    Attributes:
        points: (N, 68, 2) pixels.
        error: (N,) RMS distance to the truth over the interocular distance.
        turn_degrees: (N, 3) absolute error of yaw, pitch and roll.
    """

    points: F32
    error: NDArray[np.floating]
    turn_degrees: NDArray[np.floating]


def make_scenes(portraits: Arrays, count: int, size: int, seed: int, max_faces: int = 5) -> list[Scene]:
    """Scenes composed of portraits, moderately degraded, over backdrops of all kinds, those of tests among them.

    Args:
        portraits: rgb, alpha, landmarks.
        count: number of scenes.
        size: side in pixels.
        seed: of everything random.
        max_faces: in a scene; 0 leaves only the backdrop and what is drawn over it.
    """
    rng = np.random.default_rng(seed)
    kinds = TRAIN_KINDS + TEST_ONLY_KINDS
    return [compose_scene(portraits, rng, size, max_faces=max_faces, kinds=kinds, config=MILD) for _ in range(count)]


def detect_scenes(detect: Detect, scenes: Sequence[Scene]) -> Detections:
    """Asks a detector for the faces of scenes."""
    return score_boxes([np.array([f.box for f in detect(s.image)], np.float32).reshape(-1, 4) for s in scenes], scenes)


def score_boxes(found: Sequence[F32], scenes: Sequence[Scene]) -> Detections:
    """Scores the boxes found in each of the scenes."""
    if not scenes:
        raise InputError("no scene was given.", "Ask for one at least.")
    boxes, truth = list(found), [scene.boxes for scene in scenes]
    extra = sum(len(some) - _matched(some, faces) for some, faces in zip(boxes, truth))
    clear = [scene.shown >= 0.5 for scene in scenes]
    return Detections(
        boxes,
        recall(boxes, truth, IOU, 32.0),
        recall(boxes, truth, IOU, 16.0),
        recall(boxes, truth, IOU, 32.0, clear),
        extra / len(scenes),
    )


def found_portraits(detect: Detect, portraits: Arrays) -> NDArray[np.float64]:
    """(N,) 1 where a detector finds the face of a portrait at IoU, else 0."""
    truth = [face_box(marks)[None] for marks in portraits["landmarks"]]
    boxes = [np.array([f.box for f in detect(image)], np.float32).reshape(-1, 4) for image in portraits["rgb"]]
    return np.array([float(_matched(found, face) > 0) for found, face in zip(boxes, truth)])


def sloppy_face(landmarks: NDArray[np.floating], rng: np.random.Generator) -> Face:
    """A face as a detector gives it: a box that is a little off, and five points."""
    box = face_box(landmarks)
    sides = np.tile(box[2:] - box[:2], 2)
    stretch = np.exp(rng.normal(0, BOX_STRETCH, 2)) - 1
    moved = box + sides * (np.tile(rng.normal(0, BOX_SHIFT, 2), 2) + np.concatenate([-stretch, stretch]) / 2)
    return Face(moved.astype(np.float32), 1.0, five_points(landmarks))


def locate_portraits(locate: Locate, portraits: Arrays, seed: int) -> Located:
    """Asks a landmark network for the points and the pose of portraits in sloppy boxes."""
    rng = np.random.default_rng(seed)
    points, poses = [], []
    for picture, marks in zip(portraits["rgb"], portraits["landmarks"]):
        face = locate(picture, sloppy_face(marks, rng))
        assert face.landmarks is not None and face.pose is not None
        points.append(face.landmarks)
        poses.append((face.pose.yaw_degrees, face.pose.pitch_degrees, face.pose.roll_degrees))
    turn = np.abs((np.array(poses) - portraits["pose"] + 180) % 360 - 180)
    found = np.stack(points)
    return Located(found, normalised_error(found, portraits["landmarks"]), turn)


def embed_pictures(embed: Embed, pictures: Arrays) -> F32:
    """(N, E) embeddings of pictures at their true landmarks."""
    faces = [
        Face(face_box(marks), 1.0, five_points(marks), marks.astype(np.float32)) for marks in pictures["landmarks"]
    ]
    return np.stack([embed(picture, face) for picture, face in zip(pictures["rgb"], faces)])


def parse_pictures(parse: Parse, pictures: Arrays, count: int, size: int, seed: int) -> tuple[U8, U8, U8]:
    """Asks a parser for aligned crops with hands, bars and other things drawn over half of them.

    Args:
        parse: (n, S, S, 3) uint8 crops to (n, 5, S, S) probabilities.
        pictures: rgb, landmarks, parts.
        count: crops.
        size: of a crop.
        seed: of everything random.

    Returns:
        Crops (count, S, S, 3), found classes and true classes (count, S, S).
    """
    batch = parser_batch(pictures, np.random.default_rng(seed), count, size, MILD)
    found = [parse(batch["image"][i : i + 16]).argmax(1) for i in range(0, count, 16)]
    return batch["image"], np.concatenate(found).astype(np.uint8), batch["classes"]


def class_ious(found: U8, truth: U8) -> dict[str, float]:
    """Intersection over union by name of the parser's class, over all pixels; absent classes are left out."""
    scores = dict(zip(PARSER_CLASSES, mean_iou(found, truth, len(PARSER_CLASSES))))
    return {name: score for name, score in scores.items() if np.isfinite(score)}


def worn(pictures: Arrays, seed: int) -> Arrays:
    """The same pictures after a moderate camera, lens and codec."""
    rng = np.random.default_rng(seed)
    return {**pictures, "rgb": np.stack([degrade(picture, rng, MILD) for picture in pictures["rgb"]])}


def whole(pictures: Arrays) -> NDArray[np.bool_]:
    """(N,) bool: the face's box lies inside the picture, so that the labels of an aligned crop are the face's own."""
    boxes = np.stack([face_box(marks) for marks in pictures["landmarks"]])
    size = pictures["rgb"].shape[1]
    return np.asarray((boxes[:, :2] >= 0).all(1) & (boxes[:, 2:] <= size).all(1))


def rows_of(arrays: Arrays, chosen: NDArray[np.bool_]) -> Arrays:
    """Some rows of all arrays."""
    return {name: values[chosen] for name, values in arrays.items()}


def _matched(boxes: F32, faces: F32) -> int:
    """How many boxes are a listed face's, each face and each box counted once."""
    if not len(boxes) or not len(faces):
        return 0
    overlap = box_iou(faces, boxes)
    count = 0
    while overlap.max() >= IOU:
        face, box = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[face, :], overlap[:, box] = 0, 0
        count += 1
    return count
