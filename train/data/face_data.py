"""Batches for the face analysis nets, cut from pictures of the face world with the runtime's own alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import apply_matrix, compose, crop_matrix, warp_crop
from facesdk.faces.boxes import face_box
from facesdk.faces.landmarks import tight_matrix
from train.data.degrade import HARD, MILD, DegradeConfig, degrade
from train.data.face_world.types import Part
from train.data.hidden import cut_by_border, stand_in_front
from train.data.mirror import MIRROR_68
from train.data.occlude import occlude, texture
from train.data.scenes import Scene, compose_scene
from train.data.swap_crops import warp_labels
from train.data.swap_data import FACE_PARTS
from train.models.faces.landmarks import REFINE_SCALE

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

# What a person keeps under every hair, light and in every place; glasses stay, for they cover the eyes.
OWN_PARTS = (*FACE_PARTS, Part.NECK, Part.EAR, Part.GLASSES)
# Classes of the parser, in the order of its output channels.
PARSER_CLASSES = ("other", "face", "hair", "glasses", "occluder")


def parser_table() -> U8:
    """Maps a Part to its parser class; a lookup table of len(Part)."""
    table = np.zeros(len(Part), np.uint8)
    table[list(FACE_PARTS)] = 1
    table[Part.HAIR] = 2
    table[Part.GLASSES] = 3
    table[[Part.HAT, Part.OCCLUDER]] = 4
    return table


def jitter_matrix(
    rng: np.random.Generator, size: int, shift: float, log_scale: float, degrees: float, flip: bool
) -> tuple[F32, float]:
    """Random similarity about the centre of a crop, as a sloppy detector would cut it.

    Args:
        rng: source of randomness.
        size: side of the crop in pixels.
        shift: standard deviation of the shift, share of the crop.
        log_scale: standard deviation of the log of the zoom.
        degrees: standard deviation of the rotation.
        flip: mirror left and right.

    Returns:
        (2, 3) float32 matrix on crop pixels, and the picture rotation in degrees (clockwise as seen).
    """
    angle = float(rng.normal(0, degrees))
    scale = float(np.exp(rng.normal(0, log_scale)))
    c, s = np.cos(np.deg2rad(angle)) * scale, np.sin(np.deg2rad(angle)) * scale
    linear = np.array([[c, -s], [s, c]], np.float32)
    if flip:
        linear = linear @ np.diag([-1.0, 1.0]).astype(np.float32)
    centre = np.full(2, size / 2, np.float32)
    offset = centre - linear @ centre + rng.normal(0, shift, 2) * size
    return np.concatenate([linear, offset[:, None]], 1).astype(np.float32), angle


def box_crop_matrix(box: F32, size: int, scale: float = 1.5) -> F32:
    """Square of side scale * max(w, h) around a box, to crop pixels; (2, 3) float32."""
    side = scale * max(box[2] - box[0], box[3] - box[1])
    zoom = size / side
    centre = (box[:2] + box[2:]) / 2
    return np.array([[zoom, 0, size / 2 - zoom * centre[0]], [0, zoom, size / 2 - zoom * centre[1]]], np.float32)


def landmark_batch(
    arrays: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
    count: int,
    size: int = 128,
    config: DegradeConfig | None = HARD,
    tight: bool = False,
    far_share: float = 0.0,
    hidden_share: float = 0.0,
) -> dict[str, NDArray[Any]]:
    """Crops around sloppy boxes, or such as the runtime's second look gets.

    Args:
        arrays: rgb, landmarks, visible, pose; with alpha also of people who stand in front.
        rng: source of randomness.
        count: crops.
        size: side of a crop.
        config: degradation.
        tight: cut upright around points that are a little off, as the second look does.
        far_share: share of crops that show a face of a few pixels, enlarged.
        hidden_share: share of crops whose face is up to half hidden by another person or cut by a border.

    Returns:
        image (B, S, S, 3) uint8; points (B, 68, 2) float32 in [0, 1] of the crop; visible (B, 68) bool; pose (B, 3)
        float32 yaw, pitch, roll in degrees, in the crop.
    """
    images, points, visible, poses = [], [], [], []
    for row in rng.integers(0, len(arrays["rgb"]), count):
        marks = arrays["landmarks"][row]
        yaw, pitch, roll = arrays["pose"][row]
        flip = bool(rng.random() < 0.5)
        if tight:
            jitter, angle = jitter_matrix(rng, size, 0.02, 0.05, 3, flip)
            # A mirrored crop is mirrored after it was turned upright.
            matrix = compose(jitter, tight_matrix(marks, float(roll), REFINE_SCALE, size))
            roll = 0.0
        else:
            jitter, angle = jitter_matrix(rng, size, 0.04, 0.12, 14, flip)
            matrix = compose(jitter, box_crop_matrix(face_box(marks), size))
        image = warp_crop(arrays["rgb"][row], matrix, size)
        seen = arrays["visible"][row].copy()
        placed = apply_matrix(matrix, marks)
        if flip:
            placed, seen, yaw, roll = placed[MIRROR_68], seen[MIRROR_68], -yaw, -roll
        hidden: list[F32] = []
        if rng.random() < 0.25:
            image, shade = occlude(image, rng)
            hidden.append(shade)
        if rng.random() < hidden_share:
            front = "alpha" in arrays and rng.random() < 0.5
            image, shade = stand_in_front(image, placed, arrays, rng) if front else cut_by_border(image, placed, rng)
            hidden.append(shade)
        at = np.clip(placed.astype(int), 0, size - 1)
        for shade in hidden:
            seen = seen & (shade[at[:, 1], at[:, 0]] < 0.5)
        if rng.random() < far_share:
            image = _from_afar(image, rng)
        seen = seen & (placed >= 0).all(1) & (placed < size).all(1)
        images.append(image if config is None else degrade(image, rng, config))
        points.append(placed / size)
        visible.append(seen)
        poses.append((yaw, pitch, roll - angle))
    return {
        "image": np.stack(images), "points": np.stack(points).astype(np.float32), "visible": np.stack(visible),
        "pose": np.array(poses, np.float32),
    }  # fmt: skip


def absent_batch(
    arrays: Mapping[str, NDArray[Any]],
    false_faces: U8 | None,
    rng: np.random.Generator,
    count: int,
    size: int = 128,
    config: DegradeConfig | None = HARD,
) -> U8:
    """Crops that do not show what a landmark crop shows: a detector's false faces, and places beside or inside a face.

    Args:
        arrays: portraits; their borders, clothes, hair and single features are what is cut out.
        false_faces: (N, P, P, 3) crops, `train.data.false_faces.CROP_BOXES` boxes wide, or None.
        rng: source of randomness.
        count: crops.
        size: side of a crop.
        config: degradation.

    Returns:
        (B, S, S, 3) uint8.
    """
    images = []
    for _ in range(count):
        if false_faces is not None and rng.random() < 0.75:
            crop = false_faces[rng.integers(len(false_faces))]
            centred = np.array([[1, 0, (size - crop.shape[1]) / 2], [0, 1, (size - crop.shape[0]) / 2]], np.float32)
            jitter, _ = jitter_matrix(rng, size, 0.03, 0.1, 10, bool(rng.random() < 0.5))
            image = warp_crop(crop, compose(jitter, centred), size)
            if rng.random() < 0.5:
                images.append(image)  # it was degraded with its scene
                continue
        else:
            row = int(rng.integers(len(arrays["rgb"])))
            image = warp_crop(
                arrays["rgb"][row], box_crop_matrix(_elsewhere(arrays["landmarks"][row], rng), size), size
            )
        images.append(image if config is None else degrade(image, rng, config))
    return np.stack(images)


def _elsewhere(marks: NDArray[np.floating], rng: np.random.Generator) -> F32:
    """A box that is not the face's: a small one inside it, or one beside it."""
    box = face_box(marks)
    side = float(max(box[2] - box[0], box[3] - box[1]))
    middle = (box[:2] + box[2:]) / 2
    if rng.random() < 0.4:
        side *= rng.uniform(0.12, 0.35)
        middle = marks[rng.integers(len(marks))] + rng.normal(0, 0.5, 2) * side
    else:
        angle, own = rng.uniform(0, 2 * np.pi), side * float(np.exp(rng.uniform(-1.0, 0.1)))
        middle = middle + np.array([np.cos(angle), np.sin(angle)]) * (0.5 * side + 0.55 * own) * rng.uniform(1.0, 1.5)
        side = own
    return np.concatenate([middle - side / 2, middle + side / 2]).astype(np.float32)


def _from_afar(image: U8, rng: np.random.Generator) -> U8:
    """What is left of a crop after its face was 12 to 40 pixels high in the picture."""
    side = int(rng.uniform(18, 60))
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def parser_batch(
    arrays: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
    count: int,
    size: int = 128,
    config: DegradeConfig | None = HARD,
    favoured: NDArray[np.int64] | None = None,
) -> dict[str, NDArray[Any]]:
    """Aligned crops with occluders drawn over half of them.

    Args:
        arrays: swap arrays with parts.
        rng: source of randomness.
        count: crops, B.
        size: side of a crop, S.
        config: damage; None leaves the crops as they are.
        favoured: (K,) rows that a quarter of the crops are drawn from, such as those that show what is rare.

    Returns:
        image (B, S, S, 3) uint8, classes (B, S, S) uint8.
    """
    table = parser_table()
    images, labels = [], []
    rows = rng.integers(0, len(arrays["rgb"]), count)
    if favoured is not None and len(favoured):
        rows[: count // 4] = favoured[rng.integers(0, len(favoured), count // 4)]
    for row in rows:
        jitter, _ = jitter_matrix(rng, size, 0.02, 0.06, 4, bool(rng.random() < 0.5))
        matrix = compose(jitter, crop_matrix(arrays["landmarks"][row], "canon", size))
        image = warp_crop(arrays["rgb"][row], matrix, size)
        classes = table[warp_labels(arrays["parts"][row], matrix, size)]
        if rng.random() < 0.5:
            image, shade = occlude(image, rng)
            classes = np.where(shade > 0.5, np.uint8(4), classes)
        images.append(image if config is None else degrade(image, rng, config))
        labels.append(classes)
    return {"image": np.stack(images), "classes": np.stack(labels)}


def recogniser_batch(
    arrays: Mapping[str, NDArray[Any]],
    label: NDArray[np.int64],
    rng: np.random.Generator,
    count: int,
    size: int = 112,
    cameras: Sequence[DegradeConfig | None] = (HARD, HARD, MILD, None),
    strange: float = 0.4,
) -> dict[str, NDArray[Any]]:
    """Aligned crops with labels.

    Args:
        arrays: swap arrays with parts.
        label: (N,) class of each row.
        rng: source of randomness.
        count: crops, B.
        size: side of a crop, S.
        cameras: damages, drawn with equal chances; None leaves a crop as it is.
        strange: share of the crops in which all but the face and the neck is replaced by a texture or by another
            crop: what does not belong to the person must not be learned, and no renderer shows all hair there is.

    Returns:
        image (B, S, S, 3) uint8, label (B,) int64, identity_vector (B, K) float32.
    """
    rows = rng.integers(0, len(arrays["rgb"]), count)
    images: list[U8] = []
    for row in rows:
        jitter, _ = jitter_matrix(rng, size, 0.015, 0.03, 2.5, bool(rng.random() < 0.5))
        matrix = compose(jitter, crop_matrix(arrays["landmarks"][row], "arcface", size))
        image = warp_crop(arrays["rgb"][row], matrix, size)
        if rng.random() < strange:
            own = np.isin(warp_labels(arrays["parts"][row], matrix, size), OWN_PARTS)
            other = (
                images[int(rng.integers(len(images)))] if images and rng.random() < 0.4 else texture(rng, (size,) * 2)
            )
            image = with_surroundings(image, own, other)
        if rng.random() < 0.15:
            image, _ = occlude(image, rng)
        config = cameras[int(rng.integers(len(cameras)))]
        images.append(image if config is None else degrade(image, rng, config))
    return {"image": np.stack(images), "label": label[rows], "identity_vector": arrays["identity_vector"][rows]}


def with_surroundings(image: U8, own: NDArray[np.bool_], other: U8) -> U8:
    """The picture where `own` is true, and `other` elsewhere, with an edge about two pixels wide.

    Args:
        image: (S, S, 3) uint8.
        own: (S, S) bool.
        other: (S, S, 3) uint8.
    """
    alpha = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.asarray(np.rint(image * alpha + other * (1 - alpha)), np.uint8)


def scene_batch(
    arrays: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
    count: int,
    size: int,
    config: DegradeConfig = HARD,
    crowded_share: float = 0.0,
    photographs: U8 | None = None,
) -> list[Scene]:
    """Scenes for the detector.

    Args:
        arrays: portraits with alpha.
        rng: source of randomness.
        count: scenes.
        size: side of a scene.
        config: degradation.
        crowded_share: share of scenes with three people at least, who hide each other.
        photographs: of `train.data.backdrops`, or None.
    """
    least = np.where(rng.random(count) < crowded_share, 3, 0) if crowded_share else np.zeros(count, int)
    return [
        compose_scene(arrays, rng, size, config=config, min_faces=int(faces), photographs=photographs)
        for faces in least
    ]
