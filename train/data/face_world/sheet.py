"""Pictures of pictures: contact sheets and overlays of the truth, as PNG."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, MediaError
from train.data.face_world.expression import EXPRESSIONS
from train.data.face_world.render import render
from train.data.face_world.rich_sample import enrich_attributes, enrich_identity
from train.data.face_world.sample import sample_identity
from train.data.face_world.shard_options import Kind
from train.data.face_world.shards import list_shards
from train.data.face_world.types import U8, Attributes, HeadName, Light, Split

# One sRGB colour for each part, in the order of Part.
PART_COLORS = np.array(
    [
        [0, 0, 0],
        [235, 190, 160],
        [200, 150, 120],
        [255, 140, 80],
        [220, 60, 90],
        [170, 30, 60],
        [120, 80, 20],
        [240, 240, 255],
        [60, 120, 255],
        [90, 0, 30],
        [255, 255, 200],
        [90, 60, 160],
        [130, 90, 40],
        [30, 30, 30],
        [0, 220, 220],
        [80, 160, 80],
        [200, 200, 0],
        [255, 0, 255],
    ],
    np.uint8,
)

_SHEET_STREAM = 104  # of what the rich world adds to a sheet
_WARM, _COLD = (1.0, 0.86, 0.66), (0.9, 0.95, 1.0)

# Eight settings that show what the world can do; the columns of the contact sheet.
CLASSIC_SETTINGS: tuple[Attributes, ...] = (
    Attributes(background="studio", background_seed=3, light=Light((-0.5, 0.55, 0.75)), cloth=(0.16, 0.22, 0.33)),
    Attributes(
        yaw_degrees=35,
        expression=EXPRESSIONS["smile"],
        gaze=(0.3, 0.0),
        background="room",
        background_seed=5,
        light=Light((-0.9, 0.35, 0.5), _WARM, 2.1, sky=(0.45, 0.42, 0.4), ground=(0.3, 0.22, 0.16)),
        cloth=(0.5, 0.12, 0.12),
    ),
    Attributes(
        yaw_degrees=-32,
        pitch_degrees=-12,
        expression=EXPRESSIONS["open mouth"],
        background="outdoor",
        background_seed=2,
        light=Light((0.4, 0.8, 0.5), _COLD, sky=(0.6, 0.72, 0.95), ground=(0.3, 0.3, 0.28), fill=0.85),
        cloth=(0.8, 0.8, 0.78),
    ),
    Attributes(
        roll_degrees=9,
        pitch_degrees=6,
        expression=EXPRESSIONS["blink"],
        background="foliage",
        background_seed=4,
        light=Light((0.1, 0.9, 0.45), (1.0, 1.0, 0.92), sky=(0.5, 0.6, 0.5), ground=(0.2, 0.28, 0.15)),
        cloth=(0.25, 0.35, 0.18),
    ),
    Attributes(
        yaw_degrees=14,
        pitch_degrees=-4,
        expression=EXPRESSIONS["laugh"],
        background="bokeh",
        background_seed=6,
        light=Light(
            (0.8, 0.25, 0.6),
            (1.0, 0.72, 0.45),
            sky=(0.3, 0.28, 0.42),
            ground=(0.3, 0.18, 0.12),
            rim_direction=(-0.9, 0.2, -0.3),
            rim_color=(1.0, 0.6, 0.3),
            rim_intensity=1.6,
        ),
        cloth=(0.1, 0.1, 0.1),
    ),
    Attributes(
        yaw_degrees=-12,
        expression=EXPRESSIONS["surprise"],
        gaze=(0.0, 0.3),
        zoom=1.12,
        background="stripes",
        background_seed=8,
        hat="cap",
        light=Light((-0.2, 0.3, 0.95), (1.0, 1.0, 1.0), 1.5, fill=0.7),
        cloth=(0.6, 0.5, 0.2),
    ),
    Attributes(
        yaw_degrees=20,
        pitch_degrees=5,
        expression=EXPRESSIONS["angry"],
        gaze=(-0.6, 0.0),
        glasses="rectangular",
        background="curtain",
        background_seed=9,
        light=Light((-0.6, 0.7, 0.6)),
        cloth=(0.3, 0.3, 0.36),
    ),
    Attributes(
        yaw_degrees=-62,
        expression=EXPRESSIONS["sad"],
        background="studio",
        background_seed=21,
        light=Light(
            (-0.95, 0.3, 0.1),
            (0.8, 0.88, 1.0),
            2.3,
            fill=0.4,
            rim_direction=(0.9, 0.3, -0.2),
            rim_color=(1.0, 0.7, 0.5),
            rim_intensity=1.3,
        ),
        cloth=(0.18, 0.1, 0.25),
    ),
)


def classic_sheet(
    seeds: Sequence[int],
    heads: Sequence[HeadName],
    *,
    size: int = 256,
    quality: Literal["train", "full"] = "train",
    hair_strands: int = 8000,
    rich: bool = False,
) -> U8:
    """People in the eight classic settings.

    Args:
        seeds: of the people; each is shown with every head model.
        heads: head models.
        size: side of a picture.
        quality: of the renderer.
        hair_strands: strands on the scalp.
        rich: shows every person twice, in the plain world and below it in the rich one.

    Returns:
        (rows * size, 8 * size, 3) uint8 RGB, a row for each person, or two.
    """
    people = [sample_identity(seed, head) for head in heads for seed in seeds]
    pictures = []
    for number, person in enumerate(people):
        shown = [(person, setting) for setting in CLASSIC_SETTINGS]
        if rich:
            draw = np.random.default_rng([_SHEET_STREAM, number])
            shown += [(enrich_identity(person), enrich_attributes(setting, draw)) for setting in CLASSIC_SETTINGS]
        pictures += [
            render(who, setting, size=size, quality=quality, hair_strands=hair_strands, truth="basic").rgb
            for who, setting in shown
        ]
    return grid(pictures, len(CLASSIC_SETTINGS))


def dataset_sheet(directory: Path, kind: Kind, split: Split, *, rows: int, columns: int) -> U8:
    """The first pictures of a data set; a swap group stands side by side.

    Args:
        directory: of the data set.
        kind: of the data set.
        split: of the data set.
        rows: at most this many.
        columns: pictures in a row.

    Returns:
        (rows * S, columns * S, 3) uint8 RGB.
    """
    pictures: list[U8] = []
    for path in list_shards(directory, kind, split):
        with np.load(path, allow_pickle=False) as shard:
            pictures.extend(shard["rgb"][: rows * columns - len(pictures)])
        if len(pictures) >= rows * columns:
            break
    return grid(pictures, columns)


def truth_sheet(arrays: Mapping[str, NDArray[Any]], *, pictures: int = 16, zoom: int = 3, columns: int = 4) -> U8:
    """Pictures with their landmarks (green visible, red hidden) beside their parts.

    Args:
        arrays: rgb, landmarks, visible and parts as of `load_shards`.
        pictures: how many, spread over the data set.
        zoom: pixels of the sheet for one of the picture.
        columns: pictures in a row.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    tiles: list[U8] = []
    for i in np.unique(np.linspace(0, len(arrays["rgb"]) - 1, pictures).astype(int)):
        image = draw_landmarks(arrays["rgb"][i], arrays["landmarks"][i], arrays["visible"][i], zoom)
        parts = cv2.resize(PART_COLORS[arrays["parts"][i]], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
        tiles.append(np.hstack([image, np.asarray(parts, np.uint8)]))
    return grid(tiles, columns)


def draw_landmarks(rgb: U8, landmarks: NDArray[np.floating], visible: NDArray[np.bool_], zoom: int) -> U8:
    """A larger copy with a dot at each landmark.

    Args:
        rgb: (H, W, 3) uint8.
        landmarks: (68, 2) pixels, centres at +0.5.
        visible: (68,) bool.
        zoom: factor.

    Returns:
        (H * zoom, W * zoom, 3) uint8.
    """
    image = np.asarray(cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR), np.uint8)
    for (x, y), seen in zip(landmarks, visible, strict=True):
        centre = (round(float(x) * zoom - 0.5), round(float(y) * zoom - 0.5))
        cv2.circle(image, centre, 1, (0, 255, 0) if seen else (255, 0, 0), -1)
    return image


def grid(pictures: Sequence[U8], columns: int) -> U8:
    """Pictures of one size in rows, the last row filled up with black.

    Raises:
        InputError: no picture.
    """
    if not pictures:
        raise InputError("A sheet needs at least one picture.")
    blank = np.zeros_like(pictures[0])
    padded = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def save_png(path: Path, rgb: U8) -> None:
    """Writes a PNG whole or not at all.

    Args:
        path: of the file; its folder is made if missing.
        rgb: (H, W, 3) uint8.

    Raises:
        MediaError: it cannot be written.
    """
    ok, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not ok:
            raise OSError("the PNG encoder failed")
        temporary.write_bytes(data.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise MediaError(f"{path} cannot be written: {error}", "Choose a folder that you may write to.") from error
