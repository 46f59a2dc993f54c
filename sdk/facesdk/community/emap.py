"""The matrix that stands in a swapper's file beside its graph, and what it makes of an embedding.

The graph of inswapper does not read this matrix; programs do, and most take "the last initializer". Conversions reorder
the initializers or drop it, and the swap then runs without changing the face. So it is found by name, or by being the
only matrix of its size that feeds nothing, and else the file is refused.
"""

from __future__ import annotations

import numpy as np

from facesdk.community.onnx_file import OnnxFile
from facesdk.errors import PackError
from facesdk.faces.recognise import unit
from facesdk.types import F32

NAMES = ("emap", "buff2fs")
"""What ReSwapper's and insightface's files call it."""
SIDE = 512


def find_emap(file: OnnxFile) -> F32 | None:
    """The matrix of a file.

    Args:
        file: its edges.

    Returns:
        (512, 512) float32, or None if there is none, or if it cannot be told which one it is.

    Raises:
        PackError: it is damaged: zeros only, or not finite.
    """
    unread = [w for w in file.weights if w.shape == (SIDE, SIDE) and w.name not in file.fed]
    named = [w for w in unread if w.name in NAMES]
    chosen = named or unread
    if len(chosen) != 1:
        return None
    matrix = file.values(chosen[0])
    if not np.isfinite(matrix).all() or not matrix.any():
        raise PackError(
            f"the emap {chosen[0].name!r} holds no usable numbers (zeros, NaN or infinity).", "Download it again."
        )
    return matrix


def project(embedding: F32, emap: F32) -> F32:
    """L2(L2(e) E): the length is set to 1 again behind the matrix.

    Args:
        embedding: (512,) float32, of any length.
        emap: (512, 512) float32.

    Returns:
        (512,) float32 of unit length.

    Source: insightface model_zoo/inswapper.py.
    """
    return unit(unit(embedding) @ emap)
