"""A mirror: named points, who is seen and how, all as the picture then shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.train.recipes.test_recipes import arrays
from train.data.face_world.render import aligned_crop, render
from train.data.face_world.sample import sample_attributes, sample_identity
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, IDENTITY_FIELDS, attribute_vector, mean_landmarks
from train.data.mirror import MIRROR_68, mirrored_attributes, mirrored_identity, mirrored_points
from train.data.swap_data import SwapData, mirror
from train.recipes.swap_codes import codes_batch


def test_the_mean_head_is_its_own_mirror_image() -> None:
    mean = mean_landmarks()
    np.testing.assert_allclose(mean[MIRROR_68] * [-1, 1, 1], mean, atol=1e-5)


def test_a_mirror_of_a_mirror_is_the_thing() -> None:
    rng = np.random.default_rng(0)
    for turn, width in ((mirrored_identity, len(IDENTITY_FIELDS)), (mirrored_attributes, len(ATTRIBUTE_FIELDS))):
        vectors = rng.normal(size=(3, width)).astype(np.float32)
        np.testing.assert_array_equal(turn(turn(vectors)), vectors)
        assert not np.array_equal(turn(vectors), vectors)
    points = rng.uniform(0, 128, (2, 68, 2)).astype(np.float32)
    np.testing.assert_allclose(mirrored_points(mirrored_points(points, 128), 128), points, atol=1e-4)


def test_what_has_a_side_changes_it_and_nothing_else_does() -> None:
    named = dict(zip(ATTRIBUTE_FIELDS, range(len(ATTRIBUTE_FIELDS))))
    values = np.arange(1, len(ATTRIBUTE_FIELDS) + 1, dtype=np.float32)
    seen = mirrored_attributes(values)
    assert seen[named["expression_eyeBlinkLeft"]] == values[named["expression_eyeBlinkRight"]]
    assert seen[named["expression_jawRight"]] == values[named["expression_jawLeft"]]
    for name in ("yaw", "roll", "gaze_x", "key_direction_x", "rim_direction_x"):
        assert seen[named[name]] == -values[named[name]]
    for name in ("pitch", "gaze_y", "expression_jawOpen", "key_direction_y", "sky_r", "exposure"):
        assert seen[named[name]] == values[named[name]]
    scalars = slice(IDENTITY_FIELDS.index("tone"), None)
    person = np.arange(len(IDENTITY_FIELDS), dtype=np.float32)
    np.testing.assert_array_equal(mirrored_identity(person)[scalars], person[scalars])
    left, right = (IDENTITY_FIELDS.index(f"landmark_{i}_x") for i in (36, 45))
    assert mirrored_identity(person)[left] == -person[right]
    assert mirrored_identity(person)[left + 1] == person[right + 1]


def test_a_head_turned_the_other_way_is_what_the_mirror_says() -> None:
    # Of one person, symmetric but for a little: the mirrored picture of one setting has the points of the other.
    person = replace(sample_identity(3, "own"), asymmetry=0.0)
    drawn = sample_attributes(np.random.default_rng(4), "test")
    setting = replace(drawn, yaw_degrees=25.0, roll_degrees=8.0, gaze=(0.3, 0.1), expression={"jawLeft": 0.5})
    other = replace(setting, yaw_degrees=-25.0, roll_degrees=-8.0, gaze=(-0.3, 0.1), expression={"jawRight": 0.5})
    one, two = (
        render(person, s, size=64, crop=aligned_crop(person, s, 64, "canon"), hair_strands=50) for s in (setting, other)
    )
    np.testing.assert_allclose(mirrored_points(one.landmarks, 64), two.landmarks, atol=0.05)
    names = [name for name in ATTRIBUTE_FIELDS if not name.startswith(("key_", "rim_"))]
    rows = [ATTRIBUTE_FIELDS.index(name) for name in names]
    np.testing.assert_allclose(mirrored_attributes(attribute_vector(setting))[rows], attribute_vector(other)[rows])


def test_a_row_of_a_batch_is_mirrored_as_a_whole() -> None:
    known = arrays(32)
    known["points"] = known["landmarks"] / np.float32(32)
    batch = SwapData(known).batch(np.random.default_rng(0), 6, 0.0, config=None)
    seen = {name: values.copy() for name, values in batch.items()}
    which = np.arange(6) % 2 == 0
    mirror(seen, which, 32)
    for name in ("source", "target", "exact", "face"):
        np.testing.assert_array_equal(seen[name][which], batch[name][which][:, :, ::-1])
    for name, width in (("landmarks", 32), ("source_points", 1), ("target_points", 1)):
        np.testing.assert_allclose(seen[name][which], mirrored_points(batch[name][which], width))
    np.testing.assert_array_equal(seen["identity_vector"][which], mirrored_identity(batch["identity_vector"][which]))
    for name in batch:
        np.testing.assert_array_equal(seen[name][~which], batch[name][~which])


def test_half_of_what_is_trained_on_is_mirrored_and_nothing_that_is_judged() -> None:
    known, yaw = arrays(32), ATTRIBUTE_FIELDS.index("yaw")
    known["attribute_vector"][:, yaw] = 1.0
    for batch in (
        SwapData(known).batch(np.random.default_rng(0), 40, 0.0),
        codes_batch(SwapData(known), np.random.default_rng(0), 40),
    ):
        assert 8 < (batch["attribute_vector"][:, yaw] == -1).sum() < 32
    judged = SwapData(known).batch(np.random.default_rng(0), 40, 0.0, config=None)
    assert (judged["attribute_vector"][:, yaw] == 1).all()
