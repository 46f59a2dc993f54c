"""The layer that breaks networks: it breaks what it says, nothing else, and is gone afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.errors import BackendError
from facesdk.identity import Identity
from facesdk.runtime.broken_answers import AnswerFault, broken_answers, no_room
from facesdk.swapper import FaceSwapper
from tests.facesdk.fake_pack import picture

SCENE = picture((256, 256), [(3, 3)])


def test_a_fault_is_where_it_should_be() -> None:
    answers = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float32)}
    dice = np.random.default_rng(0)
    assert (AnswerFault("a", 1.0).put_into(answers, dice)["a"] == 1).all()
    one = AnswerFault("a", np.nan, everywhere=False).put_into(answers, dice)
    assert np.isnan(one["a"]).sum() == 1 and one["b"] is answers["b"] and not np.isnan(answers["a"]).any()


@pytest.fixture(scope="module")
def me(swapper: FaceSwapper) -> Identity:
    return Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)


@pytest.mark.parametrize(
    ("graph", "fault"),
    [
        ("detector", AnswerFault("score_32", 1.0)),
        ("landmarks", AnswerFault("points", 0.5)),
        ("parser", AnswerFault("parts", 0.0)),
        ("encoder", AnswerFault("codes", 0.0)),
        ("encoder", AnswerFault("feature_16", np.inf, everywhere=False)),
        ("blending", AnswerFault("codes", 1.0)),
        ("decoder", AnswerFault("image", -1.0)),
        ("decoder", AnswerFault("image", np.nan, everywhere=False)),
        ("decoder", AnswerFault("mask", 1.0)),
    ],
)
def test_a_frame_stays_as_it_was_and_is_counted(
    swapper: FaceSwapper, me: Identity, graph: str, fault: AnswerFault
) -> None:
    pipeline = swapper._pipeline
    sessions = {name: getattr(pipeline, f"_{name}") for name in ("encoder", "blending", "decoder")}
    session = sessions.get(graph) or swapper.analyzer._session(graph)
    painter = swapper.live_painter(me)
    with broken_answers(session, fault):
        done = painter.paint(SCENE, 0.0)
    assert done.failed and not done.swapped
    np.testing.assert_array_equal(done.image, SCENE)
    again = swapper.live_painter(me).paint(SCENE, 0.0)
    assert not again.failed and (again.image != SCENE).any()


def test_a_mask_of_nothing_paints_nothing_and_is_no_fault(swapper: FaceSwapper, me: Identity) -> None:
    with broken_answers(swapper._pipeline._decoder, AnswerFault("mask", 0.0)):  # type: ignore[union-attr]
        done = swapper.live_painter(me).paint(SCENE, 0.0)
    assert not done.failed
    np.testing.assert_array_equal(done.image, SCENE)


def test_no_room_comes_at_its_call_and_ends(swapper: FaceSwapper, me: Identity) -> None:
    sessions = [swapper._pipeline._encoder, swapper._pipeline._decoder]  # type: ignore[union-attr]
    swapper.swap(SCENE, me)
    with no_room(sessions, 2, count=1):
        with pytest.raises(BackendError, match="decoder"):
            swapper.swap(SCENE, me)
        assert swapper.swap(SCENE, me).swapped == (0,)
