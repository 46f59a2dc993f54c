"""Where the five points of a face lie in the crops that community models read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import five_points, similarity
from facesdk.types import F32

# Eye at the picture's left, at its right, nose tip, mouth corner left, right, as fractions of the crop. These models
# were made with OpenCV, whose pixel centres lie on whole numbers; `template_matrix` adds the half pixel.
# Source: facefusion 3.8 facefusion/face_helper.py; insightface utils/face_align.py for the arcface ones.
TEMPLATES: dict[str, tuple[tuple[float, float], ...]] = {
    "arcface_112_v1": (
        (0.35473214, 0.45658929),
        (0.64526786, 0.45658929),
        (0.50000000, 0.61154464),
        (0.37913393, 0.77687500),
        (0.62086607, 0.77687500),
    ),
    "arcface_112_v2": (
        (0.34191607, 0.46157411),
        (0.65653393, 0.45983393),
        (0.50022500, 0.64050536),
        (0.37097589, 0.82469196),
        (0.63151696, 0.82325089),
    ),
    "arcface_128": (
        (0.36167656, 0.40387734),
        (0.63696719, 0.40235469),
        (0.50019687, 0.56044219),
        (0.38710391, 0.72160547),
        (0.61507734, 0.72034453),
    ),
    "ffhq_512": (
        (0.37691676, 0.46864664),
        (0.62285697, 0.46912813),
        (0.50123859, 0.61331904),
        (0.39308822, 0.72541100),
        (0.61150205, 0.72490465),
    ),
    "mtcnn_512": (
        (0.36562865, 0.46733799),
        (0.63305391, 0.46585885),
        (0.50019127, 0.61942959),
        (0.39032951, 0.77598822),
        (0.61178945, 0.77476328),
    ),
}


def template_matrix(points: NDArray[np.floating], template: str, size: int, shift_px: float = 0.0) -> F32:
    """Matrix that takes picture pixels to pixels of a crop.

    Args:
        points: (5, 2) or (68, 2) pixels of the picture, pixel centres at +0.5.
        template: name in TEMPLATES.
        size: side of the crop in pixels.
        shift_px: added to the template, in pixels of the crop.

    Returns:
        (2, 3) float32, least squares.

    Raises:
        InputError: the points coincide.
    """
    five = points if len(points) == 5 else five_points(points)
    target = np.array(TEMPLATES[template], np.float64) * size + 0.5 + shift_px
    return similarity(five, target)
