"""What every swap pipeline takes and gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from facesdk.errors import InputError
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
        wanted: (68, 2) float32 picture pixels, where a shape path asked the landmarks to be; None without one.
    """

    crop: F32
    mask: F32
    matrix: F32
    wanted: F32 | None = None


class SwapPipeline(ABC):
    """Swaps faces of one picture. Safe to call from several threads.

    Attributes:
        backend: what runs its networks, for example "openvino-bf16".
        threads: how many threads each may use.
        notes: what a reader of its results should know, one sentence each.
    """

    backend: str
    threads: int
    notes: tuple[str, ...] = ()

    def check_source(self, identity: Identity) -> None:
        """Checks that an identity can be this pipeline's source, before any picture is looked at.

        Raises:
            InputError: it holds no pictures, but an embedding only.
            PackError: the pack lacks what its source needs.
        """
        if not len(identity.crops):
            raise InputError(
                f"the identity holds an embedding of {identity.space} and no pictures; this pack swaps from pictures.",
                f"Enrol pictures, or take a pack whose swapper reads {identity.space}: facesdk packs add FILE",
            )

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

    def swap_frames(
        self, frames: Sequence[tuple[U8, Sequence[tuple[Face, Identity]]]], watch: Stopwatch
    ) -> list[list[FaceSwap]]:
        """Makes the new faces of several pictures, such as consecutive frames of a film.

        A picture's faces come out the same, to the bit, whatever other pictures there are: a film does not show where
        it was cut into batches.

        Args:
            frames: pictures, (H, W, 3) uint8 RGB, each with its pairs as in `swap`; none of them is changed.
            watch: takes the time of each stage.

        Returns:
            For each picture one result a pair, in the same order.

        Raises:
            BackendError: a network returned NaN or infinity; for which picture is not said.
        """
        return [self.swap(image, pairs, watch) if pairs else [] for image, pairs in frames]
