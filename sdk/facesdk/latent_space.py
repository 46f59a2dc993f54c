"""The numbers behind generated faces: pictures become latents, latents pictures, and noise latents and back."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import Self

import numpy as np

from facesdk.attributes import Value
from facesdk.errors import InputError
from facesdk.media.image import Color, ImageSource, load_image, picture_name
from facesdk.pack import Pack, open_pack
from facesdk.pipelines.face_edit import FLOW_SOLVER, FLOW_STEPS
from facesdk.pipelines.face_reader import FaceReader
from facesdk.pipelines.latent_flow import LatentFlowPipeline
from facesdk.sampling.solver import ADAPTIVE
from facesdk.types import F32, U8


class LatentSpace:
    """A pack's generator as maps between pictures, latents and noise; safe to call from several threads.

    Args:
        pack, backend, threads: as of `FaceGenerator`, and so are the errors.

    Attributes:
        vocabulary: what can be said of a face.
        size: side of its pictures in pixels.
        facts: what the pack says of its networks.
    """

    def __init__(
        self, pack: Pack | str | PathLike[str] = "nano", backend: str = "auto", threads: int | None = None
    ) -> None:
        self.pack = pack if isinstance(pack, Pack) else open_pack(pack)
        self._pipeline: LatentFlowPipeline | None = LatentFlowPipeline(self.pack, backend, threads)
        self._reader = FaceReader(self.pack, backend, threads)
        self.vocabulary = self._pipeline.vocabulary
        self.size = self._pipeline.size
        self.facts = self._pipeline.facts
        self.backend = self._pipeline.backend
        self.threads = self._pipeline.threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the networks. The generator cannot be used after it."""
        self._pipeline = None
        self._reader = FaceReader(self.pack)

    def decode(self, latents: F32) -> U8:
        """Pictures of latents.

        Args:
            latents: (D,) or (N, D) float32.

        Returns:
            (S, S, 3) or (N, S, S, 3) uint8 RGB. To write one, use `provenance.mark`, or a `GeneratedFace`'s `save`.

        Raises:
            InputError: another shape.
            BackendError: the network returned NaN.
        """
        pipeline, rows = self._open(), self._rows(latents)
        pictures = np.stack([pipeline.decode(row[None])[0] for row in rows])
        return pictures if latents.ndim == 2 else np.asarray(pictures[0])

    def encode(self, picture: ImageSource, *, color: Color = "rgb", name: str | None = None) -> F32:
        """The latent of a picture's largest face, before a plain backdrop where the pack tells face from background.

        Args:
            picture: a path, bytes, a PIL image, or (H, W, 3) uint8.
            color: order of an array's channels.
            name: what errors call the picture, by default its file's name.

        Returns:
            (D,) float32, normalised: over faces its mean is 0 and its standard deviation 1.

        Raises:
            InputError: no face, or it is too small or cut by the border.
            MediaError: the picture could not be read.
            PackError: the pack has no networks that find faces.
        """
        pipeline, image = self._open(), load_image(picture, color)
        face = self._reader.read(image, name or picture_name(picture), recognise=False, parse=True)
        return np.asarray(pipeline.encode(image, [face])[0])

    def invert(
        self,
        latents: F32,
        attributes: Mapping[str, Value] | None = None,
        steps: int | None = None,
        solver: str = FLOW_SOLVER,
    ) -> F32:
        """The noise that `flow` takes to given latents: the same equation, run from time 1 to 0, without guidance.

        Args:
            latents: (D,) or (N, D) float32.
            attributes: what the faces are known to show.
            steps: of the solver, by default FLOW_STEPS; not with "dopri5".
            solver: "midpoint", "heun", "rk4" or "dopri5".

        Returns:
            Noise of the same shape.

        Raises:
            InputError: an argument is out of range.
            BackendError: a network returned NaN.
        """
        return self._follow(latents, attributes, steps, solver, 1.0, 0.0)

    def flow(
        self,
        noise: F32,
        attributes: Mapping[str, Value] | None = None,
        steps: int | None = None,
        solver: str = FLOW_SOLVER,
    ) -> F32:
        """The latents that noise becomes, without guidance: what `invert` undoes.

        Args:
            noise: (D,) or (N, D) float32.
            attributes, steps, solver: as of `invert`, and so are the errors; "euler" too.

        Returns:
            Latents of the same shape.
        """
        return self._follow(noise, attributes, steps, solver, 0.0, 1.0)

    def _follow(
        self,
        states: F32,
        attributes: Mapping[str, Value] | None,
        steps: int | None,
        solver: str,
        start: float,
        end: float,
    ) -> F32:
        """Runs the flow's equation from one time to another under one condition."""
        pipeline, rows = self._open(), self._rows(states)
        if steps is None and solver != ADAPTIVE:
            steps = FLOW_STEPS
        condition = pipeline.condition(attributes or {})
        out = pipeline.flow(rows, condition, condition, 1.0, solver, steps, start, end)
        return out if states.ndim == 2 else out[0]

    def _open(self) -> LatentFlowPipeline:
        if self._pipeline is None:
            raise InputError(
                f"this {type(self).__name__} is closed.", "Open a new one, or use it inside the with block."
            )
        return self._pipeline

    def _rows(self, states: F32) -> F32:
        """Latents or noise as (N, D) float32, checked."""
        size = self._open().latent_size
        rows = np.atleast_2d(np.asarray(states, np.float32))
        if rows.ndim != 2 or rows.shape[1] != size or not len(rows) or not np.isfinite(rows).all():
            raise InputError(f"latents of shape {np.shape(states)}: ({size},) or (N, {size}), and finite, expected.")
        return rows
