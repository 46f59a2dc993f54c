"""What every swap pipeline takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from facesdk.identity import Identity
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, U8, Face


@dataclass(frozen=True, eq=False)
class FaceSwap:
    """One swapped face before it is pasted.

    Attributes:
        crop: (size, size, 3) float32 RGB, 0 to 255.
        mask: (size, size) float32, 0 = target, 1 = swapped.
        matrix: (2, 3) float32 from picture pixels to crop pixels.
    """

    crop: F32
    mask: F32
    matrix: F32


class SwapPipeline(ABC):
    """Swaps faces of one picture. Safe to call from several threads.

    Attributes:
        backend: what runs its networks, for example "openvino-bf16".
        threads: how many threads each may use.
    """

    backend: str
    threads: int

    @abstractmethod
    def swap(self, image: U8, pairs: Sequence[tuple[Face, Identity]], watch: Stopwatch) -> list[FaceSwap]:
        """Makes the new faces.

        Args:
            image: (H, W, 3) uint8 RGB; not changed.
            pairs: faces of the picture with landmarks, each with the identity that it gets.
            watch: takes the time of each stage.

        Returns:
            One result a pair, in the same order.

        Raises:
            BackendError: a network returned NaN or infinity.
        """
