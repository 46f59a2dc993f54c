"""What a detector takes for a face and is none: crops that teach the landmark net to say so.

    python -m train.data.false_faces DIR --pack nano --scenes 2400

reads portraits of DIR, and backdrops if `train.data.backdrops` made some there, composes scenes, asks the pack's
detector, and writes DIR/false-faces-<split>.npz.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track

from facesdk.errors import InputError
from facesdk.faces.crops import cut_crop
from facesdk.faces.landmarks import landmark_matrix, quarter_turns
from facesdk.types import Face
from train.data.backdrops import load_backdrops
from train.data.degrade import HARD, MILD
from train.data.face_world.shards import load_shards
from train.data.face_world.types import Split
from train.data.picture_file import load_pictures, save_pictures
from train.data.scenes import Scene, compose_scene

U8 = NDArray[np.uint8]

CROP_PX = 160
# Wider than the net's own crop, so that a batch can shift, turn and zoom it without a border.
CROP_BOXES = 1.5 * CROP_PX / 128
MOST_IOU = 0.2


def false_faces(
    detect: Callable[[U8], list[Face]],
    portraits: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
    size: int,
    plain_share: float = 0.3,
    photographs: U8 | None = None,
) -> list[U8]:
    """Crops around what a detector finds in one random scene and is no face.

    Half of the scenes show nobody, half one person, whose clothes and hair are what a detector errs on in portraits.

    Args:
        detect: RGB picture to faces with box and points.
        portraits: rgb, alpha, landmarks.
        rng: source of randomness.
        size: side of the scene.
        plain_share: probability of one more crop from a random place of a scene without a face.
        photographs: of `train.data.backdrops`, what half of the scenes are before; None draws all.

    Returns:
        (CROP_PX, CROP_PX, 3) uint8 crops, CROP_BOXES times as wide as the box.
    """
    people = int(rng.random() < 0.5)
    scene = compose_scene(
        portraits, rng, size, face_range=(48, 220), max_faces=people, config=HARD if rng.random() < 0.5 else MILD,
        photographs=photographs,
    )  # fmt: skip
    if people and not len(scene.boxes):
        return []  # nobody, or somebody who is mostly hidden: it is not known what shows
    found = [face for face in detect(scene.image) if _apart(face.box, scene)]
    if not people and rng.random() < plain_share:
        side, place = np.exp(rng.uniform(np.log(16), np.log(220))), rng.uniform(0, size, 2)
        box = np.concatenate([place - side / 2, place + side / 2]).astype(np.float32)
        found.append(Face(box, 1.0, np.array([[0, 0], [1, 0], [0, 1], [0, 1], [1, 1]], np.float32)))
    return [
        cut_crop(scene.image, landmark_matrix(f.box, quarter_turns(f.points), CROP_BOXES, CROP_PX), CROP_PX)
        for f in found
    ]


def load_false_faces(folders: Sequence[Path], split: Split) -> U8 | None:
    """The crops (N, CROP_PX, CROP_PX, 3) that were mined into some of the folders; None if there are none."""
    return load_pictures(folders, "false-faces", split)


def _apart(box: NDArray[np.floating], scene: Scene) -> bool:
    """Whether a box is none of the scene's faces."""
    if not len(scene.boxes):
        return True
    low, high = np.maximum(box[:2], scene.boxes[:, :2]), np.minimum(box[2:], scene.boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(-1) + (box[2:] - box[:2]).prod()
    return bool((shared / np.maximum(areas - shared, 1e-6)).max() < MOST_IOU)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with portrait shards; the crops are written into it.")],
    pack: Annotated[str, typer.Option(help="Pack whose detector is asked: a name or a folder.")] = "nano",
    scenes: Annotated[int, typer.Option(min=1, help="Scenes of the training split; a tenth for validation.")] = 2400,
    threshold: Annotated[float, typer.Option(help="Score from which on a box counts as found.")] = 0.25,
    shards: Annotated[int, typer.Option(min=1, help="Portrait shards to draw people from.")] = 12,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Collects false faces of both splits."""
    from facesdk.faces.detect import Detector
    from facesdk.pack import open_pack
    from facesdk.runtime.select import open_session

    detector = Detector(open_session(open_pack(pack), "faces", "detector", "auto", 1), threshold)
    splits: tuple[tuple[Split, int], ...] = (("train", scenes), ("validation", -(-scenes // 10)))
    for number, (split, count) in enumerate(splits):
        portraits = load_shards(folder, "portrait", split, ("rgb", "alpha", "landmarks"), shards)
        photographs, crops = load_backdrops([folder], split), list[U8]()
        for index in track(range(count), split):
            rng = np.random.default_rng([seed, number, index])
            crops += false_faces(detector.detect, portraits, rng, int(rng.choice([320, 416])), photographs=photographs)
        if not crops:
            raise InputError(f"{pack}: no false face in {count} scenes.", "Lower --threshold, or add --scenes.")
        path = save_pictures(folder, "false-faces", split, crops)
        typer.echo(f"{path}: {len(crops)} crops.")


if __name__ == "__main__":
    typer.run(main)
