"""One real photograph: the portrait that scikit-image ships. Its points were marked by hand."""

from __future__ import annotations

import numpy as np

from facesdk.errors import InputError
from facesdk.faces.align import five_points
from facesdk.types import F32, U8, Face

# Eye centres, nose tip, mouth corners, picture left first; marked on a 5x enlargement, to about 1 px.
MARKED_POINTS = np.array([[202.5, 101.4], [247.6, 103.6], [227.5, 124.5], [203.8, 140.0], [244.2, 141.4]], np.float32)
EYES_PX = float(np.linalg.norm(MARKED_POINTS[1] - MARKED_POINTS[0]))


def portrait() -> U8:
    """The photograph, (512, 512, 3) uint8 RGB: NASA's portrait of Eileen Collins, in the public domain.

    Raises:
        InputError: scikit-image is not installed.
    """
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise InputError("the portrait of scikit-image is not here.", "pip install facesdk[bench]") from error
    return np.ascontiguousarray(astronaut())


def point_error(faces: list[Face]) -> float | None:
    """RMS distance over the eyes' distance of the face nearest to the marked points; None without a face.

    Args:
        faces: of `portrait`, with landmarks.
    """
    errors = [_error(five_points(face.landmarks)) for face in faces if face.landmarks is not None]
    return min(errors, default=None)


def _error(points: F32) -> float:
    return float(np.sqrt(((points - MARKED_POINTS) ** 2).sum(-1).mean()) / EYES_PX)
