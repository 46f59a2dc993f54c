"""The shape path of a swap: landmarks of both faces say where those of the swap belong, as maps for the decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, PackError
from facesdk.faces.align import TEMPLATES, apply_matrix
from facesdk.faces.landmarks import Landmarker
from facesdk.pack import Pack
from facesdk.runtime.backend_rule import runs_reduced
from facesdk.runtime.output_guard import require_varied
from facesdk.runtime.select import open_session
from facesdk.types import F32, U8, Face

GRAPHS = ("shape_code", "shape")
BF16 = "openvino-bf16"
POINTS = 68
CANON_BOX = np.array([0.21, 0.11, 0.79, 0.865], np.float32)
"""Box of a face in its crop at "canon", share of the side; the mean over rendered people."""


class ShapePath:
    """Runs a pack's shape graphs.

    Args:
        pack: with the graphs in its swap family.
        family: name of that.
        landmarker: finds the source's points in the crops that an identity keeps.
        backend: "auto" or a backend's name. These graphs are never run in bfloat16, which tells places half a pixel
            apart.
        threads: threads per network, or None.

    Raises:
        PackError: there is no landmark network.
        BackendError: the backend is not there.
    """

    def __init__(
        self, pack: Pack, family: str, landmarker: Landmarker | None, backend: str, threads: int | None
    ) -> None:
        if landmarker is None:
            raise PackError(
                f"pack {pack.name}: its swap needs landmarks, and no landmark network was given.",
                "Open it with FaceSwapper, or give the pipeline an analyzer's landmarker.",
            )
        self._landmarker = landmarker
        self.code, self.shape = (
            open_session(
                pack, family, name, "openvino-f32" if backend == BF16 and not runs_reduced(name) else backend, threads
            )
            for name in GRAPHS
        )

    def read(self, crops: U8, scale: float, matrix: F32, size: int) -> F32:
        """What the source's landmarks say of its shape.

        Args:
            crops: (n, S, S, 3) uint8 RGB, aligned at "canon".
            scale: of those crops.
            matrix: (2, 3) from their pixels to the swap's crop.
            size: side of that.

        Returns:
            (K,) float32, the mean over the crops.
        """
        points = []
        for crop in crops:
            side = crop.shape[0]
            box, five = (((part - 0.5) * scale + 0.5) * side for part in (CANON_BOX.reshape(2, 2), TEMPLATES["canon"]))
            (face,) = self._landmarker.locate(crop, [Face(box.reshape(4), 1.0, five.astype(np.float32))])
            assert face.landmarks is not None
            points.append(apply_matrix(matrix, face.landmarks) / size)
        codes = self.code.run({"points": np.stack(points).astype(np.float32)})["shape"]
        return np.asarray(require_varied("style_swap.shape_code", "shape", codes).mean(0))

    def maps(self, codes: F32, points: Sequence[NDArray[np.floating]], alike: bool) -> dict[str, F32]:
        """The decoder's maps by name, and the wanted points.

        Args:
            codes: (N, K) of the sources.
            points: (68, 2) of each target, share of the swap's crop.
            alike: a face has the same maps whoever else is asked for, as in `Session.run`.

        Raises:
            InputError: a face has no 68 landmarks.
        """
        if any(len(marks) != POINTS for marks in points):
            raise InputError(
                "the swap needs 68 landmarks of each face, got fewer.", "Analyse the picture with landmarks."
            )
        out = self.shape.run({"shape": codes, "points": np.stack(points).astype(np.float32)}, alike)
        require_varied("style_swap.shape", "wanted", out["wanted"])
        return dict(out)
