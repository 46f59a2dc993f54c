"""Swap with a community model: crop by its convention, run it, and put the face back as every swap is put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facesdk.community.analyzer import CommunityAnalyzer
from facesdk.community.convention import Convention
from facesdk.community.masks import face_masks
from facesdk.community.model import Model, conventions_of, open_model
from facesdk.community.pixel_boost import join_tiles, split_tiles
from facesdk.community.source import SourceReader
from facesdk.errors import InputError, PackError
from facesdk.faces.align import apply_matrix, compose, invert_matrix
from facesdk.faces.parse import Part
from facesdk.identity import Identity
from facesdk.ops.blend import paste_into
from facesdk.pack import Pack
from facesdk.pipelines.base import FaceSwap, SwapPipeline
from facesdk.pipelines.face_mask import hull_mask, swap_mask
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, U8, Face


@dataclass(frozen=True)
class CommunitySwapSettings:
    """What can be chosen.

    Attributes:
        preserved: parts in front of the face that keep the target's pixels.
        enhance: how much of an enhancer's picture is taken, 0 to 1. Source: facefusion's default, 0.8.
        boost: the crop is so many times as wide as the model's, and goes through it in boost^2 interleaved tiles.
    """

    preserved: tuple[Part, ...] = (Part.OCCLUDER,)
    enhance: float = 0.8
    boost: int = 1


class CommunitySwapPipeline(SwapPipeline):
    """Swaps faces with the models of a community pack.

    Args:
        pack: an open pack with a swapper.
        analyzer: opened for that pack.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.
        settings: what can be chosen.

    Raises:
        PackError: the pack has no swapper, or not what that one needs.
        InputError: a setting is out of range.
        BackendError: the backend is not there.
    """

    def __init__(
        self,
        pack: Pack,
        analyzer: CommunityAnalyzer,
        backend: str = "auto",
        threads: int | None = None,
        settings: CommunitySwapSettings | None = None,
    ) -> None:
        roles = conventions_of(pack)
        if "swapper" not in roles:
            raise PackError(
                f"pack {pack.name} has no swapper; it has: {', '.join(roles)}.",
                f"Add one: facesdk packs add FILE -o {pack.path}",
            )
        self._settings = settings or CommunitySwapSettings()
        if self._settings.boost < 1 or not 0.0 <= self._settings.enhance <= 1.0:
            raise InputError(f"boost >= 1 and enhance from 0 to 1 expected, got {self._settings}.")

        def opened(role: str) -> Model | None:
            return open_model(pack, roles[role], backend, threads) if role in roles else None

        self._convention: Convention = roles["swapper"]
        self._swapper = open_model(pack, self._convention, backend, threads)
        self._source = SourceReader(pack, self._convention, analyzer, backend, threads)
        self._mask, self._enhancer = opened("mask"), opened("enhancer")
        self._analyzer = analyzer
        self.backend, self.threads = self._swapper.session.backend, self._swapper.session.threads
        self.notes = (f"swapped by {self._convention.name}; {analyzer.note}",)

    def check_source(self, identity: Identity) -> None:
        """See `SwapPipeline.check_source`."""
        self._source.check(identity)

    def swap(self, image: U8, pairs: Sequence[tuple[Face, Identity]], watch: Stopwatch) -> list[FaceSwap]:
        """See `SwapPipeline.swap`."""
        if not pairs:
            return []
        rule, back = self._convention.picture, self._convention.output
        assert rule is not None and back is not None, "the table says how a swapper's pictures enter and leave"
        boost = self._settings.boost
        size = rule.size * boost
        with watch.stage("source"):
            sources = np.concatenate([self._source.read(identity) for _, identity in pairs])
        with watch.stage("encode"):
            matrices = [rule.matrix(face.best_points) * np.float32(boost) for face, _ in pairs]
            planes = split_tiles(rule.cut(image, matrices, size), boost)
        with watch.stage("decode"):
            made = self._swapper.run(picture=planes, source=np.repeat(sources, boost * boost, 0))["picture"]
            crops = back.decode(join_tiles(made, boost))
        with watch.stage("parse"):
            kept = self._kept(image, [face for face, _ in pairs], matrices, size)
        with watch.stage("mask"):
            outlines = [hull_mask(apply_matrix(m, face.best_points), size) for m, (face, _) in zip(matrices, pairs)]
            masks = [swap_mask(outline, None, hidden) for outline, hidden in zip(outlines, kept)]
        swaps = [FaceSwap(crop, mask, matrix) for crop, mask, matrix in zip(crops, masks, matrices)]
        if self._enhancer is None or not self._settings.enhance:
            return swaps
        with watch.stage("enhance"):
            return [self._enhanced(image, face, swap) for (face, _), swap in zip(pairs, swaps)]

    def _kept(self, image: U8, faces: list[Face], matrices: list[F32], size: int) -> list[F32]:
        """Where the target's pixels stay, (size, size) each: by the pack's mask if it has one, else by the parser."""
        if self._mask is not None:
            return [1.0 - mask for mask in face_masks(self._mask, image, matrices, size)]
        parser, out = self._analyzer.parser, []
        for face, matrix in zip(parser.parse(image, faces), matrices):
            assert face.parts is not None, "the parser adds them"
            hidden = face.parts[list(self._settings.preserved)].sum(0)
            out.append(_move(hidden, compose(matrix, invert_matrix(parser.matrix(face))), size))
        return out

    def _enhanced(self, image: U8, face: Face, swap: FaceSwap) -> FaceSwap:
        """The pasted face, painted anew in the enhancer's own crop; the mask stays where it is in the picture."""
        assert self._enhancer is not None
        rule, back = self._enhancer.convention.picture, self._enhancer.convention.output
        assert rule is not None and back is not None, "the table says how an enhancer's pictures enter and leave"
        pasted = image.copy()
        paste_into(pasted, swap.crop, swap.mask, swap.matrix, self.threads)
        matrix = rule.matrix(face.best_points)
        before = rule.cut(pasted, [matrix])
        after = back.decode(self._enhancer.run(picture=before)["picture"])[0]
        share = np.float32(self._settings.enhance)
        crop = after * share + rule.decode(before)[0] * (1 - share)
        return FaceSwap(crop, _move(swap.mask, compose(matrix, invert_matrix(swap.matrix)), rule.size), matrix)


def _move(values: F32, matrix: F32, size: int) -> F32:
    """(h, w) values in another crop, (size, size); 0 where nothing is known. Pixel centres at +0.5."""
    centred = matrix.astype(np.float64)
    centred[:, 2] += 0.5 * matrix[:, :2].sum(1) - 0.5
    return np.asarray(cv2.warpAffine(values, centred, (size, size), flags=cv2.INTER_LINEAR), np.float32)
