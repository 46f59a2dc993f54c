"""All that is asked of the faces in a picture, behind one object."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from types import TracebackType
from typing import Literal, Self, TypeVar, cast

from facesdk.errors import PackError
from facesdk.faces.align import Template
from facesdk.faces.boxes import boxes_from_landmarks
from facesdk.faces.detect import Detector
from facesdk.faces.evidence import Evidence
from facesdk.faces.landmarks import Landmarker
from facesdk.faces.parse import Parser
from facesdk.faces.recognise import Recogniser
from facesdk.faces.search_plan import SearchPlan
from facesdk.faces.typical import face_signals, read_table
from facesdk.media.image import ImageSource, load_image
from facesdk.pack import Pack, open_pack
from facesdk.runtime.select import open_session
from facesdk.runtime.session import Session
from facesdk.stopwatch import Stopwatch
from facesdk.types import U8, Face, Timings

Stage = TypeVar("Stage")
FAMILY = "faces"


class FaceAnalyzer:
    """Finds faces and tells of each where its points are, who it is, and which pixels belong to it.

    Opens a network when it is first needed. Safe to call from several threads.

    Args:
        pack: a pack, its name, or its folder.
        backend: "auto", or a backend's name as `facesdk doctor` lists them.
        threads: threads per network, by default FACESDK_THREADS or all usable cores.
        det_size: longest side of the picture as the detector sees it, in pixels.

    Raises:
        PackError: the pack is missing, damaged, or has no face networks.
        BackendError: the backend is not there.
    """

    def __init__(
        self,
        pack: Pack | str | PathLike[str] = "nano",
        backend: str = "auto",
        threads: int | None = None,
        *,
        det_size: int = 640,
    ) -> None:
        self.pack = pack if isinstance(pack, Pack) else open_pack(pack)
        self._backend = backend
        self._threads = threads
        self._det_size = det_size
        self._family = self.pack.manifest.family(FAMILY)
        self._sessions: dict[str, Session] = {}
        self._stages: dict[str, object] = {}
        self._lock = threading.Lock()
        digests = {name: graph.sha256 for name, graph in self._family.graphs.items()}
        self._typical = read_table(self._family.extra, digests, self.pack.name)
        self.backend = self._session("detector").backend

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def prepare(self, *graphs: str) -> None:
        """Loads networks now, so that the first picture does not wait for them: "landmarks", "recogniser", "parser"."""
        for graph in graphs:
            self._session(graph)

    def close(self) -> None:
        """Lets go of the networks. The object opens them again when it is used again."""
        with self._lock:
            self._sessions.clear()
            self._stages.clear()

    def analyze(
        self,
        image: ImageSource,
        *,
        color: Literal["rgb", "bgr"] = "rgb",
        min_face: float | None = None,
        recognise: bool = True,
        parse: bool = True,
    ) -> list[Face]:
        """Analyses a picture.

        Args:
            image: a path, bytes, a PIL image, or (H, W, 3) uint8.
            color: order of an array's channels.
            min_face: smallest face to look for in pixels; by default what shows at det_size.
            recognise: add `Face.embedding`.
            parse: add `Face.parts`.

        Returns:
            The faces from left to right (by the centre of the box): a face's place in the list is its number for
            `FaceSwapper.swap(faces=...)`. Empty if there is none.

        Raises:
            MediaError: the picture could not be read.
            InputError: min_face is not positive.
        """
        return self.analyze_timed(load_image(image, color), min_face=min_face, recognise=recognise, parse=parse)[0]

    def analyze_timed(
        self, image: U8, *, min_face: float | None = None, recognise: bool = True, parse: bool = True
    ) -> tuple[list[Face], Timings]:
        """As `analyze`, for an (H, W, 3) uint8 RGB array, with the time of each stage."""
        watch = Stopwatch()
        plan = self.plan(image, min_face)
        # What the landmark net does not take for a face counts as not found, so that the next try is made.
        threshold = min_presence = self.min_presence
        overlap = None if self.evidence is None else self.evidence.candidate_iou
        tries, faces = self.detector.tries(image, plan, overlap), list[Face]()
        while not faces:
            with watch.stage("detect"):
                found = next(tries, None)
            if found is None:
                break
            if found:
                with watch.stage("landmarks"):
                    located = self.landmarker.locate(image, found, min_presence)
                faces = sorted(self._distinct(located), key=lambda face: face.centre_xy)
                # Enlarged and turned, more looks like a face: who was wrong once must be surer.
                min_presence = (1.0 + threshold) / 2.0 if threshold else 0.0
        if faces and self._typical is not None:
            with watch.stage("compare"):
                faces = [self._compared(image, face) for face in faces]
        if faces and recognise:
            with watch.stage("recognise"):
                faces = self.recogniser.recognise(image, faces)
        if faces and parse:
            with watch.stage("parse"):
                faces = self.parser.parse(image, faces)
        return faces, watch.timings

    def _distinct(self, located: list[Face]) -> list[Face]:
        """The faces with enough evidence, each once, in the box of its points."""
        rule = self.evidence
        if rule is not None:
            located = rule.sure(located)
        strength = [
            face.score if rule is None or face.presence is None else rule.of(face.score, face.presence)
            for face in located
        ]
        return boxes_from_landmarks(located, strength, self._nms_iou)

    def _compared(self, image: U8, face: Face) -> Face:
        """The face with `typical`."""
        assert self._typical is not None
        signals = face_signals(image, face)
        return face if signals is None else replace(face, typical=self._typical.share(signals))

    def plan(self, image: U8, min_face: float | None = None) -> SearchPlan:
        """The scales at which `analyze` searches this picture."""
        return SearchPlan.of((image.shape[0], image.shape[1]), self._det_size, min_face)

    @property
    def detector(self) -> Detector:
        """Where the faces are, or may be: see `evidence`."""
        facts = self._family.preprocessing.get("detector", {})
        least = float(facts.get("score_threshold", 0.5)) if self.evidence is None else self.evidence.candidate_score
        return self._stage(
            "detector",
            lambda session: Detector(
                session,
                least,
                self._nms_iou,
                tuple(facts.get("strides", (8, 16, 32))),
                int(facts.get("anchors", 2)),
            ),
        )

    @property
    def _nms_iou(self) -> float:
        return float(self._family.preprocessing.get("detector", {}).get("nms_iou", 0.4))

    @property
    def min_presence(self) -> float:
        """Least presence of a face, 0 to 1: 0 where the landmark net does not tell."""
        return float(self._crop("landmarks").get("presence_threshold", 0.0))

    @property
    def evidence(self) -> Evidence | None:
        """What is enough for a face, where the pack says it."""
        return Evidence.read(self._family.preprocessing.get("crops", {}).get("landmarks", {}))

    @property
    def landmarker(self) -> Landmarker:
        """Their 68 points."""
        crop = self._crop("landmarks")
        refine = float(crop["refine_scale"]) if "refine_scale" in crop else None
        return self._stage(
            "landmarks", lambda session: Landmarker(session, float(crop["box_scale"]), int(crop["size"]), refine)
        )

    @property
    def recogniser(self) -> Recogniser:
        """Who they are."""
        crop = self._crop("recogniser")
        return self._stage(
            "recogniser", lambda session: Recogniser(session, cast(Template, crop["template"]), int(crop["size"]))
        )

    @property
    def parser(self) -> Parser:
        """Which pixels they are."""
        crop = self._crop("parser")
        return self._stage(
            "parser", lambda session: Parser(session, cast(Template, crop["template"]), int(crop["size"]))
        )

    def _crop(self, graph: str) -> Mapping[str, str | int | float]:
        """How the manifest says that a graph's input is cut out of the picture."""
        crops = self._family.preprocessing.get("crops", {})
        if graph not in crops:
            raise PackError(
                f"pack {self.pack.name}: faces.preprocessing.crops has no {graph!r}, so its input cannot be cut.",
                "Export the pack again.",
            )
        crop: Mapping[str, str | int | float] = crops[graph]
        return crop

    def _stage(self, graph: str, build: Callable[[Session], Stage]) -> Stage:
        session = self._session(graph)
        with self._lock:
            if graph not in self._stages:
                self._stages[graph] = build(session)
            return cast(Stage, self._stages[graph])

    def _session(self, graph: str) -> Session:
        with self._lock:
            if graph not in self._sessions:
                self._sessions[graph] = open_session(self.pack, FAMILY, graph, self._backend, self._threads)
            return self._sessions[graph]
