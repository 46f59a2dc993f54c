"""A pack's generator as the bench uses it: the runtime's own pipeline, many faces at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.faces.crops import normalise
from facesdk.pack import Pack
from facesdk.pipelines.latent_flow import FAMILY, LatentFlowPipeline
from facesdk.runtime.select import open_session

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
BATCH = 64
Values = Mapping[str, float | str | bool]


class GeneratorUnderTest:
    """Encodes, decodes and samples in batches.

    Args:
        pack: an open pack with the family latent_flow.
        backend: "auto" or a backend's name.
        seed: of all noise.
        batch: faces at a time.

    Raises:
        PackError: the pack has no such networks.
        BackendError: the backend is not there.
    """

    def __init__(self, pack: Pack, backend: str = "auto", seed: int = 7, batch: int = BATCH) -> None:
        self.pipeline = LatentFlowPipeline(pack, backend)
        self._encoder = open_session(pack, FAMILY, "encoder", backend)
        self._seed = seed
        self.batch = batch

    def posterior(self, pictures: U8) -> tuple[F32, F32]:
        """Mean and logarithm of the variance of normalised latents, (N, D) each, of aligned (N, S, S, 3) pictures."""
        found = [self._encoder.run({"image": normalise(part)}) for part in self._parts(pictures)]
        return np.concatenate([f["latent"] for f in found]), np.concatenate([f["log_variance"] for f in found])

    def decode(self, latents: F32) -> U8:
        """(N, S, S, 3) uint8 pictures of (N, D) normalised latents."""
        return np.concatenate([self.pipeline.decode(part) for part in self._parts(latents)])

    def reconstruct(self, pictures: U8) -> U8:
        """Aligned pictures through encoder and decoder."""
        return self.decode(self.posterior(pictures)[0])

    def samples(
        self,
        count: int,
        values: Values | None = None,
        steps: int | None = None,
        solver: str = "euler",
        first: int = 0,
    ) -> Iterator[U8]:
        """Sampled faces in batches; the same numbers have the same noise and attributes under every setting.

        Args:
            count: how many.
            values: attributes that are asked for, with the pack's own guidance.
            steps: of the solver; by default the pack's.
            solver: "euler", "midpoint" or "heun".
            first: number of the first face.
        """
        pipeline = self.pipeline
        for start in range(first, first + count, self.batch):
            numbers = range(start, min(start + self.batch, first + count))
            request = pipeline.request(self._seed, numbers, values or {})
            yield pipeline.decode(pipeline.sample(request, steps or pipeline.facts.steps, solver))

    def _parts(self, rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
        for start in range(0, len(rows), self.batch):
            yield rows[start : start + self.batch]
