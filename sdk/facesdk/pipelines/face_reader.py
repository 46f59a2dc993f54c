"""The one face of a picture that is meant: found, checked, and told of as much as is asked for."""

from __future__ import annotations

import threading
from os import PathLike, fspath
from pathlib import Path

from facesdk.errors import InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.select import Rule
from facesdk.faces.usable import MIN_SOURCE_EYES_PX, why_not_usable
from facesdk.media.image import ImageSource
from facesdk.pack import Pack
from facesdk.types import Face, RgbImage


class FaceReader:
    """Reads the largest face of a picture. Opens the networks that find faces when it is first used.

    Args:
        pack: an open pack.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.
    """

    def __init__(self, pack: Pack, backend: str = "auto", threads: int | None = None) -> None:
        self._pack = pack
        self._wanted = (backend, threads)
        self._analyzer: FaceAnalyzer | None = None
        self._lock = threading.Lock()

    def read(self, image: RgbImage, name: str, recognise: bool) -> Face:
        """The largest face.

        Args:
            image: (H, W, 3) uint8 RGB.
            name: what errors call the picture.
            recognise: add the embedding.

        Raises:
            InputError: no face, or it is too small or cut by the border.
            PackError: the pack has no networks that find faces.
        """
        analyzer = self._open()
        faces, _ = analyzer.analyze_timed(image, recognise=False, parse=False)
        if not faces:
            raise analyzer.plan(image).no_face(name)
        face = faces[Rule("largest").choose(faces)[0]]
        fault = why_not_usable(face, (image.shape[0], image.shape[1]), MIN_SOURCE_EYES_PX)
        if fault is not None:
            raise InputError(f"the face in {name} is {fault}.", "Use a larger picture that shows the whole face.")
        return analyzer.recogniser.recognise(image, [face])[0] if recognise else face

    def _open(self) -> FaceAnalyzer:
        with self._lock:
            if self._analyzer is None:
                self._analyzer = FaceAnalyzer(self._pack, *self._wanted)
            return self._analyzer


def picture_name(picture: ImageSource) -> str:
    """What errors call a picture: its file's name, or "the picture"."""
    return Path(fspath(picture)).name if isinstance(picture, str | PathLike) else "the picture"
