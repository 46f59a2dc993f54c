"""The one face of a picture that is meant: found, checked, and told of as much as is asked for."""

from __future__ import annotations

import threading

import numpy as np

from facesdk.errors import InputError
from facesdk.faces.align import Template
from facesdk.faces.analyze import FAMILY, FaceAnalyzer
from facesdk.faces.crops import resize
from facesdk.faces.select import Rule
from facesdk.faces.usable import MIN_SOURCE_EYES_PX, why_not_usable
from facesdk.pack import Pack
from facesdk.pipelines.content_check import ContentCheck
from facesdk.types import F32, U8, Face, RgbImage


class FaceReader:
    """Reads the largest face of a picture. Opens the networks that find faces, and the content check, on first use.

    Args:
        pack: an open pack.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.
    """

    def __init__(self, pack: Pack, backend: str = "auto", threads: int | None = None) -> None:
        self._pack = pack
        self._wanted = (backend, threads)
        self._analyzer: FaceAnalyzer | None = None
        self._check: ContentCheck | None = None
        self._lock = threading.Lock()

    def read(self, image: RgbImage, name: str, recognise: bool, parse: bool = False) -> Face:
        """The largest face.

        Args:
            image: (H, W, 3) uint8 RGB.
            name: what errors call the picture.
            recognise: add the embedding.
            parse: add the parts, if the pack can tell them.

        Raises:
            ContentError: the content check refuses the picture.
            InputError: no face, or it is too small or cut by the border.
            PackError: the pack has no networks that find faces.
        """
        analyzer = self._open()
        if self._check is not None:
            self._check.require(image, "still")
        faces, _ = analyzer.analyze_timed(image, recognise=False, parse=False)
        if not faces:
            raise analyzer.plan(image).no_face(name)
        face = faces[Rule("largest").choose(faces)[0]]
        fault = why_not_usable(face, (image.shape[0], image.shape[1]), MIN_SOURCE_EYES_PX)
        if fault is not None:
            raise InputError(f"the face in {name} is {fault}.", "Use a larger picture that shows the whole face.")
        if parse and self._can_parse:
            face = analyzer.parser.parse(image, [face])[0]
        return analyzer.recogniser.recognise(image, [face])[0] if recognise else face

    def parts_of(self, crops: U8, template: Template) -> F32 | None:
        """The parts of crops that are aligned already.

        Args:
            crops: (n, size, size, 3) uint8.
            template: that they are aligned to.

        Returns:
            (n, 5, h, w) float32 probabilities; None if the pack cannot tell them, or of another alignment only.
        """
        parser = self._open().parser if self._can_parse else None
        if parser is None or parser.template != template:
            return None
        return parser.parse_crops(np.stack([resize(crop, parser.size, parser.size) for crop in crops]))

    @property
    def _can_parse(self) -> bool:
        return "parser" in self._pack.manifest.family(FAMILY).graphs

    def _open(self) -> FaceAnalyzer:
        with self._lock:
            if self._analyzer is None:
                self._check = ContentCheck.installed(self._pack, *self._wanted)
                self._analyzer = FaceAnalyzer(self._pack, *self._wanted)
            return self._analyzer
