"""What a network returned is looked at first: NaN would be pasted as a black square, a constant as a grey one."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.types import F32

LEAST_SPREAD = 1e-6
"""Values that differ by less are one constant."""
_CURE = "Try --backend openvino-f32 or onnxruntime; facesdk doctor says which backends agree."


def require_finite(graph: str, backend: str, outputs: Mapping[str, NDArray[np.floating]]) -> None:
    """Refuses NaN and infinity.

    Args:
        graph: "family.graph".
        backend: what ran it.
        outputs: name -> what came out.

    Raises:
        BackendError: a value is not finite.
    """
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise BackendError(f"{graph}: {name} is not finite on {backend}, so nothing was made of it.", _CURE)


def require_varied(graph: str, name: str, values: NDArray[np.floating]) -> F32:
    """Refuses what is the same everywhere: a network that works never returns that.

    Args:
        graph: "family.graph".
        name: of the output.
        values: (n, ...) with a row for each face; of planes (n, channels, height, width) one that varies is enough.

    Returns:
        The values.

    Raises:
        BackendError: those of a face are one constant, in each of its planes.
    """
    planes = values.reshape(-1, math.prod(values.shape[2:])) if values.ndim == 4 else values.reshape(len(values), -1)
    if len(planes):
        spread = (planes.max(1) - planes.min(1)).reshape(len(values), -1)
        if (spread.max(1) <= LEAST_SPREAD).any():
            raise BackendError(f"{graph}: {name} is one constant, so nothing was made of it.", _CURE)
    return np.asarray(values, np.float32)
