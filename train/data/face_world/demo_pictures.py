"""The two pictures of `facesdk demo`: `python -m train.data.face_world.demo_pictures sdk/facesdk/demo`.

Own head only, people and backgrounds of the test split, so that anyone can render them again, bit for bit on the same
machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from train.data.face_world.expression import EXPRESSIONS
from train.data.face_world.render import render
from train.data.face_world.sample import sample_identity
from train.data.face_world.types import Attributes, Light

SIZE = 640
SOURCE = (95006, Attributes(zoom=0.8, background="studio", background_seed=11, cloth=(0.55, 0.5, 0.42)))
TARGET = (
    95018,
    Attributes(
        yaw_degrees=14.0,
        pitch_degrees=2.0,
        roll_degrees=-4.0,
        shift=(0.04, 0.02),
        zoom=0.6,
        expression={name: 0.7 * weight for name, weight in EXPRESSIONS["smile"].items()},
        gaze=(0.1, 0.0),
        light=Light(key_direction=(-0.7, 0.45, 0.6), key_color=(1.0, 0.9, 0.76), sky=(0.5, 0.52, 0.6)),
        background="bokeh",
        background_seed=4,
        cloth=(0.14, 0.22, 0.3),
    ),
)


def main(folder: Path) -> None:
    """Renders source.png and target.png into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (seed, attributes) in (("source", SOURCE), ("target", TARGET)):
        picture = render(
            sample_identity(seed, "own"), attributes, size=SIZE, quality="full", hair_strands=14_000, truth="basic"
        )
        Image.fromarray(picture.rgb).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
