"""Masks and colours in time, and who keeps which role."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.enrolment import CROP_SIZE
from facesdk.faces.select import Rule
from facesdk.faces.track import TrackedFace
from facesdk.identity import Identity
from facesdk.pipelines.base import FaceSwap
from facesdk.pipelines.casting import Casting
from facesdk.pipelines.steady_paint import SteadyPaintSettings, SteadyPaintState, forget, steady_paint
from facesdk.types import Face

PLACE = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
SETTINGS = SteadyPaintSettings()


def _run(crops: np.ndarray, masks: np.ndarray, images: np.ndarray, settings: SteadyPaintSettings = SETTINGS):
    state, out = SteadyPaintState(), []
    for index, (crop, mask, image) in enumerate(zip(crops, masks, images)):
        swap = FaceSwap(crop.astype(np.float32), mask.astype(np.float32), PLACE)
        out.append(steady_paint(state, 0, swap, image, index / 30, settings))
    return out


def test_a_mask_that_trembles_is_held_and_a_hand_is_followed_at_once():
    rng = np.random.default_rng(0)
    masks = np.clip(0.6 + rng.normal(0, 0.05, (60, 32, 32)), 0, 1)
    masks[40:, :, :8] = 0.0
    crops, images = np.full((60, 32, 32, 3), 100.0), np.full((60, 32, 32, 3), 100, np.uint8)
    out = np.stack([swap.mask for swap in _run(crops, masks, images)])
    assert np.diff(out[10:40], axis=0).std() < 0.5 * np.diff(masks[10:40], axis=0).std()
    np.testing.assert_array_equal(out[40, :, :8], 0.0)
    assert abs(out[10:40].mean() - 0.6) < 0.01


def test_a_whim_of_the_networks_colour_is_damped_and_a_change_of_light_is_not():
    rng = np.random.default_rng(1)
    light = np.where(np.arange(60) < 40, 100, 160)
    images = np.repeat(light, 32 * 32 * 3).reshape(60, 32, 32, 3).astype(np.uint8)
    whims = rng.normal(0, 3, (60, 1, 1, 3))
    crops = images + 20.0 + whims
    out = np.stack([swap.crop.mean((0, 1)) for swap in _run(crops, np.ones((60, 32, 32)), images)])
    offsets = out - images.mean((1, 2))
    assert offsets[15:].std(0).max() < 0.5 * whims[15:].std(0).max()
    assert abs(offsets[40:].mean() - 20) < 2.5, "the light's jump of 60 is followed in its own frame"


def test_without_time_constants_nothing_changes():
    rng = np.random.default_rng(2)
    crops, masks = rng.uniform(0, 255, (5, 16, 16, 3)), rng.uniform(0, 1, (5, 16, 16))
    images = rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    for swap, crop, mask in zip(_run(crops, masks, images, SteadyPaintSettings(0.0, 0.5, 0.0, 24.0)), crops, masks):
        np.testing.assert_allclose(swap.crop, crop, atol=1e-3)
        np.testing.assert_allclose(swap.mask, mask, atol=1e-6)


def test_the_state_is_kept_and_forgotten():
    state = SteadyPaintState()
    swap = FaceSwap(np.full((16, 16, 3), 50, np.float32), np.ones((16, 16), np.float32), PLACE)
    for number in (3, 11):
        steady_paint(state, number, swap, np.zeros((16, 16, 3), np.uint8), 0.25, SETTINGS)
    again = SteadyPaintState.from_tensors(state.tensors())
    assert again.seconds == {3: 0.25, 11: 0.25}
    np.testing.assert_array_equal(again.colors[11], state.colors[11])
    forget(again, {11})
    assert set(again.masks) == {11}


def _identity(seed: int) -> Identity:
    embedding = np.zeros(512, np.float32)
    embedding[seed] = 1.0
    return Identity(embedding, np.full((1, CROP_SIZE, CROP_SIZE, 3), seed, np.uint8), Consent.synthetic(), "fake")


def _face(number: int, x: float, side: float = 50.0, who: int = 0, seen: bool = True) -> TrackedFace:
    embedding = np.zeros(512, np.float32)
    embedding[who] = 1.0
    box = np.array([x - side / 2, 0, x + side / 2, side], np.float32)
    return TrackedFace(number, Face(box, 0.9, np.zeros((5, 2), np.float32), embedding=embedding), 1.0, seen)


ANN, BOB = _identity(1), _identity(2)


def _cast(casting: Casting, *faces: TrackedFace) -> dict[int, Identity]:
    return {face.id: who for face, who in casting.cast(sorted(faces, key=lambda f: f.face.centre_xy))}


def test_the_largest_stays_chosen_while_it_is_there():
    casting = Casting([(ANN, Rule("largest"))])
    assert _cast(casting, _face(0, 100, 60), _face(1, 300, 50)) == {0: ANN}
    assert _cast(casting, _face(0, 100, 40), _face(1, 300, 90)) == {0: ANN}
    assert _cast(casting, _face(0, 100, 40, seen=False), _face(1, 300, 90)) == {0: ANN}
    assert _cast(casting, _face(1, 300, 90)) == {1: ANN}
    assert _cast(casting) == {}


def test_two_roles_cross_and_keep_their_faces():
    casting = Casting([(ANN, Rule("left")), (BOB, Rule("right"))])
    assert _cast(casting, _face(0, 100), _face(1, 300)) == {0: ANN, 1: BOB}
    assert _cast(casting, _face(0, 300), _face(1, 100)) == {0: ANN, 1: BOB}
    restored = Casting([(ANN, Rule("left")), (BOB, Rule("right"))])
    restored.restore({str(number): role for number, role in casting.roles.items()})
    assert _cast(restored, _face(0, 300), _face(1, 100)) == {0: ANN, 1: BOB}


def test_a_face_is_given_once_and_a_missing_one_is_no_error():
    casting = Casting([(ANN, Rule("left")), (BOB, Rule("right"))])
    assert _cast(casting, _face(0, 100)) == {0: ANN}
    assert _cast(casting, _face(0, 100), _face(1, 300)) == {0: ANN, 1: BOB}
    assert _cast(Casting([(ANN, Rule("index", 3))]), _face(0, 100)) == {}


@pytest.mark.parametrize("rule", [Rule("all"), Rule.like(ANN.embedding)])
def test_all_and_like_look_at_every_new_face(rule: Rule):
    casting = Casting([(ANN, rule)])
    assert _cast(casting, _face(0, 100, who=2)) == ({0: ANN} if rule.kind == "all" else {})
    assert 5 in _cast(casting, _face(0, 100, who=2), _face(5, 300, who=1))
    casting.forget({0})
    assert 5 not in casting.roles
