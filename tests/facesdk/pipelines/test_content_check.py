"""The content check: the role's contract, where it is looked for, and that no way to a swap goes round it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesdk.cli import main
from facesdk.commands.content_note import NOTE
from facesdk.consent import Consent
from facesdk.errors import BackendError, ContentError, PackError
from facesdk.faces.select import Rule
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.media.live_sink import NullSink
from facesdk.pack.reader import Pack
from facesdk.pipelines.content_check import ContentCheck
from facesdk.pipelines.latched_check import LatchedCheck
from facesdk.pipelines.video import VideoPainter
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.audit_key import keyed_hash
from facesdk.swapper import FaceSwapper
from tests.facesdk import clips
from tests.facesdk.clips import Clip, write_clip
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture
from tests.facesdk.safety_pack import write_safety_pack

FINE, REFUSED = picture((256, 384), [(2, 3)], 90), picture((256, 384), [(2, 3)], 200)
SHADES = (90, 90, 200, 90)
"""How bright each second of the film is; only the third one is refused."""


@pytest.fixture(scope="module")
def safety(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_safety_pack(tmp_path_factory.mktemp("safe") / "safety")


@pytest.fixture
def home(safety: Pack, fake_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which the check is installed, with an audit log of its own."""
    monkeypatch.setenv("FACESDK_PACK_PATH", f"{safety.path.parent}:{fake_pack.path.parent}")
    monkeypatch.setenv("FACESDK_BACKEND", BACKEND)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def guarded(home: Path, fake_pack: Pack) -> Iterator[FaceSwapper]:
    with FaceSwapper(fake_pack, BACKEND, threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


@pytest.fixture
def film(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four seconds at 24000/1001 frames a second."""
    clip = Clip(count=96, size_hw=(128, 160))

    def shaded(clip: Clip, index: int) -> Any:
        return picture(clip.size_hw, clip.cells, SHADES[min(3, int(index / float(clip.rate)))])

    monkeypatch.setattr(clips, "frame_picture", shaded)
    return write_clip(home / "film.mp4", clip)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the network said, each time that it was asked."""
    said: list[float] = []
    probability = ContentCheck.probability

    def counted(self: ContentCheck, image: Any) -> float:
        said.append(probability(self, image))
        return said[-1]

    monkeypatch.setattr(ContentCheck, "probability", counted)
    return said


def entries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in AuditLog().path.read_text().splitlines()]


def test_the_probability_is_that_of_the_whole_picture_at_the_networks_size(safety: Pack, tmp_path: Path) -> None:
    check = ContentCheck(safety, BACKEND, 1)
    assert (check.size, check.threshold, check.name) == (16, 0.5, "safety 1.0")
    noise = np.random.default_rng(0).integers(0, 256, (64, 160, 3), np.uint8)
    assert check.probability(noise) == pytest.approx(noise[..., 0].mean() / 255, abs=2e-3)
    half = np.zeros((32, 32, 3), np.uint8)
    half[:, 16:, 0] = 255
    assert check.probability(half) == pytest.approx(0.5, abs=1e-6)
    scaled = write_safety_pack(tmp_path / "scaled", mean=[51, 0, 0], scale=[204, 1, 1])
    assert ContentCheck(scaled, BACKEND, 1).probability(np.full((8, 9, 3), 153, np.uint8)) == pytest.approx(0.5)


def test_at_the_threshold_it_is_refused(safety: Pack) -> None:
    check = ContentCheck(safety, BACKEND, 1)
    check.threshold = 51 / 255
    check.require(np.full((16, 16, 3), 50, np.uint8), "still")
    with pytest.raises(ContentError, match=r"refuses this picture \(pack safety 1.0\)") as caught:
        check.require(np.full((16, 16, 3), 52, np.uint8), "still")
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"color": "bgr"}, "preprocessing.color is 'bgr'"),
        ({"layout": None}, "preprocessing.layout is None"),
        ({"size": 32}, "has the tensors"),
        ({"size": "16"}, "preprocessing.size is '16'"),
        ({"mean": [1, 2]}, "preprocessing.mean"),
        ({"scale": 0}, "preprocessing.scale is 0"),
        ({"threshold": 0}, "threshold is 0"),
        ({"threshold": True}, "threshold is True"),
        ({"threshold": 1.5}, "threshold is 1.5"),
    ],
)
def test_a_pack_that_does_not_keep_the_contract_is_refused(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(PackError) as caught:
        ContentCheck(write_safety_pack(tmp_path / "safety", **wrong), BACKEND, 1)
    assert said in str(caught.value)


@pytest.mark.parametrize("times", [float("nan"), 9.0, -1.0])
def test_a_network_that_does_not_answer_lets_nothing_through(tmp_path: Path, times: float) -> None:
    check = ContentCheck(write_safety_pack(tmp_path / "safety", times), BACKEND, 1)
    with pytest.raises(BackendError, match="0 to 1 expected|not finite"):
        check.require(FINE, "still")


def test_where_it_is_looked_for(safety: Pack, fake_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESDK_PACK_PATH", raising=False)
    assert ContentCheck.installed(fake_pack) is None and not ContentCheck.is_installed(fake_pack)
    # A pack that has the role itself.
    found = ContentCheck.installed(safety, BACKEND, 1)
    assert found is not None and found.name == "safety 1.0"
    monkeypatch.setenv("FACESDK_PACK_PATH", str(safety.path.parent))
    found = ContentCheck.installed(fake_pack, BACKEND, 1)
    assert found is not None and ContentCheck.is_installed(fake_pack)
    # One that is there and damaged is no reason to go on without it.
    graph = next((write_safety_pack(tmp_path / "safety").path / "graphs").glob("*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"\x00")
    monkeypatch.setenv("FACESDK_PACK_PATH", str(tmp_path))
    with pytest.raises(PackError, match="does not match its manifest"):
        FaceSwapper(fake_pack, BACKEND, threads=1)


def test_a_picture_is_looked_at_once(guarded: FaceSwapper, me: Identity, looks: list[float]) -> None:
    result = guarded.swap(FINE, me)
    assert len(looks) == 1 and looks[0] < 0.5 and result.timings.stages[-1].stage == "paste"
    assert "check" in result.timings.as_dict()
    with pytest.raises(ContentError):
        guarded.swap(REFUSED, me)
    last = entries()[-1]
    assert (last["kind"], last["use"], last["check"], last["consents"]) == ("refused", "still", "safety 1.0", ["self"])
    assert last["identities"] == [keyed_hash(me.id)] and AuditLog().verify().ok


def test_a_film_is_looked_at_once_a_second_and_ends_at_the_first_refusal(
    guarded: FaceSwapper, me: Identity, film: Path, looks: list[float]
) -> None:
    before = {path.name for path in film.parent.iterdir()}
    with pytest.raises(ContentError, match="refuses this film"):
        guarded.swap_video(film, me).save(film.parent / "out.mp4")
    assert len(looks) == 3 and max(looks[:2]) < 0.5 < looks[2]
    assert {path.name for path in film.parent.iterdir()} == before, "nothing of it is left, also no pieces"
    frames = guarded.swap_video(film, me)
    shown = []
    with pytest.raises(ContentError):
        for frame in frames:
            shown.append(frame.pts_seconds)
    assert 1.9 < shown[-1] < 2.0 and len(shown) == 48


def test_a_film_that_passes_is_looked_at_once_a_second(
    guarded: FaceSwapper, me: Identity, film: Path, looks: list[float]
) -> None:
    result = guarded.swap_video(film, me, trim=(None, 1.9)).save(film.parent / "out.mp4")
    assert len(looks) == 2 and result.swapped_count == result.frame_count


def test_a_film_that_goes_on_is_judged_as_in_one_go(guarded: FaceSwapper, me: Identity, looks: list[float]) -> None:
    def painter() -> VideoPainter:
        assert guarded.check is not None and guarded._pipeline is not None
        check = LatchedCheck(guarded.check, "film")
        return VideoPainter(guarded.analyzer, guarded._pipeline, [(me, Rule("largest"))], check=check)

    begun, resumed = painter(), painter()
    begun.paint(FINE, 0.2)
    resumed.restore(begun.state())
    # In the midst of a second that was looked at.
    resumed.paint(REFUSED, 0.6)
    assert len(looks) == 1
    with pytest.raises(ContentError):
        resumed.paint(REFUSED, 1.0)


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt-rtx", "fastest"])
def test_where_an_engine_or_a_probe_is_asked_for_it_takes_a_cpu(
    safety: Pack, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ContentCheck(safety, backend, 1).probability(FINE) < 0.5
    monkeypatch.setenv("FACESDK_BACKEND", backend)
    assert ContentCheck(safety, "auto", 1).probability(FINE) < 0.5


def test_the_latch(safety: Pack) -> None:
    class Counted(ContentCheck):
        looked: list[float] = []

        def probability(self, image: Any) -> float:
            self.looked.append(super().probability(image))
            return self.looked[-1]

    check = Counted(safety, BACKEND, 1)
    latch = LatchedCheck(check, "live")
    for seconds in np.arange(0.3, 3.3, 0.1):
        latch.look(FINE, float(seconds))
        latch.look(REFUSED, float(seconds))  # not in the second's first frame
    assert len(check.looked) == 4
    for seconds in (4.0, 4.1, 5.0, 9.0):
        with pytest.raises(ContentError, match="refuses this live"):
            latch.look(REFUSED if seconds == 4.0 else FINE, seconds)
    assert len(check.looked) == 5
    # A clock that goes back is another second, too.
    other = LatchedCheck(check, "live")
    other.look(FINE, 8.0)
    with pytest.raises(ContentError):
        other.look(REFUSED, 2.0)


def test_a_live_run_ends_at_the_first_refusal(
    guarded: FaceSwapper, me: Identity, film: Path, looks: list[float]
) -> None:
    shown: list[float] = []

    class Album(NullSink):
        def show(self, image: Any, seconds: float) -> bool:
            shown.append(seconds)
            return True

    with pytest.raises(ContentError):
        guarded.live(film, me, Album(), paced=False).run()
    assert len(looks) == 3 and shown and max(shown) < 2.0
    start, refused, end = entries()[-3:]
    assert (start["event"], refused["kind"], refused["use"]) == ("start", "refused", "live")
    assert (end["event"], end["ended_by"], end["frames"]) == ("end", "refused", len(shown))
    painter = guarded.live_painter(me)
    painter.paint(FINE, 0.0)
    with pytest.raises(ContentError):
        painter.paint(REFUSED, 1.0)


def test_what_a_generator_reads_is_looked_at(home: Path, people_pack: Pack) -> None:
    with FaceGenerator(people_pack, BACKEND, threads=1) as generator:
        generator.sample(1)
        generator.edit_picture(FINE, {}, consent=Consent.self_())
        for read in (generator.encode, lambda image: generator.edit_picture(image, {}, consent=Consent.self_())):
            with pytest.raises(ContentError):
                read(REFUSED)


def test_the_command_says_when_there_is_none(
    home: Path, fake_pack: Pack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, image in (("me", picture((256, 256), [(3, 3)], 220)), ("fine", FINE), ("bad", REFUSED)):
        Image.fromarray(image).save(f"{name}.png")

    def run(*arguments: str) -> tuple[Any, str]:
        with pytest.raises(SystemExit) as caught:
            main([*arguments, "--consent", "self", "--pack", "fake"])
        return caught.value.code, capsys.readouterr().err

    assert run("swap", "me.png", "fine.png", "-o", "a.png") == (0, "")
    code, err = run("swap", "me.png", "bad.png", "-o", "b.png")
    assert code == 5 and "content check refuses" in err and not Path("b.png").exists()
    monkeypatch.setenv("FACESDK_PACK_PATH", str(fake_pack.path.parent))
    assert run("swap", "me.png", "bad.png", "-o", "b.png") == (0, f"{NOTE}\n")
    write_clip(Path("clip.mp4"), Clip(count=3))
    assert run("webcam", "me.png", "--camera", "clip.mp4", "--sink", "null") == (0, f"{NOTE}\n")
