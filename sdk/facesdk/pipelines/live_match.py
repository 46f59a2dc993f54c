"""Whether the person before a camera is the one of the pictures: the face must match, and turn when it is asked to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from facesdk.errors import ConsentError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import Identity
from facesdk.media.camera import Camera, CameraFrame
from facesdk.media.camera_film import FilmCamera
from facesdk.types import Face, RgbImage

Step = Literal["straight", "left", "right"]
WORDS: dict[Step, str] = {
    "straight": "look straight into the camera",
    "left": "turn your head to your left",
    "right": "turn your head to your right",
}


@dataclass(frozen=True)
class MatchSettings:
    """What counts as the same face, and as a turn.

    The cosines were chosen on rendered people with the nano pack 0.4.0, and looked at again with 0.7.0. Of 36 pictures
    of an enrolled person 95 % have 0.84 and more looking straight, of 36 turned by 25 degrees 0.59 and more. Of 3,780
    pairs of two people, straight and turned, their hair and light differing, 99 % stay below 0.31, none reaches 0.43.

    Attributes:
        straight: lowest cosine to the enrolled face that counts, looking straight.
        turned: and turned to a side.
        straight_degrees: largest yaw that is straight.
        turned_degrees: smallest yaw that is a turn.
        frames: how many in a row have to show a step.
        strangers: straight frames in a row below the cosine after which it is another person.
        step_seconds: how long a step may take, on the camera's clock.
    """

    straight: float = 0.7
    turned: float = 0.6
    straight_degrees: float = 10.0
    turned_degrees: float = 20.0
    frames: int = 3
    strangers: int = 10
    step_seconds: float = 15.0


def random_turns() -> tuple[Step, ...]:
    """Left and right in an order that nobody knows before."""
    return ("left", "right") if secrets.randbits(1) else ("right", "left")


class LiveMatch:
    """Compares who sits before a camera with an identity. It keeps no picture.

    It takes a live camera for granted: who feeds a film into one as a device is not found out.

    Args:
        analyzer: over the pack that the identity was enrolled with.
        identity: one's own.
        turns: what is asked for, after a look straight ahead and before another one.
        settings: what counts.
        tell: is given each step in words, for the person.

    Raises:
        InputError: another recogniser than this pack's made its embedding.
        ConsentError: it is not stated to be the user's own face.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        identity: Identity,
        turns: Sequence[Step] = ("left", "right"),
        settings: MatchSettings | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        identity.require_recogniser_of(analyzer.pack)
        if identity.consent.basis != "self":
            raise ConsentError(
                f"only one's own face is matched to a camera; this one's consent is {identity.consent.basis!r}.",
                "Use --consent self, or leave --webcam out.",
            )
        self._analyzer = analyzer
        self._identity = identity
        self._turns = tuple(turns)
        self._settings = settings or MatchSettings()
        self._tell = tell

    def run(self, camera: Camera) -> Identity:
        """Asks for one step after the other and watches.

        Args:
            camera: an open one; stays open.

        Returns:
            The identity, with a consent that says that it was matched, to what, when and how well.

        Raises:
            ConsentError: it is another face, or it did not do what was asked within the time.
            MediaError: the camera cannot go on.
        """
        cosines: list[float] = []
        for step in ("straight", *self._turns, "straight"):
            seen = self._watch(camera, step)
            cosines += seen if step == "straight" else []
        cosine = sum(cosines) / len(cosines)
        kind = "film" if isinstance(camera, FilmCamera) else "camera"
        day = datetime.now(UTC).date().isoformat()
        matched = f"{kind} {day} cosine {cosine:.2f} turned {', '.join(self._turns)}"
        return replace(self._identity, consent=replace(self._identity.consent, matched=matched))

    def _watch(self, camera: Camera, step: Step) -> list[float]:
        """Waits for a step; gives the cosines of the frames that show it."""
        self._tell(WORDS[step])
        settings = self._settings
        shown: list[float] = []
        foreign: list[float] = []
        until: float | None = None
        while len(shown) < settings.frames:
            frame = camera.read()
            until = self._check_time(frame, until, step)
            face = None if frame is None or frame.image is None else self._only_face(frame.image)
            if face is None:
                shown.clear()
                continue
            assert face.pose is not None and face.embedding is not None
            cosine = float(face.embedding @ self._identity.embedding)
            is_straight = abs(face.pose.yaw_degrees) <= settings.straight_degrees
            if is_straight and cosine < settings.straight:
                foreign.append(cosine)
                if len(foreign) >= settings.strangers:
                    raise ConsentError(
                        f"the face before the camera is not that of the pictures: cosine {_mean(foreign):.2f}, "
                        f"{settings.straight} needed. Not enrolled.",
                        "Enrol with newer pictures of yourself in good light. Another person's face: --consent given",
                    )
            elif is_straight:
                foreign.clear()
            if _shows(face, step, settings) and cosine >= (settings.straight if is_straight else settings.turned):
                shown.append(cosine)
            else:
                shown.clear()
        return shown

    def _check_time(self, frame: CameraFrame | None, until: float | None, step: Step) -> float:
        """When the step has to be done.

        Raises:
            ConsentError: it should have been, or there are no more pictures.
        """
        limit = self._settings.step_seconds
        if frame is None or (until is not None and frame.seconds > until):
            why = "before the camera ended" if frame is None else f"within {limit:g} s"
            raise ConsentError(
                f"the face before the camera did not do what was asked ({WORDS[step]}) {why}. Not enrolled.",
                "Sit alone before the camera in good light, and try again.",
            )
        return frame.seconds + limit if until is None else until

    def _only_face(self, image: RgbImage) -> Face | None:
        """The face of a picture with one face; of two people it could not be said who is meant."""
        faces = self._analyzer.analyze(image, parse=False)
        return faces[0] if len(faces) == 1 else None


def _shows(face: Face, step: Step, settings: MatchSettings) -> bool:
    assert face.pose is not None
    # A nose that points to the picture's right is turned to the person's own left.
    yaw = face.pose.yaw_degrees
    if step == "straight":
        return abs(yaw) <= settings.straight_degrees
    return (yaw if step == "left" else -yaw) >= settings.turned_degrees


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
