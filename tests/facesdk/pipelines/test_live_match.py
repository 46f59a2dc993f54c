"""`enroll --webcam`: who turns and matches is noted as matched; another person, a still picture and a film are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facesdk
from facesdk.consent import Consent
from facesdk.errors import ConsentError, InputError
from facesdk.identity import Identity
from facesdk.media.camera import Camera, CameraFrame
from facesdk.pipelines.live_match import LiveMatch, MatchSettings, random_turns
from facesdk.provenance.audit import AuditLog
from facesdk.types import Face, Pose

SETTINGS = MatchSettings(step_seconds=5.0)
FPS = 10.0
Look = tuple[float, float] | None
"""Yaw in degrees and cosine of the one face, or None for a picture with none or with two."""


def at(cosine: float) -> Any:
    """(512,) a unit vector of that cosine to the first axis."""
    out = np.zeros(512, np.float32)
    out[:2] = cosine, np.sqrt(1 - cosine * cosine)
    return out


ME = Identity(at(1.0), np.zeros((1, 256, 256, 3), np.uint8), Consent.self_("still", "2099-01-01"), "fake")


class Scripted(Camera):
    """A camera whose pictures hold the number of a look."""

    name = "scripted"

    def __init__(self, looks: Sequence[Look], away: Sequence[int] = ()) -> None:
        self.looks, self.away, self.index = list(looks), away, 0

    def open(self) -> None: ...

    def read(self) -> CameraFrame | None:
        if self.index == len(self.looks):
            return None
        image = None if self.index in self.away else np.full((2, 2, 3), self.index, np.uint16)
        self.index += 1
        return CameraFrame(image, self.index / FPS, 0.0)  # type: ignore[arg-type]

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def match(looks: Sequence[Look], away: Sequence[int] = (), who: Identity = ME, pack: str = "fake") -> Identity:
    camera = Scripted(looks, away)

    def analyze(image: Any, parse: bool) -> list[Face]:
        look = camera.looks[image[0, 0, 0]]
        if look is None:
            return [] if image[0, 0, 0] % 2 else [face(0.0, 1.0), face(0.0, 1.0)]
        return [face(*look)]

    def face(yaw: float, cosine: float) -> Face:
        zeros = np.zeros((5, 2), np.float32)
        return Face(zeros[0], 0.9, zeros, pose=Pose(yaw, 0.0, 0.0), embedding=at(cosine))

    analyzer: Any = SimpleNamespace(analyze=analyze, pack=SimpleNamespace(name=pack))
    said: list[str] = []
    out = LiveMatch(analyzer, who, ("left", "right"), SETTINGS, said.append).run(camera)
    assert [text.rpartition(" ")[2] for text in said] == ["camera", "left", "right", "camera"]
    return out


STRAIGHT: list[Look] = [(2.0, 0.9)] * 3
LEFT: list[Look] = [(25.0, 0.75)] * 3
RIGHT: list[Look] = [(-25.0, 0.75)] * 3
WHOLE = STRAIGHT + LEFT + RIGHT + STRAIGHT


def test_who_turns_and_matches_is_noted() -> None:
    found = match(WHOLE)
    assert found.id == ME.id and found.consent.level == "self" and found.consent.created == ME.consent.created
    kind, _, *words = found.consent.matched.split()
    assert (kind, " ".join(words)) == ("camera", "cosine 0.90 turned left, right")
    assert found.consent.summary() == "self, matched to a camera (still) until 2099-01-01"
    # Frames between the steps, a camera that was away, and moments with nobody or with somebody else beside count not.
    between: list[Look] = [(15.0, 0.8), None, None]
    match(STRAIGHT + between + LEFT + between + [(0.0, 0.9)] + RIGHT + between + STRAIGHT, away=(4,))


def test_turns_in_the_wrong_order_are_waited_for() -> None:
    match(STRAIGHT + RIGHT + LEFT + RIGHT + STRAIGHT)
    with pytest.raises(ConsentError, match=r"turn your head to your right\) before the camera ended"):
        match(STRAIGHT + RIGHT + LEFT + STRAIGHT)


@pytest.mark.parametrize(
    "looks",
    [
        STRAIGHT * 40,  # a still picture
        [(19.0, 0.9)] * 80,  # never straight
        STRAIGHT + [(19.9, 0.9)] * 60,  # turned too little
        STRAIGHT + [(25.0, 0.45)] * 60,  # another person's profile
        STRAIGHT + [(25.0, 0.9), (25.0, 0.9), None] * 30,  # two in a row are not three
    ],
)
def test_what_does_not_do_what_is_asked_is_refused_in_time(looks: list[Look]) -> None:
    with pytest.raises(ConsentError, match=r"did not do what was asked \(.*\) within 5 s. Not enrolled"):
        match(looks)


def test_another_person_is_refused_at_once() -> None:
    with pytest.raises(ConsentError, match=r"not that of the pictures: cosine 0.60, 0.7 needed"):
        match([(0.0, 0.6)] * 10)
    # Blinks of a bad embedding are not another person.
    match(([(0.0, 0.6)] * 9 + STRAIGHT[:1]) * 2 + STRAIGHT + LEFT + RIGHT + [(0.0, 0.6)] * 9 + STRAIGHT)
    with pytest.raises(ConsentError, match="not that of the pictures"):
        match(STRAIGHT + LEFT + RIGHT + [(0.0, 0.3)] * 10)  # who changed places at the end


def test_only_ones_own_face_of_the_same_pack() -> None:
    given = Identity(ME.embedding, ME.crops, Consent.given("Ann Lee"), "fake")
    with pytest.raises(ConsentError, match="only one's own face"):
        match(WHOLE, who=given)
    with pytest.raises(InputError, match="enrolled with pack fake"):
        match(WHOLE, pack="other")
    assert {random_turns() for _ in range(60)} == {("left", "right"), ("right", "left")}


def test_a_consent_that_claims_a_match_it_cannot_have_is_refused() -> None:
    facts = json.loads(Consent.given("Ann Lee").to_json())
    for matched in ("camera 2026-11-21 cosine 0.9", " ", "oracle"):
        for basis in ("self", "given"):
            if (basis, matched[:6]) != ("self", "camera"):
                with pytest.raises(ConsentError):
                    Consent.from_json(json.dumps({**facts, "basis": basis, "matched": matched}))
    # Files of before have no such word.
    old = {name: value for name, value in facts.items() if name != "matched"}
    assert Consent.from_json(json.dumps(old)).matched == ""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered people: a picture to enrol, one who turns, the same one as a still picture, and another one."""
    pytest.importorskip("numba", reason="the face world is rendered with numba")
    pytest.importorskip("av", reason="films need the extra 'video'")
    from fractions import Fraction

    import av

    from train.data.face_world.render import render
    from train.data.face_world.sample import sample_identity
    from train.data.face_world.types import Attributes

    folder = tmp_path_factory.mktemp("people")

    def shot(seed: int, yaw: float) -> Any:
        look = Attributes(yaw_degrees=yaw, zoom=0.7, background="studio", background_seed=7)
        return render(sample_identity(seed, "own"), look, size=192, hair_strands=2000, truth="basic").rgb

    def film(name: str, shots: Sequence[Any]) -> None:
        with av.open(str(folder / name), "w") as out:
            stream: Any = out.add_stream("libx264", rate=Fraction(10), options={"crf": "12", "preset": "ultrafast"})
            stream.height, stream.width, stream.pix_fmt = 192, 192, "yuv420p"
            for image in shots:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
            out.mux(stream.encode(None))

    # The person of the demo's source; turned to one side, and mirrored for the other.
    with Image.open(Path(facesdk.__file__).parent / "demo" / "source.png") as known:
        known.save(folder / "me.png")
        straight = np.asarray(known.convert("RGB").resize((192, 192)))
    left = shot(95006, 30.0)
    right = left[:, ::-1]
    # Whichever side is asked for first, the other one follows.
    film("turns.mp4", [*[straight] * 4, *[left] * 4, *[right] * 4, *[left] * 4, *[straight] * 4])
    film("still.mp4", [straight] * 12)
    film("other.mp4", [shot(95030, 0.0)] * 12)
    return folder


def test_the_command_with_a_clip_of_the_face_world(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from facesdk.cli import main

    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACESDK_BACKEND", "onnxruntime")
    monkeypatch.setenv("FACESDK_THREADS", "1")
    me = tmp_path / "me.identity"

    def enroll(*options: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["enroll", str(people / "me.png"), "-o", str(me), *options])
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    for clip, reason in (("still.mp4", "did not do what was asked"), ("other.mp4", "is not that of the pictures")):
        code, _, err = enroll("--webcam", "--camera", str(people / clip))
        assert code == 5 and reason in err and not me.exists()
    assert not AuditLog().path.exists()
    code, out, _ = enroll("--webcam", "--camera", str(people / "turns.mp4"), "--scope", "still")
    assert code == 0 and out.count("camera     ") == 4 and "consent: self, matched to a film (still)" in out
    consent = Identity.load(me).consent
    assert consent.level == "self" and consent.matched.startswith("film ")
    entry = json.loads(AuditLog().path.read_text().splitlines()[-1])
    assert (entry["kind"], entry["standing"]) == ("enroll", "self, matched to a film")
    assert enroll("--camera", "0", "--consent", "self")[0] == 2
    assert enroll("--webcam", "--consent", "given", "--who", "Ann")[0] == 2
    assert enroll("--webcam", "--camera", "http://10.1.1.1/video")[0] == 2
