"""Faces out of noise: a flow from noise to the latents of a VAE, and that VAE (seed 003)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from facesdk.attributes import Vocabulary
from facesdk.errors import BackendError, InputError, PackError
from facesdk.faces.align import Template, crop_matrix
from facesdk.faces.crops import crop_planes, denormalise
from facesdk.pack import Pack
from facesdk.pipelines.backdrop import before_backdrop
from facesdk.runtime.select import open_session
from facesdk.runtime.session import Session
from facesdk.sampling.guidance import Condition, GuidedField, check_guidance
from facesdk.sampling.noise import normal_noise, share_after_noise
from facesdk.sampling.prior import AttributePrior
from facesdk.sampling.solver import FINITE_CURE, check_solver, solve
from facesdk.types import F32, U8, Face

FAMILY = "latent_flow"
GRAPHS = ("encoder", "decoder", "velocity")
PARTS_TEMPLATE = "canon"
"""Alignment of `Face.parts`."""
PATH = "condot"
"""x_t = (1 - t) noise + t latent, the only path that is known here."""


@dataclass(frozen=True)
class SamplerFacts:
    """How a pack's flow is sampled when nothing else is asked for.

    Attributes:
        steps: of Euler's method; the graph "sampler" takes them in one call.
        guidance: weight of what was asked for.
        prior_guidance: weight of attributes that were drawn since nothing was asked for.
    """

    steps: int
    guidance: float
    prior_guidance: float = 1.0


@dataclass(frozen=True, eq=False)
class FaceRequest:
    """What samples start from.

    Attributes:
        noise: (B, D) float32.
        wanted, base: two conditions; the flow follows base + guidance (wanted - base).
        guidance: weight, 0 to MAX_GUIDANCE.
    """

    noise: F32
    wanted: Condition
    base: Condition
    guidance: float


class LatentFlowPipeline:
    """Runs a pack's latent_flow networks; opens each when it is first needed. Safe to call from several threads.

    Args:
        pack: an open pack with the family latent_flow.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.

    Raises:
        PackError: the pack has no such networks, or they do not fit together.
        BackendError: the backend is not there.
    """

    def __init__(self, pack: Pack, backend: str = "auto", threads: int | None = None) -> None:
        family = pack.manifest.family(FAMILY)
        self._pack = pack
        self._wanted = (backend, threads)
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._sampler_reads = (
            [tensor.name for tensor in family.graphs["sampler"].inputs] if "sampler" in family.graphs else []
        )
        try:
            crop: Mapping[str, Any] = family.preprocessing["crops"]["generate"]
            sampler: Mapping[str, Any] = family.extra["sampler"]
            self.template = cast(Template, str(crop["template"]))
            self.size = int(crop["size"])
            self.latent_size = int(family.extra["latent"])
            self.vocabulary = Vocabulary.from_manifest(family.extra["attributes"])
            self.facts = SamplerFacts(
                int(sampler["default_steps"]), float(sampler["guidance"]), float(sampler.get("prior_guidance", 1.0))
            )
            rows = family.extra.get("attribute_prior")
            self.prior = None if rows is None else AttributePrior.from_manifest(self.vocabulary, rows)
            path = str(sampler["path"])
        except (KeyError, TypeError, ValueError) as error:
            raise PackError(
                f"pack {pack.name}: {FAMILY} does not say how it is sampled ({error}).", "Export the pack again."
            ) from error
        if path != PATH:
            raise PackError(f"pack {pack.name}: {FAMILY} has the path {path!r}, {PATH!r} is known.", "Update facesdk.")
        shapes = {tensor.name: tensor.shape for tensor in pack.manifest.graph(FAMILY, "velocity").inputs}
        if shapes.get("condition", ())[1:] != (self.vocabulary.width,) or "identity" not in shapes:
            raise PackError(
                f"pack {pack.name}: {FAMILY}.velocity reads a condition {shapes.get('condition')}; the attributes make "
                f"{self.vocabulary.width} numbers.",
                "Export the pack again.",
            )
        self._identity_size = int(shapes["identity"][1])
        decoder = self._session("decoder")
        self.backend = decoder.backend
        self.threads = decoder.threads

    def condition(self, values: Mapping[str, float | str | bool], embedding: F32 | None = None) -> Condition:
        """What is asked of a face.

        Args:
            values: attributes by name; what is not in it is left open.
            embedding: (512,) float32 of unit length whose likeness is asked for, or None.

        Raises:
            InputError: an attribute or value does not exist.
        """
        identity = np.zeros(self._identity_size, np.float32) if embedding is None else embedding
        if identity.shape != (self._identity_size,):
            raise InputError(f"an identity of shape {identity.shape} was given, ({self._identity_size},) is expected.")
        return Condition(self.vocabulary.vector(values), identity.astype(np.float32))

    def request(
        self,
        seed: int,
        numbers: Sequence[int],
        values: Mapping[str, float | str | bool],
        embedding: F32 | None = None,
        guidance: float | None = None,
    ) -> FaceRequest:
        """What the faces of a seed start from.

        Each face draws one row of the pack's attributes after its noise, so that what nobody asked for varies as it
        does in the world. Without a wish it is what is wanted, and nothing is the base; a wish stands in both beside
        what was drawn, so that guidance exaggerates what was asked and nothing else. Whom a face resembles says more
        of it than a row does: beside a likeness nothing is drawn, and neither is it by a pack without such rows.

        Args:
            seed: of the noise.
            numbers: of the faces under this seed.
            values: attributes by name that are asked of all of them.
            embedding: (512,) float32 of unit length whose likeness is asked for, or None.
            guidance: weight; None = the pack's.

        Raises:
            InputError: an attribute or value does not exist, or a number is out of range.
        """
        noise = np.stack([normal_noise(seed, number, self.latent_size) for number in numbers])
        wish, nothing = self.condition(values, embedding), self.condition({})
        if self.prior is None or embedding is not None:
            return FaceRequest(noise, wish, nothing, self.facts.guidance if guidance is None else guidance)
        shares = [share_after_noise(seed, number, self.latent_size) for number in numbers]
        drawn = self.prior.beside(values)[[self.prior.row(share) for share in shares]]
        if not values:
            weight = self.facts.prior_guidance if guidance is None else guidance
            return FaceRequest(noise, Condition(drawn, nothing.identity), nothing, weight)
        weight = self.facts.guidance if guidance is None else guidance
        wanted = Condition(drawn + wish.attributes, nothing.identity)
        return FaceRequest(noise, wanted, Condition(drawn, nothing.identity), weight)

    def sample(self, request: FaceRequest, steps: int | None, solver: str) -> F32:
        """Takes noise to latents: by the one-call graph where there is one for these steps, else by the solver.

        Args:
            request: noise and what is asked.
            steps: of the solver; None for dopri5.
            solver: a name in sampling.solver.SOLVERS.

        Returns:
            (B, D) float32 normalised latents.

        Raises:
            InputError: solver, steps or guidance cannot be.
            BackendError: the networks returned NaN or infinity.
        """
        check_solver(solver, steps)
        check_guidance(request.guidance)
        noise, wanted, base = request.noise, request.wanted, request.base
        one_call = solver == "euler" and steps == self.facts.steps and self._can_sample(base)
        if not one_call:
            return self.flow(noise, wanted, base, request.guidance, solver, steps)
        attributes, identity = wanted.rows(len(noise))
        feeds = {
            "noise": noise,
            "condition": attributes,
            "identity": identity,
            "base": base.rows(len(noise))[0],
            "guidance": np.full(len(noise), request.guidance, np.float32),
        }
        feeds = {name: feeds[name] for name in self._sampler_reads}
        return _finite(self._session("sampler").run(feeds)["latent"], "sampler")

    def _can_sample(self, base: Condition) -> bool:
        """Whether the graph "sampler" is there and knows this base: no person, and in older packs no attributes."""
        reads = self._sampler_reads
        return bool(reads) and not base.identity.any() and ("base" in reads or not base.attributes.any())

    def flow(
        self,
        latents: F32,
        wanted: Condition,
        base: Condition,
        guidance: float,
        solver: str,
        steps: int | None,
        start: float = 0.0,
        end: float = 1.0,
    ) -> F32:
        """Follows the velocity base + guidance (wanted - base) from one time to another.

        Args:
            latents: (B, D) float32 at time start.
            wanted, base: the two conditions.
            guidance: weight, 0 to MAX_GUIDANCE.
            solver: a name in sampling.solver.SOLVERS. Backwards, from end < start, Euler's method would ask the network
                for a mean velocity that it never learnt.
            steps: of the solver; None for dopri5.
            start, end: times; 0 is noise, 1 is data.

        Returns:
            (B, D) float32 at time end.

        Raises:
            InputError: solver, steps, guidance or times cannot be.
            BackendError: the network returned NaN or infinity.
        """
        if solver == "euler" and end < start:
            raise InputError("euler does not run from data to noise here.", "Use midpoint, heun, rk4 or dopri5.")
        field = GuidedField(self._velocity, wanted, base, guidance)
        return _finite(solve(field, latents, solver, steps, start, end).astype(np.float32), "velocity")

    def decode(self, latents: F32) -> U8:
        """(B, D) float32 normalised latents to (B, S, S, 3) uint8 RGB pictures.

        Raises:
            BackendError: the network returned NaN or infinity.
        """
        return denormalise(_finite(self._session("decoder").run({"latent": latents})["image"], "decoder"))

    def encode(self, image: U8, faces: list[Face]) -> F32:
        """Faces of an (H, W, 3) uint8 picture to (n, D) float32 normalised latents: the mean of the posterior.

        A face whose parts are known is put before a plain backdrop, as the faces of the training were.

        Raises:
            BackendError: the network returned NaN or infinity.
        """
        crops = crop_planes(image, [self.matrix(face) for face in faces], self.size)
        if self.template == PARTS_TEMPLATE:
            for planes, face in zip(crops, faces):
                if face.parts is not None:
                    planes[...] = before_backdrop(planes, face.parts)
        return _finite(self._session("encoder").run({"image": crops})["latent"], "encoder")

    def matrix(self, face: Face) -> F32:
        """(2, 3) matrix from picture pixels to the pixels of the generator's crop."""
        return crop_matrix(face.best_points, self.template, self.size)

    def _velocity(self, latent: F32, time: F32, end: F32, condition: F32, identity: F32) -> F32:
        feeds = {"latent": latent, "time": time, "end": end, "condition": condition, "identity": identity}
        return self._session("velocity").run(feeds)["velocity"]

    def _session(self, graph: str) -> Session:
        with self._lock:
            if graph not in self._sessions:
                self._sessions[graph] = open_session(self._pack, FAMILY, graph, *self._wanted)
            return self._sessions[graph]


def _finite(values: NDArray[np.float32], graph: str) -> F32:
    if not np.isfinite(values).all():
        raise BackendError(f"{FAMILY}: what the {graph} returned is not finite, so no face was made.", FINITE_CURE)
    return values
