"""Faces through time: found now and then, followed in between, known again, and let go gently."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.faces.align import TEMPLATES, apply_matrix, crop_matrix, invert_matrix
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.assignment import best_pairs, overlaps
from facesdk.faces.evidence import Evidence
from facesdk.faces.select import LIKENESS
from facesdk.faces.steady_landmarks import steady_landmarks
from facesdk.faces.track_state import Track, TrackerState
from facesdk.faces.usable import MIN_TARGET_EYES_PX, why_not_usable
from facesdk.stopwatch import Stopwatch
from facesdk.types import F32, U8, Face

_THUMBNAIL_HW = (18, 32)


@dataclass(frozen=True)
class TrackSettings:
    """How faces are followed.

    Attributes:
        detect_every: frames from one detection to the next.
        min_visible: mean visibility of the landmarks below which the detector is asked in the same frame. Measured on
            the nano pack: 0.9 on a face, 0.1 to 0.45 beside one.
        sure_overlap: overlap of a track and a detection that needs no look at who it is, if no other one comes near.
        min_overlap: overlap from which on the two may be one face.
        likeness: cosine from which on a face is known again that was lost.
        hold_seconds: how long a face that is not seen any more keeps its place.
        fade_seconds: how long a swap takes to come and to go.
        young_seconds: how long a new face may still turn out to be one that was lost.
        remember_seconds: how long a lost face's number is kept for it.
        cut: mean change of brightness, 0 to 255, that is a new shot.
        most_misses: detections in a row that may not find a face which its landmarks still show.
        embeddings: how many views a face's embedding is the mean of.
        steady: filter the landmarks.
    """

    detect_every: int = 5
    min_visible: float = 0.6
    sure_overlap: float = 0.5
    min_overlap: float = 0.3
    likeness: float = LIKENESS
    hold_seconds: float = 0.15
    fade_seconds: float = 0.2
    young_seconds: float = 1.0
    remember_seconds: float = 3.0
    cut: float = 30.0
    most_misses: int = 4
    embeddings: int = 8
    steady: bool = True


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face of one frame.

    Attributes:
        id: its number in the film; the same person has the same number, also after a short absence.
        face: with filtered landmarks and the embedding that the film has shown so far.
        strength: how much of a swap shows, 0 to 1: it comes and goes smoothly.
        seen: False if the face is only held at its last place.
    """

    id: int
    face: Face
    strength: float
    seen: bool


class Tracker:
    """Follows the faces of one film. Not for several threads.

    Args:
        analyzer: finds faces and their points.
        settings: how.
        min_face: smallest face to look for in pixels, or None.
        min_presence: as in `Landmarker.locate`.
        evidence: what a new face needs; None = the detector's and the landmark net's own thresholds.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        settings: TrackSettings | None = None,
        min_face: float | None = None,
        min_presence: float = 0.0,
        evidence: Evidence | None = None,
    ) -> None:
        self._analyzer = analyzer
        self._settings = settings or TrackSettings()
        self._min_face = min_face
        self._min_presence = min_presence
        self._evidence = evidence
        self.state = TrackerState()
        """What the tracker knows. A tracker that is given the state of another one goes on as that one would."""

    def update(self, image: U8, pts_seconds: float, watch: Stopwatch | None = None) -> list[TrackedFace]:
        """Takes the next frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            pts_seconds: when it is shown; later than the last one.
            watch: takes the time of each stage.

        Returns:
            The faces that are seen or held, from left to right.

        Raises:
            BackendError: a network returned NaN.
        """
        watch = watch or Stopwatch()
        state, settings = self.state, self._settings
        thumbnail = _thumbnail(image)
        fresh = state.seconds is None
        cut = fresh or _is_cut(state.thumbnail, thumbnail, settings.cut)
        step = 0.0 if state.seconds is None else max(pts_seconds - state.seconds, 0.0)
        located: dict[int, Face] = {}
        if not cut:
            with watch.stage("landmarks"):
                located = self._follow(image)
        state.frames_since_detect += 1
        due = cut or state.frames_since_detect >= self._pause(pts_seconds) or self._in_doubt(located)
        seen = dict(located)
        born: list[Track] = []
        if due:
            seen, born = self._detect(image, located, cut, pts_seconds, watch)
            state.frames_since_detect = 0
        for track in state.tracks:
            self._see(track, seen.get(track.id), pts_seconds)
        state.tracks += born
        if due:
            self._reunite(image, pts_seconds, watch)
        self._fade(pts_seconds, step, cut, (image.shape[0], image.shape[1]))
        state.seconds, state.thumbnail = pts_seconds, thumbnail
        shown = [track for track in state.tracks if track.seen or track.strength > 0.0]
        return [_shown(track) for track in sorted(shown, key=lambda track: track.face.centre_xy)]

    def _follow(self, image: U8) -> dict[int, Face]:
        """Landmarks of the faces of the last frame, each in a crop where its box must be."""
        live = [track for track in self.state.tracks if track.seen]
        guesses = [replace(track.face, box=_box(track), points=_five(track)) for track in live]
        located = self._analyzer.landmarker.locate(image, guesses, self._min_presence)
        # What shows no face is left out of the answer; a box tells whose face it is.
        found = {id(face.box): face for face in located}
        return {track.id: found[id(guess.box)] for track, guess in zip(live, guesses) if id(guess.box) in found}

    def _pause(self, seconds: float) -> int:
        """Frames until the next detection: fewer while someone who was just lost may come back."""
        lost = any(not track.seen and seconds - track.seen_seconds < 0.5 for track in self.state.tracks)
        return min(2, self._settings.detect_every) if lost else self._settings.detect_every

    def _in_doubt(self, located: dict[int, Face]) -> bool:
        """Whether a face may have been lost, or two tracks show one face."""
        if sum(track.seen for track in self.state.tracks) > len(located):
            return True
        for track in self.state.tracks:
            # A face that the detector found although little of it shows is in doubt only when even less does.
            limit = min(self._settings.min_visible, 0.75 * track.visible_when_found)
            if track.id in located and _visible(located[track.id]) < limit:
                return True
        boxes = np.array([_hull(face) for face in located.values()]).reshape(-1, 4)
        return bool((np.triu(overlaps(boxes, boxes), 1) > self._settings.sure_overlap).any())

    def _detect(
        self, image: U8, located: dict[int, Face], cut: bool, seconds: float, watch: Stopwatch
    ) -> tuple[dict[int, Face], list[Track]]:
        """Finds the faces anew and says which of them the tracks are.

        Returns:
            The face of every track that is seen, by the track's number; and the tracks that are new.
        """
        with watch.stage("detect"):
            found = self._analyzer.detector.detect(image, self._analyzer.plan(image, self._min_face), retry=cut)
        sure = {} if cut else self._sure_pairs(located, found)
        seen: dict[int, Face] = {}
        for track in self.state.tracks:
            if track.id in sure:
                # The track's own crop gives steadier points than the detector's; only the box moves towards it.
                seen[track.id] = replace(located[track.id], box=sure[track.id].box, score=sure[track.id].score)
        rest = [face for face in found if not any(face is taken for taken in sure.values())]
        open_tracks = [track for track in self.state.tracks if track.id not in sure]
        if rest:
            with watch.stage("landmarks"):
                rest = self._analyzer.landmarker.locate(image, rest, self._min_presence)
        if rest:
            with watch.stage("recognise"):
                rest = self._analyzer.recogniser.recognise(image, rest)
        pairs = best_pairs(self._likeness(open_tracks, located, rest, cut))
        for row, column in pairs:
            seen[open_tracks[row].id] = rest[column]
        for track in open_tracks:
            missed = track.id not in seen and track.id in located
            track.misses = track.misses + 1 if missed else 0
            if missed and track.misses < self._settings.most_misses and self._stands_alone(located[track.id], seen):
                seen[track.id] = located[track.id]
        taken = {column for _, column in pairs}
        # A track goes on with little evidence; a new one needs enough of it.
        new = [face for column, face in enumerate(rest) if column not in taken]
        born = [self._begin(face, cut, seconds) for face in (self._evidence.sure(new) if self._evidence else new)]
        return seen, born

    def _reunite(self, image: U8, seconds: float, watch: Stopwatch) -> None:
        """Gives a new track the number of a lost one if, better seen than at its start, it proves to be the same."""
        lost = [track for track in self.state.tracks if not track.seen]
        young = [
            track
            for track in self.state.tracks
            if track.seen and 0.0 < seconds - track.born_seconds <= self._settings.young_seconds
        ]
        if not lost or not young:
            return
        with watch.stage("recognise"):
            faces = self._analyzer.recogniser.recognise(image, [track.face for track in young])
        cosine = np.stack([_embedding(face) for face in faces]) @ np.stack([track.direction for track in lost]).T
        for row, column in best_pairs(np.where(cosine >= self._settings.likeness, cosine, 0.0)):
            track, former = young[row], lost[column]
            track.id, track.embedding, track.embedded = former.id, former.embedding, former.embedded
            track.strength = max(track.strength, former.strength)
            self.state.tracks.remove(former)

    def _sure_pairs(self, located: dict[int, Face], found: list[Face]) -> dict[int, Face]:
        """Tracks that lie on one detection and near no other one, and are well seen."""
        well_seen = [number for number, face in located.items() if _visible(face) >= self._settings.min_visible]
        table = overlaps(
            np.array([located[number].box for number in located]).reshape(-1, 4),
            np.array([face.box for face in found]).reshape(-1, 4),
        )
        near = table > 0.1
        out = {}
        for row, number in enumerate(located):
            columns = np.flatnonzero(near[row])
            if number not in well_seen or len(columns) != 1 or near[:, columns[0]].sum() != 1:
                continue
            if table[row, columns[0]] >= self._settings.sure_overlap:
                out[number] = found[columns[0]]
        return out

    def _likeness(self, tracks: list[Track], located: dict[int, Face], found: list[Face], cut: bool) -> F32:
        """(tracks, found) scores: overlap plus cosine where a pair is possible, else 0."""
        if not tracks or not found:
            return np.zeros((len(tracks), len(found)), np.float32)
        boxes = np.array([located[track.id].box if track.id in located else track.face.box for track in tracks])
        overlap = overlaps(boxes, np.array([face.box for face in found]))
        cosine = np.stack([track.direction for track in tracks]) @ np.stack([_embedding(face) for face in found]).T
        near = (overlap >= self._settings.min_overlap) & (not cut)
        near &= np.array([[track.seen] for track in tracks]) | (cosine >= 0.1)
        again = cosine >= self._settings.likeness
        # One who is seen to stand there goes before one who only looks alike.
        score = np.where(near, 1.0 + overlap + cosine, np.where(again, np.where(cut, 0.0, overlap) + cosine, 0.0))
        return np.asarray(np.maximum(score, 0.0), np.float32)

    def _stands_alone(self, face: Face, seen: dict[int, Face]) -> bool:
        """Whether a face that the detector did not find is still there: well visible, and no other one is on it."""
        if _visible(face) < self._settings.min_visible:
            return False
        others = np.array([_hull(other) for other in seen.values()]).reshape(-1, 4)
        return bool(overlaps(_hull(face), others).max(initial=0.0) <= self._settings.sure_overlap)

    def _begin(self, face: Face, cut: bool, seconds: float) -> Track:
        """A new track. In a new shot its swap is there at once, else it fades in."""
        assert face.landmarks is not None
        steady, landmarks = steady_landmarks(None, face.landmarks, seconds)
        number = self.state.next_id
        self.state.next_id += 1
        return Track(
            number,
            replace(face, embedding=None),
            steady,
            landmarks,
            _anchor(face.box, face.landmarks),
            _embedding(face).copy(),
            seconds,
            strength=1.0 if cut else 0.0,
            visible_when_found=_visible(face),
            born_seconds=seconds,
        )

    def _see(self, track: Track, face: Face | None, seconds: float) -> None:
        """Takes what this frame shows of a track."""
        was_seen, track.seen = track.seen, face is not None
        if face is None:
            return
        assert face.landmarks is not None
        anchor = _anchor(face.box, face.landmarks)
        # A followed face has the very box that was guessed; a detection brings its own.
        detected = face.embedding is not None or not np.array_equal(face.box, _box(track))
        if detected:
            track.visible_when_found = _visible(face)
            track.anchor = anchor if not was_seen else 0.7 * track.anchor + 0.3 * anchor
        if face.embedding is not None and track.embedded < self._settings.embeddings:
            track.embedding = track.embedding + face.embedding
            track.embedded += 1
        known = track.steady if was_seen else None
        track.steady, filtered = steady_landmarks(known, face.landmarks, seconds)
        track.landmarks = filtered if self._settings.steady else face.landmarks
        track.face = replace(face, embedding=None)
        track.seen_seconds = seconds

    def _fade(self, seconds: float, step: float, cut: bool, size_hw: tuple[int, int]) -> None:
        """Lets swaps come and go, and forgets who has been away for long."""
        settings = self._settings
        change = step / settings.fade_seconds if settings.fade_seconds > 0 else 1.0
        seen_boxes = np.array([_hull(track.face) for track in self.state.tracks if track.seen]).reshape(-1, 4)
        for track in self.state.tracks:
            if track.seen:
                steady = replace(track.face, landmarks=track.landmarks)
                usable = why_not_usable(steady, size_hw, MIN_TARGET_EYES_PX) is None
                if cut:
                    track.strength = float(usable)
                else:
                    track.strength = min(1.0, track.strength + change) if usable else max(0.0, track.strength - change)
            elif cut or overlaps(_hull(track.face), seen_boxes).max(initial=0.0) > settings.min_overlap:
                # Gone with the shot, or hidden behind a face that has its own swap.
                track.strength = 0.0
            elif seconds - track.seen_seconds > settings.hold_seconds:
                track.strength = max(0.0, track.strength - change)
        self.state.tracks = [
            track for track in self.state.tracks if seconds - track.seen_seconds <= settings.remember_seconds
        ]


def _shown(track: Track) -> TrackedFace:
    face = replace(track.face, landmarks=track.landmarks, embedding=track.direction)
    return TrackedFace(track.id, face, track.strength, track.seen)


def _visible(face: Face) -> float:
    """How sure the landmark network is that it sees a face, 0 to 1."""
    return 0.0 if face.visible is None else float(face.visible.mean())


def _embedding(face: Face) -> F32:
    assert face.embedding is not None
    return face.embedding


def _hull(face: Face) -> F32:
    """The box of the points themselves: of two tracks on one face they are alike, whatever their boxes were."""
    points = face.best_points
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def _anchor(box: F32, landmarks: F32) -> NDArray[np.float64]:
    """Where a box lies in the face's own unit crop: centre x, centre y, side."""
    matrix = crop_matrix(landmarks, "canon", 1)
    centre = apply_matrix(matrix, (box[:2] + box[2:]) / 2.0)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2].astype(np.float64))))
    return np.array([*centre, max(box[2] - box[0], box[3] - box[1]) * scale], np.float64)


def _box(track: Track) -> F32:
    """The square where the detector's box must be, as the last points say."""
    assert track.face.landmarks is not None
    matrix = invert_matrix(crop_matrix(track.face.landmarks, "canon", 1))
    centre = apply_matrix(matrix, track.anchor[:2])
    half = 0.5 * track.anchor[2] * np.sqrt(abs(np.linalg.det(matrix[:, :2].astype(np.float64))))
    return np.array([*(centre - half), *(centre + half)], np.float32)


def _five(track: Track) -> F32:
    """The five points by which the landmark crop is turned upright."""
    assert track.face.landmarks is not None
    matrix = invert_matrix(crop_matrix(track.face.landmarks, "canon", 1))
    return apply_matrix(matrix, TEMPLATES["canon"])


def _thumbnail(image: U8) -> U8:
    small = cv2.resize(image, _THUMBNAIL_HW[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _is_cut(before: U8 | None, now: U8, limit: float) -> bool:
    return before is None or float(np.abs(before.astype(np.int16) - now.astype(np.int16)).mean()) > limit
