"""Crops of another width, and landmarks of groups without their pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk.faces.align import apply_matrix, invert_matrix
from train.data.face_world.groups import Jitter, group_crop, group_set
from train.data.face_world.render import frame_points, render
from train.data.face_world.sample import SPLITS
from train.data.face_world.shard_options import ShardOptions
from train.data.face_world.shards import render_shard

TINY = ShardOptions(
    size=48, identities=8, members=2, settings_per_set=2, sets_per_shard=1, supersample=1, hair_strands=300, questions=3
)


def test_a_smaller_crop_scale_shows_more_around_the_same_face() -> None:
    rng = np.random.default_rng(3)
    (group,) = group_set(
        rng, (11, 12), "own", "train", size=64, settings=1, first_group=0, spread=Jitter(0.0, 0.0, 0.0)
    )
    near, wide = (group_crop(group, 64, scale) for scale in (1.0, 0.8))
    middle = apply_matrix(invert_matrix(near), np.array([[32.0, 32.0]]))
    np.testing.assert_allclose(apply_matrix(wide, middle), [[32, 32]], atol=1e-3)
    np.testing.assert_allclose(wide[:, :2], 0.8 * near[:, :2], rtol=1e-5)
    with pytest.raises(InputError, match="crop_scale 0"):
        replace(TINY, crop_scale=0.0)


def test_points_are_the_landmarks_of_the_same_options_pictures() -> None:
    options = replace(TINY, kind="points")
    points = render_shard(options, 0)
    assert set(points) == {"landmarks", "identity", "donor", "group", "pose"}
    # The streams differ by kind; the same plan drawn as pictures has the same points.
    rng = np.random.default_rng(0)
    seeds = SPLITS["train"][:3]
    (group,) = group_set(rng, seeds, "own", "train", size=48, settings=1, first_group=0, spread=Jitter())
    crop = group_crop(group, 48)
    for member in group.members:
        shot = render(
            member.identity, member.attributes, size=48, supersample=2, crop=crop, hair_strands=300, truth="basic"
        )
        marks = apply_matrix(crop, frame_points(member.identity, member.attributes, 48))
        np.testing.assert_allclose(marks, shot.landmarks, atol=1e-3)
    with pytest.raises(InputError, match="plain world"):
        replace(options, richness="rich")
