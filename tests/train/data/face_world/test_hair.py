"""Hair on the head: every style, what it depends on, and how it hangs."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.errors import InputError
from tests.train.data.face_world.people import grown, person, with_hair
from train.data.face_world.canon import canonical_positions
from train.data.face_world.hair import TEST_ONLY_STYLES, TRAIN_STYLES, grow_hair
from train.data.face_world.hair_styles import STYLES
from train.data.face_world.head import get_head
from train.data.face_world.scalp import above_hairline, skull_map
from train.data.face_world.types import Part


def test_test_only_styles_are_never_trained_on() -> None:
    assert len(TEST_ONLY_STYLES) >= 2 and not set(TRAIN_STYLES) & set(TEST_ONLY_STYLES)
    assert set(TRAIN_STYLES) | set(TEST_ONLY_STYLES) == set(STYLES)


@pytest.mark.parametrize("style", [s for s in (*TRAIN_STYLES, *TEST_ONLY_STYLES) if s != "bald"])
def test_every_style_grows_sound_strands_on_the_scalp(style: str) -> None:
    one = with_hair(person(), style=style)
    strands = grown(one)
    count, steps = strands.points.shape[:2]
    for values, shape in (
        (strands.points, (count, steps, 3)),
        (strands.color, (count, steps, 3)),
        (strands.width, (count, steps)),
        (strands.alive, (count, steps)),
        (strands.occlusion, (count, steps)),
    ):
        assert values.shape == shape and values.dtype == np.float32 and np.isfinite(values).all()
    assert strands.part == Part.HAIR and (np.diff(strands.alive, axis=1) <= 0).all()
    head = get_head("own")
    canonical = canonical_positions(head, strands.points[:, 0])  # the shape is the mean, so its own frame is the head's
    on_scalp = canonical[strands.points[:, 0, 1] < 1.6] if style == "top bun" else canonical
    face = (on_scalp[:, 1] < 0.7) & (on_scalp[:, 2] > -0.3)
    assert not face.any()
    assert np.quantile(above_hairline(one.hair, on_scalp), 0.01) > -0.1


@pytest.mark.parametrize("style", ["fringe", "bob", "long", "curtain"])
def test_no_live_hair_hangs_before_the_eyes(style: str) -> None:
    for seed in range(3):
        strands = grown(with_hair(person(), style=style, seed=seed, length=1.0))
        p = strands.points[strands.alive > 0]
        before = (p[:, 2] > -0.3) & (np.abs(p[:, 0]) < 0.8) & (np.abs(p[:, 1]) < 0.15)
        assert before.mean() < 1e-3


def test_hair_depends_on_hair_and_geometry_only() -> None:
    one = person()
    other = person(seed=99, tone=0.9, age=0.9, masculinity=2.0, brow_color="black", beard="full beard")
    vertices = get_head("own").neutral(one)
    first, second = grown(one, vertices=vertices), grown(other, vertices=vertices)
    for name in ("points", "color", "width", "alive", "occlusion"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert not np.array_equal(first.points, grown(with_hair(one, seed=8)).points)


def test_bald_grows_nothing_and_an_unknown_style_is_an_input_error() -> None:
    head = get_head("own")
    vertices = head.neutral(person())
    assert grow_hair(with_hair(person(), style="bald"), head, vertices, vertices) is None
    with pytest.raises(InputError, match="mullet"):
        grow_hair(with_hair(person(), style="mullet"), head, vertices, vertices)


def test_fewer_strands_are_wider_in_proportion() -> None:
    many, few = grown(person(), 1600), grown(person(), 400)
    assert few.width.mean() == pytest.approx(2 * many.width.mean(), rel=1e-3)


def test_long_hair_hangs_lower_than_short_hair_and_fading_shortens_the_sides() -> None:
    lowest = {
        style: np.quantile(grown(with_hair(person(), style=style)).points[..., 1], 0.02) for style in ("crew", "long")
    }
    assert lowest["long"] < -2.0 < -1.4 < lowest["crew"]
    sides = []
    for fade in (0.0, 1.0):
        p = grown(with_hair(person(), style="crew", fade=fade)).points
        side = p[:, 0, 1] < 0.3
        sides.append(np.linalg.norm(p[side, -1] - p[side, 0], axis=-1).mean())
    assert sides[1] < 0.5 * sides[0]


def test_grey_hair_is_grey() -> None:
    plain, grey = (grown(with_hair(person(), color="red", grey=g)).color.reshape(-1, 3) for g in (0.0, 1.0))
    spread = [np.ptp(c, axis=1).mean() / c.mean() for c in (plain, grey)]
    assert spread[1] < 0.5 * spread[0] and grey.mean() > 1.5 * plain.mean()


def test_strands_stay_outside_the_skull() -> None:
    head = get_head("own")
    vertices = head.neutral(person())
    strands = grown(with_hair(person(), style="swept back"))
    top = vertices[(vertices[:, 1] > 0.5)]
    skull = skull_map(vertices, head.mesh.vertices, np.nonzero(head.mesh.vertices[:, 1] > -1.0)[0])
    direction = strands.points - skull.centre
    over = direction[..., 1] > 0.5
    radius = np.linalg.norm(direction[over], axis=-1)
    assert radius.min() > 0.9 * np.linalg.norm(top - skull.centre, axis=1).min()
