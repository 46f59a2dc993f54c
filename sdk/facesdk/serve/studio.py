"""What the page can ask for, without anything of the web: enrol, make faces of nobody, swap, go live."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from facesdk.consent import EVERY_USE, Consent
from facesdk.errors import ConsentError, InputError, MediaError
from facesdk.generated_face import GeneratedFace
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.pipelines.latent_flow import FAMILY as GENERATOR_FAMILY
from facesdk.pipelines.video import VideoPainter
from facesdk.provenance.live_log import LiveLog
from facesdk.provenance.work import Work
from facesdk.serve.identity_store import IdentityStore, StoredIdentity
from facesdk.serve.limits import ServeLimits
from facesdk.serve.live_feed import LiveFeed
from facesdk.serve.upload import UploadedPicture
from facesdk.swap_result import SwapResult
from facesdk.swapper import FaceSwapper

CANDIDATES = 6
RULES = ("largest", "all", "left", "right")
_NAMELESS = "the bytes given"


class Studio:
    """The networks and the enrolled faces of one server. Safe to call from several threads.

    Args:
        swapper: an open one.
        limits: how many faces, and how long.
        backend: for the generator.
    """

    def __init__(self, swapper: FaceSwapper, limits: ServeLimits, backend: str = "auto") -> None:
        self.swapper = swapper
        self.limits = limits
        self.store = IdentityStore(limits)
        self.makes_faces = GENERATOR_FAMILY in swapper.pack.manifest.families
        self._backend = backend
        self._generator: FaceGenerator | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Forgets every face and lets go of the generator; the swapper is its owner's."""
        self.store.clear()
        with self._lock:
            if self._generator is not None:
                self._generator.close()
                self._generator = None

    def enrol(self, pictures: Sequence[UploadedPicture], consent: Consent, name: str) -> StoredIdentity:
        """Learns a face from pictures of it.

        Raises:
            InputError: no picture, no face, or different people.
            MediaError: a picture cannot be read.
        """
        for picture in pictures:
            picture.check()
        try:
            identity = Identity.from_images([p.data for p in pictures], consent, analyzer=self.swapper.analyzer)
        except MediaError as error:
            raise _renamed(error, pictures[0].name if len(pictures) == 1 else "one of the pictures") from error
        return self.store.add(identity, name)

    def candidates(self, seed: int) -> list[GeneratedFace]:
        """Faces of people who do not exist.

        Raises:
            InputError: the pack makes none, or the seed is out of range.
        """
        return self._open_generator().sample(CANDIDATES, seed)

    def take(self, seed: int, index: int) -> StoredIdentity:
        """Enrols one of the candidates: the same seed and number give the same face.

        Raises:
            InputError: no such candidate, or no face can be found in it.
        """
        if not 0 <= index < CANDIDATES:
            raise InputError(f"number {index}: 0 to {CANDIDATES - 1} expected.", "Pick one of the faces shown.")
        face = self._open_generator().sample(1, seed, first=index)[0]
        identity = Identity.synthetic(face, analyzer=self.swapper.analyzer)
        return self.store.add(identity, f"Nobody {seed}.{index}")

    def swap(self, picture: UploadedPicture, key: str, faces: str) -> SwapResult:
        """Swaps faces of a picture.

        Raises:
            ForgottenError: no such enrolled face.
            ConsentError: its consent does not cover still pictures.
            InputError: no face, or an unknown rule.
            MediaError: the picture cannot be read.
        """
        identity, rule = self.store.get(key).identity, parse_faces(faces)
        picture.check()
        try:
            return self.swapper.swap(picture.data, identity, rule, name=picture.name)
        except MediaError as error:
            raise _renamed(error, picture.name) from error

    def live(self, key: str, faces: str) -> LiveFeed:
        """Begins to swap the frames of a camera.

        Raises:
            ForgottenError: no such enrolled face.
            ConsentError: its consent does not cover live use.
            InputError: an unknown rule.
        """
        identity, rule = self.store.get(key).identity, parse_faces(faces)

        def new_painter() -> VideoPainter:
            return self.swapper.live_painter(identity, rule, badged=True)

        def check() -> None:
            # A face that is forgotten, was not used for long, or whose consent ends meanwhile is not shown any more.
            self.store.get(key).identity.consent.require("live")

        check()
        log = LiveLog(Work(identities=(identity.id,), consents=(identity.consent.standing,)), "browser")
        return LiveFeed(new_painter, check, self.limits.live_frame_pixels, log)

    def _open_generator(self) -> FaceGenerator:
        if not self.makes_faces:
            raise InputError(f"pack {self.swapper.pack.name} makes no faces.", "Enrol pictures, or use pack nano.")
        with self._lock:
            if self._generator is None:
                self._generator = FaceGenerator(self.swapper.pack, self._backend, self.swapper.threads)
            return self._generator


def parse_faces(text: str) -> str | int:
    """Which faces a request means.

    The rule "like FILE" of the SDK is not for the browser: it would open any file of this machine.

    Raises:
        InputError: none that is known.
    """
    if text in RULES:
        return text
    if text.isascii() and text.isdecimal() and len(text) <= 3:
        return int(text)
    raise InputError(f"faces={text[:40]!r}: {', '.join(RULES)} or a number expected.", "Use the page.")


def read_consent(fields: dict[str, str]) -> tuple[Consent, str]:
    """The consent that a form states, and the name that the face goes by.

    Raises:
        ConsentError: nothing is stated, or it is not complete.
    """
    basis, who = fields.get("consent", ""), fields.get("who", "").strip()[:200]
    scope, expires = fields.get("scope", EVERY_USE), fields.get("expires", "").strip()
    if basis == "self":
        consent, name = Consent.self_(scope, expires), "Me"
    elif basis == "given":
        consent, name = Consent.given(who, scope, expires), who[:40]
    else:
        raise ConsentError(
            f"consent {basis[:20]!r}: pictures of a person need a consent statement, self or given.",
            "Say whose face it is, and that its owner agreed. Faces of nobody are picked among the generated ones.",
        )
    if consent.is_expired():
        raise ConsentError(f"the consent ended on {consent.expires} already.", "Choose a later day, or none.")
    return consent, name


def _renamed(error: MediaError, name: str) -> MediaError:
    """The same error about the file that the user knows."""
    text = str(error).removesuffix(f"\n  {error.cure}") if error.cure else str(error)
    return MediaError(text.replace(_NAMELESS, name, 1), error.cure)
