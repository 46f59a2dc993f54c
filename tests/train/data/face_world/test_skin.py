"""What is painted onto the skin, and that it stays where it belongs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import InputError
from tests.train.data.face_world.people import ATLAS_HW, person, with_hair
from train.data.face_world.atlas import build_atlas
from train.data.face_world.head import get_head
from train.data.face_world.scalp import above_hairline
from train.data.face_world.skin import compose_skin
from train.data.face_world.types import HeadModel


def test_skin_is_deterministic_and_in_range(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    one = person(head.name, freckles=1.0, moles=4, age=0.8, beard="full beard", lipstick=0.5, eye_shadow=0.5)
    skin = compose_skin(one, atlas)
    assert skin.shape == (*ATLAS_HW, 6) and skin.dtype == np.float32
    np.testing.assert_array_equal(skin, compose_skin(one, atlas))
    assert skin[..., :3].min() >= 0 and skin[..., :3].max() <= 1
    assert skin[..., 3].min() > 0.2 and skin[..., 4].min() > 0.2 and skin[..., 4].max() < 0.6
    assert not np.array_equal(skin, compose_skin(replace(one, seed=8), atlas))


def test_skin_is_darker_for_every_darker_tone(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    means = [compose_skin(person(head.name, tone=t), atlas)[..., :3].mean() for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(means) < 0).all()


@pytest.mark.parametrize(
    ("change", "region", "elsewhere"),
    [
        ({"freckles": 1.0}, "cheek", "lips"),
        ({"lipstick": 1.0}, "lips", "forehead"),
        ({"eye_shadow": 0.8}, "lid", "nose"),
        ({"beard": "goatee"}, "goatee", "forehead"),
        ({"beard": "full beard"}, "beard", "forehead"),
        ({"beard": "mustache"}, "moustache", "cheek"),
    ],
)
def test_what_is_painted_stays_in_its_region(change: dict[str, object], region: str, elsewhere: str) -> None:
    atlas = build_atlas(get_head("own"), ATLAS_HW)
    plain, painted = compose_skin(person(), atlas), compose_skin(person(**change), atlas)
    difference = np.abs(painted - plain)[..., :3].mean(-1)
    core = (atlas.masks[region] > 0.8) & atlas.covered
    other = (atlas.masks[elsewhere] > 0.8) & (atlas.masks["moustache"] + atlas.masks["beard"] < 0.01)
    assert difference[core].mean() > 0.01
    assert difference[core].mean() > 8 * difference[other & atlas.covered].mean()


def test_age_folds_the_skin_and_youth_does_not() -> None:
    atlas = build_atlas(get_head("own"), ATLAS_HW)
    fold = (atlas.wrinkles[0] < -0.008) & atlas.covered
    assert fold.sum() > 20
    young, old = (compose_skin(person(age=a), atlas)[..., 5][fold].mean() for a in (0.1, 0.9))
    assert old < young - 0.004


def test_redness_reddens_the_cheeks() -> None:
    atlas = build_atlas(get_head("own"), ATLAS_HW)
    cheek = atlas.masks["cheek"] > 0.7
    pale, red = (compose_skin(person(redness=r), atlas)[cheek][:, :3].mean(0) for r in (0.0, 1.0))
    assert red[0] / red[1] > 1.1 * pale[0] / pale[1]


def test_scalp_takes_the_hairs_colour_and_the_face_does_not(head: HeadModel) -> None:
    atlas = build_atlas(head, ATLAS_HW)
    one = person(head.name)
    black, blond = (compose_skin(with_hair(one, color=c), atlas) for c in ("black", "blond"))
    above = above_hairline(one.hair, atlas.canonical)
    shown = atlas.covered & (atlas.masks["inside"] == 0) & (atlas.masks["ear"] == 0)
    difference = np.abs(blond - black)[..., :3].mean(-1)
    assert difference[shown & (above > 0.3)].min() > 0.02
    assert difference[shown & (above < -0.25)].max() == 0
    # the forehead and the lips are under the hairline, the crown is above it
    assert above[(atlas.masks["lips"] > 0.5) & atlas.covered].max() < -0.5
    assert above[atlas.canonical[..., 1] > 1.6].min() > 0.2


def test_unknown_beard_is_an_input_error() -> None:
    with pytest.raises(InputError, match="goatee"):
        compose_skin(person(beard="handlebar"), build_atlas(get_head("own"), ATLAS_HW))
