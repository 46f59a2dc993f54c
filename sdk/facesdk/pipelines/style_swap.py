"""Swap in one pass: encode the target, blend its styles with the source's, decode (seed 000)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.enrolment import CROP_SCALE, CROP_SIZE
from facesdk.errors import PackError
from facesdk.faces.align import Template, apply_matrix, crop_matrix, invert_matrix, warp_crop
from facesdk.faces.crops import crop_planes, cut_crop, normalise
from facesdk.faces.landmarks import Landmarker
from facesdk.faces.parse import Parser, Part
from facesdk.identity import Identity
from facesdk.ops.color_match import MIN_WEIGHT, color_match
from facesdk.pack import Pack
from facesdk.pipelines.base import FaceSwap, SwapPipeline
from facesdk.pipelines.face_mask import hull_mask, kept_mask, swap_mask
from facesdk.pipelines.shape_path import GRAPHS as SHAPE_GRAPHS
from facesdk.pipelines.shape_path import ShapePath
from facesdk.runtime.output_guard import require_varied
from facesdk.runtime.select import open_session
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, U8, Face

FAMILY = "style_swap"


@dataclass(frozen=True)
class StyleSwapSettings:
    """What can be chosen.

    Attributes:
        preserved: parts in front of the face that keep the target's pixels.
        color_strength: how far the result's colours move to the target's around the face, 0 (not at all) to 1.
            Measured on the nano pack: 0.5 costs 0.2 dB in the changed region and 0.5 dB in the face, so it is off.
        batch: most faces that go through the networks at once.
        cached_sources: identities whose codes are kept.
    """

    preserved: tuple[Part, ...] = (Part.OCCLUDER,)
    color_strength: float = 0.0
    batch: int = 8
    cached_sources: int = 32


@dataclass(frozen=True, eq=False)
class _Job:
    """A face of a picture, and who is put there."""

    image: U8
    face: Face
    identity: Identity


class _Source(NamedTuple):
    """What is kept of an identity: codes (L, D), and its shape (K,) for a pack with a shape path."""

    codes: F32
    shape: F32 | None


class StyleSwapPipeline(SwapPipeline):
    """Swaps faces with a pack's style_swap networks.

    Args:
        pack: an open pack with the families style_swap and, for the parser, faces.
        parser: tells what stands in front of the face, or None to ask only the model's own mask.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.
        settings: what can be chosen.
        landmarker: finds the source's landmarks, for a pack whose swap has a shape path.

    Raises:
        PackError: the pack has no such networks, or needs a landmarker.
        BackendError: the backend is not there.
    """

    def __init__(
        self,
        pack: Pack,
        parser: Parser | None,
        backend: str = "auto",
        threads: int | None = None,
        settings: StyleSwapSettings | None = None,
        landmarker: Landmarker | None = None,
    ) -> None:
        family = pack.manifest.family(FAMILY)
        crop = family.preprocessing.get("crops", {}).get("swap")
        if crop is None:
            raise PackError(
                f"pack {pack.name}: style_swap.preprocessing.crops has no 'swap'.", "Export the pack again."
            )
        self.template = cast(Template, str(crop["template"]))
        self.size = int(crop["size"])
        # "head": the model's own mask may reach ears and neck; "face": it stays inside the outline of the landmarks.
        self._whole_head = family.preprocessing.get("mask", {}).get("reach", "face") == "head"
        self._features = family.features
        self._parser = parser
        self._settings = settings or StyleSwapSettings()
        self._encoder = open_session(pack, FAMILY, "encoder", backend, threads)
        self._blending = open_session(pack, FAMILY, "blending", backend, threads)
        self._decoder = open_session(pack, FAMILY, "decoder", backend, threads)
        self._shape: ShapePath | None = None
        if set(SHAPE_GRAPHS) <= set(family.graphs):
            self._shape = ShapePath(pack, FAMILY, landmarker, backend, threads)
        self.backend = self._decoder.backend
        self.threads = self._decoder.threads
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._lock = threading.Lock()

    def swap(self, image: U8, pairs: Sequence[tuple[Face, Identity]], watch: Stopwatch) -> list[FaceSwap]:
        """See `SwapPipeline.swap`."""
        return self._swap_all([_Job(image, *pair) for pair in pairs], watch, alike=False)

    def swap_frames(
        self, frames: Sequence[tuple[U8, Sequence[tuple[Face, Identity]]]], watch: Stopwatch
    ) -> list[list[FaceSwap]]:
        """See `SwapPipeline.swap_frames`."""
        jobs = [_Job(image, *pair) for image, pairs in frames for pair in pairs]
        swaps = iter(self._swap_all(jobs, watch, alike=True))
        return [[next(swaps) for _ in pairs] for _, pairs in frames]

    def source_codes(self, identity: Identity) -> F32:
        """(L, D) float32 codes of an identity, computed once: the mean over its crops, each also seen in a mirror.

        On 240 rendered swaps the second look was worth .08 dB in the face, and it costs nothing per frame.
        """
        return self._source(identity).codes

    def _source(self, identity: Identity) -> _Source:
        with self._lock:
            if identity.id in self._sources:
                self._sources.move_to_end(identity.id)
                return self._sources[identity.id]
        matrix = self._source_matrix()
        crops = np.stack([warp_crop(crop, matrix, self.size) for crop in identity.crops])
        step, looks = self._settings.batch, np.concatenate([crops, crops[:, :, ::-1]])
        codes = [
            self._encoder.run({"image": normalise(looks[start : start + step])})["codes"]
            for start in range(0, len(looks), step)
        ]
        mean: F32 = require_varied("style_swap.encoder", "codes", np.concatenate(codes)).mean(0)
        shape = None if self._shape is None else self._shape.read(identity.crops, CROP_SCALE, matrix, self.size)
        source = _Source(mean, shape)
        with self._lock:
            self._sources[identity.id] = source
            while len(self._sources) > self._settings.cached_sources:
                self._sources.popitem(last=False)
        return source

    def _source_matrix(self) -> F32:
        """From an identity's wide crop at "canon" to the encoder's crop: a change of scale about the centre."""
        if self.template != "canon":
            raise PackError(f"style_swap: template {self.template!r} cannot be cut from an identity's canon crops.", "")
        scale = self.size / (CROP_SIZE * CROP_SCALE)
        offset = self.size / 2.0 - scale * CROP_SIZE / 2.0
        return np.array([[scale, 0, offset], [0, scale, offset]], np.float32)

    def _swap_all(self, jobs: Sequence[_Job], watch: Stopwatch, alike: bool) -> list[FaceSwap]:
        step = self._settings.batch
        return [
            swapped
            for start in range(0, len(jobs), step)
            for swapped in self._swap_batch(jobs[start : start + step], watch, alike)
        ]

    def _swap_batch(self, jobs: Sequence[_Job], watch: Stopwatch, alike: bool) -> list[FaceSwap]:
        points = [job.face.best_points for job in jobs]
        matrices = [crop_matrix(known, self.template, self.size) for known in points]
        with watch.stage("source"):
            known_sources = [self._source(job.identity) for job in jobs]
            sources = np.stack([source.codes for source in known_sources])
        with watch.stage("encode"):
            planes = _planes(jobs, matrices, self.size, self.threads)
            encoded = self._encoder.run({"image": planes}, alike)
            require_varied("style_swap.encoder", "codes", encoded["codes"])
        with watch.stage("blend"):
            feeds = {"codes_target": encoded["codes"], "codes_source": sources}
            codes = require_varied("style_swap.blending", "codes", self._blending.run(feeds, alike)["codes"])
        if self._shape is not None:
            with watch.stage("shape"):
                marks = [apply_matrix(matrix, known) / self.size for matrix, known in zip(matrices, points)]
                shapes = np.stack([source.shape for source in known_sources if source.shape is not None])
                encoded |= self._shape.maps(shapes, marks, alike)
        with watch.stage("decode"):
            feeds = {"codes": codes, **{name: encoded[name] for name in self._features}}
            decoded = self._decoder.run(feeds, alike)
            # For want of GPU memory it may have changed meanwhile.
            self.backend = self._decoder.backend
            pictures = require_varied("style_swap.decoder", "image", decoded["image"]).transpose(0, 2, 3, 1)
            masks = decoded.get("mask")
            if masks is not None:
                # A face that is wholly covered may have a mask of nothing but 0; nothing is painted then.
                require_varied("style_swap.decoder", "mask", masks[masks.any((1, 2, 3))])
        with watch.stage("parse"):
            parts = self._parts(jobs, planes, alike)
        out = []
        with watch.stage("mask"):
            matched = self._settings.color_strength > 0
            for index, (job, matrix, known) in enumerate(zip(jobs, matrices, points)):
                model = None if masks is None else masks[index, 0]
                kept = None if parts is None else kept_mask(parts[index], self._settings.preserved, self.size)
                outline = self._outline(matrix, known)
                mask = swap_mask(outline, model, kept)
                picture = ((np.clip(pictures[index], -1.0, 1.0) + 1.0) * 127.5).astype(np.float32)
                if matched:
                    picture = self._match_colors(picture, cut_crop(job.image, matrix, self.size), mask, kept)
                asked = encoded["wanted"][index] * self.size if self._shape is not None else None
                wanted = None if asked is None else apply_matrix(invert_matrix(matrix), asked)
                out.append(FaceSwap(picture, mask, matrix, wanted))
        return out

    def _outline(self, matrix: F32, points: NDArray[np.floating]) -> F32:
        """The face's outline in the crop; the whole crop where the pack's own mask decides, or without landmarks."""
        if len(points) != 68 or self._whole_head:
            return np.ones((self.size, self.size), np.float32)
        return hull_mask(apply_matrix(matrix, points), self.size)

    def _parts(self, jobs: Sequence[_Job], planes: F32, alike: bool) -> F32 | None:
        """Part probabilities in the swap's own crop, for which the parser must be aligned alike."""
        if self._parser is None:
            return None
        if self._parser.template == self.template and self._parser.size == self.size:
            return self._parser.parse_planes(planes, alike)
        matrices = [crop_matrix(job.face.best_points, self.template, self._parser.size) for job in jobs]
        return self._parser.parse_planes(_planes(jobs, matrices, self._parser.size, self.threads), alike)

    def _match_colors(self, picture: F32, target: U8, mask: F32, kept: F32 | None) -> F32:
        """Removes a drift of colour: just outside the mask the decoded picture should show what the target shows."""
        radius = max(1, round(0.06 * self.size))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        ring = np.asarray(cv2.dilate(mask, kernel), np.float32) * (1.0 - mask)
        if kept is not None:
            ring = ring * (1.0 - kept)
        if float(ring.sum()) < 4 * MIN_WEIGHT:
            return picture
        return color_match(picture, target, ring, self._settings.color_strength, max_gain=1.15)


def _planes(jobs: Sequence[_Job], matrices: Sequence[F32], size: int, threads: int) -> F32:
    """The crops of all faces, (n, 3, size, size) float32 in [-1, 1]; those of one picture are cut together."""
    groups = [list(group) for _, group in groupby(zip(jobs, matrices), key=lambda pair: id(pair[0].image))]
    planes = [crop_planes(group[0][0].image, [matrix for _, matrix in group], size, threads) for group in groups]
    return planes[0] if len(planes) == 1 else np.concatenate(planes)
