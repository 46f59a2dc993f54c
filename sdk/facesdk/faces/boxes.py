"""The box of a face whose points are known: the detector sees half of a hidden face, its points tell of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.ops.nms import nms
from facesdk.types import F32, Face

FOREHEAD = 0.30
"""How far the forehead goes above the brows, as a share of the way from the chin to them."""


def face_box(landmarks: NDArray[np.floating]) -> F32:
    """Box of a face from its points: their hull, raised to take in the forehead.

    The raise follows the face's own up direction, so that a tilted face keeps its forehead.

    Args:
        landmarks: (68, 2) pixels, iBUG order.

    Returns:
        (4,) float32 x0, y0, x1, y1 pixels; parts of it may lie outside the picture, as the face does.
    """
    brow = landmarks[17:27].mean(0)
    up = brow - landmarks[8]
    forehead = landmarks[17:27] + FOREHEAD * up
    points = np.concatenate([landmarks, forehead])
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def boxes_from_landmarks(faces: Sequence[Face], strength: Sequence[float], iou: float) -> list[Face]:
    """Gives each face the box of its points; of boxes that are then one face, keeps the strongest.

    Args:
        faces: with landmarks; those whose landmark net does not tell presence keep the detector's box, for nobody says
            that their points are worth more.
        strength: of each face, the greater the surer.
        iou: greatest overlap of two faces.

    Returns:
        The faces that stay, in their order.
    """
    if not faces:
        return []
    out = [
        face if face.presence is None or face.landmarks is None else replace(face, box=face_box(face.landmarks))
        for face in faces
    ]
    kept = nms(np.stack([face.box for face in out]), np.array(strength, np.float64), iou)
    return [out[index] for index in sorted(kept)]
