"""What a community swapper gets of an identity: an embedding of its own recogniser, or a crop of a picture."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from facesdk.community.convention import Convention, SourceRule
from facesdk.community.crop_rule import CropRule
from facesdk.community.emap import project
from facesdk.community.model import Model, conventions_of, open_model, read_emap
from facesdk.enrolment import CROP_SCALE, CROP_SIZE
from facesdk.errors import InputError, PackError
from facesdk.faces.align import TEMPLATES
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.recognise import unit
from facesdk.identity import Identity
from facesdk.pack import Pack
from facesdk.types import F32, Face

CACHED = 32


class SourceReader:
    """Makes a swapper's source of identities, once for each. Safe to call from several threads.

    Args:
        pack: holds the swapper, and what its source needs.
        swapper: its convention.
        analyzer: finds the points in an identity's pictures.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.

    Raises:
        PackError: the pack lacks the converter, or its matrix.
        BackendError: the backend is not there.
    """

    def __init__(
        self, pack: Pack, swapper: Convention, analyzer: FaceAnalyzer, backend: str = "auto", threads: int | None = None
    ) -> None:
        assert swapper.source is not None, "the table says what a swapper takes of the source"
        self._rule: SourceRule = swapper.source
        self._name, self._pack, self._analyzer = swapper.name, pack, analyzer
        roles = conventions_of(pack)
        recogniser = roles.get("recogniser")
        fits = recogniser is not None and recogniser.name == self._rule.space
        self._recogniser = open_model(pack, recogniser, backend, threads) if recogniser is not None and fits else None
        self._converter = self._open_converter(roles.get("converter"), backend, threads)
        self._emap = read_emap(pack) if self._rule.kind == "emap" else None
        self._cache: OrderedDict[str, F32] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, identity: Identity) -> None:
        """Checks that an identity can be this swapper's source.

        Raises:
            PackError: the recogniser that the swapper's embeddings are made by is not in the pack.
            InputError: the identity holds an embedding of another recogniser and no pictures.
        """
        rule = self._rule
        if rule.kind != "frame" and self._is_own(identity):
            if rule.kind == "converted" and not identity.length:
                raise InputError(
                    f"{self._name} reads embeddings as the recogniser gave them, and this one was scaled to length 1.",
                    "Enrol pictures: facesdk enroll PICTURE... -o me.identity",
                )
            return
        if not len(identity.crops):
            reads = f"embeddings of {rule.space}" if rule.space else "pictures"
            raise InputError(
                f"the identity holds an embedding of {identity.space} and no pictures; {self._name} reads {reads}.",
                "Enrol pictures: facesdk enroll PICTURE... -o me.identity",
            )
        if rule.kind != "frame" and self._recogniser is None:
            raise PackError(
                f"pack {self._pack.name} has no {rule.space}, and {self._name} reads embeddings of no other one.",
                f"Add its file (w600k_r50.onnx): facesdk packs add w600k_r50.onnx -o {self._pack.path}",
            )

    def read(self, identity: Identity) -> F32:
        """One row of what the swapper's graph reads as its source, float32."""
        self.check(identity)
        with self._lock:
            if identity.id in self._cache:
                self._cache.move_to_end(identity.id)
                return self._cache[identity.id]
        row = self._make(identity)
        with self._lock:
            self._cache[identity.id] = row
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return row

    def _is_own(self, identity: Identity) -> bool:
        """Whether the identity's embedding is the very recogniser's; a pack may have its name by chance."""
        return identity.is_imported and identity.space == self._rule.space

    def _make(self, identity: Identity) -> F32:
        rule = self._rule
        if rule.kind == "frame":
            assert rule.crop is not None, "the table says how a source's picture enters"
            # A frame has no mean: the first picture stands for the person.
            return self._crops(identity, rule.crop, 1)
        embeddings = self._embeddings(identity)
        if rule.kind == "converted":
            assert self._converter is not None, "checked when the pack was opened"
            row = self._converter.run(embedding=embeddings.mean(0, keepdims=True))["source"]
            return unit(row) if rule.is_unit else row
        mean = unit(unit(embeddings).mean(0))
        return (mean if self._emap is None else project(mean, self._emap))[None]

    def _embeddings(self, identity: Identity) -> F32:
        """(n, 512) float32, as the recogniser gave them."""
        if self._is_own(identity):
            return (identity.embedding * np.float32(identity.length or 1.0))[None]
        assert self._recogniser is not None, "check() saw to it"
        rule = self._recogniser.convention.picture
        assert rule is not None, "the table says how a recogniser's picture enters"
        return self._recogniser.run(picture=self._crops(identity, rule, len(identity.crops)))["embedding"]

    def _crops(self, identity: Identity, rule: CropRule, count: int) -> F32:
        """The first pictures of an identity, cut anew: its own crops are wide, and aligned at "canon"."""
        rows = []
        for picture in identity.crops[:count]:
            (face,) = self._analyzer.landmarker.locate(picture, [_expected_face()])
            rows.append(rule.cut(picture, [rule.matrix(face.best_points)]))
        return np.concatenate(rows)

    def _open_converter(self, known: Convention | None, backend: str, threads: int | None) -> Model | None:
        wanted = self._rule.converter
        if not wanted:
            return None
        if known is None or known.name != wanted:
            raise PackError(
                f"pack {self._pack.name} has no {wanted}, which turns embeddings into what {self._name} reads.",
                f"Add its file: facesdk packs add {wanted}.onnx --as {wanted} -o {self._pack.path}",
            )
        return open_model(self._pack, known, backend, threads)


def missing_models(pack: Pack) -> list[str]:
    """The models that a pack's swapper needs and the pack has not got, by name."""
    roles = conventions_of(pack)
    rule = roles["swapper"].source if "swapper" in roles else None
    if rule is None:
        return []
    return [name for name in (rule.space, rule.converter) if name and name not in {c.name for c in roles.values()}]


def _expected_face() -> Face:
    """Where a face lies in an identity's crop: as "canon" says, but for what makes it a person's own."""
    points = (TEMPLATES["canon"] - 0.5) * np.float32(CROP_SCALE) + np.float32(0.5)
    low = (0.5 - CROP_SCALE / 2) * CROP_SIZE
    box = np.array([low, low, CROP_SIZE - low, CROP_SIZE - low], np.float32)
    return Face(box, 1.0, points * np.float32(CROP_SIZE))
