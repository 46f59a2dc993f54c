"""The film that stands in for a camera: a 1280x720 picture that sways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.media.av_module import require_av

U8 = NDArray[np.uint8]
COUNT = 120
SWAY_PX = 60
NOISE_LEVELS = 2.0


def sway(picture: U8) -> Iterator[U8]:
    """COUNT pictures that end where they began: moved to and fro, with the noise of a sensor.

    Args:
        picture: (H, W, 3) uint8 RGB, all alike at its left and right border.
    """
    noise = np.random.default_rng(3).normal(0.0, NOISE_LEVELS, (64 + picture.shape[0], *picture.shape[1:]))
    for index in range(COUNT):
        phase = 2.0 * np.pi * index / COUNT
        moved = np.roll(picture, round(SWAY_PX * np.sin(phase)), axis=1).astype(np.float64)
        # The same grain, each time from another row on.
        start = 37 * index % 64
        yield np.clip(np.rint(moved + noise[start : start + picture.shape[0]]), 0, 255).astype(np.uint8)


def write_sway(path: Path, picture: U8, fps: int) -> Path:
    """Encodes `sway` as a film that is quick to decode.

    Args:
        path: the film.
        picture: (H, W, 3) uint8 RGB with even sides.
        fps: its frames a second.
    """
    av = require_av()
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "16", "g": "30"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in sway(picture):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    return path
