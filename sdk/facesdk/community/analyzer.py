"""Face analysis for a community pack: its own nets where it has them, and those of a whole pack for the rest."""

from __future__ import annotations

from functools import cached_property

from facesdk.community.detector import CommunityDetector
from facesdk.community.landmarks import CommunityLandmarker
from facesdk.community.model import Model, conventions_of, open_model
from facesdk.faces.analyze import FAMILY, FaceAnalyzer
from facesdk.faces.detect import Detector
from facesdk.faces.evidence import Evidence
from facesdk.faces.landmarks import Landmarker
from facesdk.pack import Pack, open_pack

BASE = "nano"
"""The pack that finds faces where the models of a pack cannot."""


class CommunityAnalyzer(FaceAnalyzer):
    """A `FaceAnalyzer` whose detector and points may be those of community models.

    Args:
        pack: a pack of community models.
        backend: "auto", or a backend's name.
        threads: threads per network, or None.

    Attributes:
        note: which nets are from elsewhere than the pack.

    Raises:
        PackError: a pack is damaged.
        BackendError: the backend is not there.
    """

    def __init__(self, pack: Pack, backend: str = "auto", threads: int | None = None) -> None:
        base = pack if FAMILY in pack.manifest.families else open_pack(BASE)
        super().__init__(base, backend, threads)
        self._models = pack
        self._wanted = (backend, threads)
        self._roles = conventions_of(pack)
        if "detector" in self._roles or "landmarks" in self._roles:
            # The table compares with what the base's own nets say of people.
            self._typical = None
        own = [role for role in ("detector", "landmarks") if role in self._roles]
        self.note = f"faces found by pack {base.name} {base.manifest.version}" + (
            f", {' and '.join(own)} by the pack's own models" if own else ""
        )

    def close(self) -> None:
        """See `FaceAnalyzer.close`."""
        super().close()
        for name in ("_own_detector", "_own_landmarker"):
            self.__dict__.pop(name, None)

    @property
    def evidence(self) -> Evidence | None:
        """See `FaceAnalyzer.evidence`; None where another maker's detector scores, which the rule was not fitted to."""
        return None if "detector" in self._roles else super().evidence

    @property
    def detector(self) -> Detector:
        """Where the faces are."""
        return self._own_detector or super().detector

    @property
    def landmarker(self) -> Landmarker:
        """Their 68 points."""
        return self._own_landmarker or super().landmarker

    @cached_property
    def _own_detector(self) -> Detector | None:
        model = self._open("detector")
        return None if model is None else CommunityDetector(model)

    @cached_property
    def _own_landmarker(self) -> Landmarker | None:
        model = self._open("landmarks")
        return None if model is None else CommunityLandmarker(super().landmarker, model)

    def _open(self, role: str) -> Model | None:
        if role not in self._roles:
            return None
        backend, threads = self._wanted
        return open_model(self._models, self._roles[role], backend, threads)
