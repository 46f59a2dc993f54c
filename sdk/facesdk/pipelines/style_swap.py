"""Swap in one pass: encode the target, blend its styles with the source's, decode (seed 000)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, PackError
from facesdk.faces.align import Template, apply_matrix, crop_matrix, warp_crop
from facesdk.faces.crops import crop_planes, cut_crops, normalise
from facesdk.faces.parse import Parser, Part
from facesdk.identity import CROP_SCALE, CROP_SIZE, Identity
from facesdk.ops.color_match import MIN_WEIGHT, color_match
from facesdk.pack import Pack
from facesdk.pipelines.base import FaceSwap, SwapPipeline
from facesdk.pipelines.face_mask import hull_mask, kept_mask, swap_mask
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


class StyleSwapPipeline(SwapPipeline):
    """Swaps faces with a pack's style_swap networks.

    Args:
        pack: an open pack with the families style_swap and, for the parser, faces.
        parser: tells what stands in front of the face, or None to ask only the model's own mask.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.
        settings: what can be chosen.

    Raises:
        PackError: the pack has no such networks.
        BackendError: the backend is not there.
    """

    def __init__(
        self,
        pack: Pack,
        parser: Parser | None,
        backend: str = "auto",
        threads: int | None = None,
        settings: StyleSwapSettings | None = None,
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
        self.backend = self._decoder.backend
        self.threads = self._decoder.threads
        self._sources: OrderedDict[str, F32] = OrderedDict()
        self._lock = threading.Lock()

    def swap(self, image: U8, pairs: Sequence[tuple[Face, Identity]], watch: Stopwatch) -> list[FaceSwap]:
        """See `SwapPipeline.swap`."""
        step = self._settings.batch
        return [
            swapped
            for start in range(0, len(pairs), step)
            for swapped in self._swap_batch(image, pairs[start : start + step], watch)
        ]

    def source_codes(self, identity: Identity) -> F32:
        """(L, D) float32 codes of an identity: the mean over its crops; computed once per identity."""
        with self._lock:
            if identity.id in self._sources:
                self._sources.move_to_end(identity.id)
                return self._sources[identity.id]
        crops = np.stack([warp_crop(crop, self._source_matrix(), self.size) for crop in identity.crops])
        step = self._settings.batch
        codes = [
            self._encoder.run({"image": normalise(crops[start : start + step])})["codes"]
            for start in range(0, len(crops), step)
        ]
        mean = _finite(np.concatenate(codes).mean(0), "encoder", "codes")
        with self._lock:
            self._sources[identity.id] = mean
            while len(self._sources) > self._settings.cached_sources:
                self._sources.popitem(last=False)
        return mean

    def _source_matrix(self) -> F32:
        """From an identity's wide crop at "canon" to the encoder's crop: a change of scale about the centre."""
        if self.template != "canon":
            raise PackError(f"style_swap: template {self.template!r} cannot be cut from an identity's canon crops.", "")
        scale = self.size / (CROP_SIZE * CROP_SCALE)
        offset = self.size / 2.0 - scale * CROP_SIZE / 2.0
        return np.array([[scale, 0, offset], [0, scale, offset]], np.float32)

    def _swap_batch(self, image: U8, pairs: Sequence[tuple[Face, Identity]], watch: Stopwatch) -> list[FaceSwap]:
        points = [face.best_points for face, _ in pairs]
        matrices = [crop_matrix(known, self.template, self.size) for known in points]
        with watch.stage("source"):
            sources = np.stack([self.source_codes(identity) for _, identity in pairs])
        with watch.stage("encode"):
            planes = crop_planes(image, matrices, self.size)
            encoded = self._encoder.run({"image": planes})
        with watch.stage("blend"):
            codes = self._blending.run({"codes_target": encoded["codes"], "codes_source": sources})["codes"]
        with watch.stage("decode"):
            feeds = {"codes": codes, **{name: encoded[name] for name in self._features}}
            decoded = self._decoder.run(feeds)
            pictures = _finite(decoded["image"], "decoder", "image").transpose(0, 2, 3, 1)
            masks = decoded.get("mask")
            if masks is not None:
                _finite(masks, "decoder", "mask")
        with watch.stage("parse"):
            parts = self._parts(image, [face for face, _ in pairs], planes)
        out = []
        with watch.stage("mask"):
            targets = cut_crops(image, matrices, self.size) if self._settings.color_strength > 0 else None
            for index, (matrix, known) in enumerate(zip(matrices, points)):
                model = None if masks is None else masks[index, 0]
                kept = None if parts is None else kept_mask(parts[index], self._settings.preserved, self.size)
                outline = self._outline(matrix, known)
                mask = swap_mask(outline, model, kept)
                picture = ((np.clip(pictures[index], -1.0, 1.0) + 1.0) * 127.5).astype(np.float32)
                out.append(FaceSwap(self._match_colors(picture, targets, index, mask, kept), mask, matrix))
        return out

    def _outline(self, matrix: F32, points: NDArray[np.floating]) -> F32:
        """The face's outline in the crop; the whole crop where the pack's own mask decides, or without landmarks."""
        if len(points) != 68 or self._whole_head:
            return np.ones((self.size, self.size), np.float32)
        return hull_mask(apply_matrix(matrix, points), self.size)

    def _parts(self, image: U8, faces: list[Face], planes: F32) -> F32 | None:
        """Part probabilities in the swap's own crop, for which the parser must be aligned alike."""
        if self._parser is None:
            return None
        if self._parser.template == self.template and self._parser.size == self.size:
            return _finite(self._parser.parse_planes(planes), "parser", "parts")
        matrices = [crop_matrix(face.best_points, self.template, self._parser.size) for face in faces]
        return _finite(self._parser.parse_planes(crop_planes(image, matrices, self._parser.size)), "parser", "parts")

    def _match_colors(self, picture: F32, targets: U8 | None, index: int, mask: F32, kept: F32 | None) -> F32:
        """Removes a drift of colour: just outside the mask the decoded picture should show what the target shows."""
        if targets is None:
            return picture
        radius = max(1, round(0.06 * self.size))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        ring = np.asarray(cv2.dilate(mask, kernel), np.float32) * (1.0 - mask)
        if kept is not None:
            ring = ring * (1.0 - kept)
        if float(ring.sum()) < 4 * MIN_WEIGHT:
            return picture
        return color_match(picture, targets[index], ring, self._settings.color_strength, max_gain=1.15)


def _finite(values: F32, graph: str, name: str) -> F32:
    if not np.isfinite(values).all():
        raise BackendError(
            f"style_swap: the {graph}'s {name} is not finite, so nothing was pasted.",
            "Try --backend openvino-f32 or onnxruntime; facesdk doctor says which backends agree.",
        )
    return values
