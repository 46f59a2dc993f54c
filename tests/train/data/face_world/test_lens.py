"""What a camera does to picture and truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.data.face_world.lens import blur_background, distort, distort_points, expose, fringe, source_points
from train.data.face_world.render import render
from train.data.face_world.resolve import resolve_color
from train.data.face_world.rich_sample import enrich_attributes, enrich_identity
from train.data.face_world.rich_types import Lens
from train.data.face_world.sample import sample_identity
from train.data.face_world.types import Attributes, Part, Picture

CLEAR = Lens(blur=0.0, vignette=0.0, aberration=0.0, distortion=0.0, grain=0.0, seed=3)


@pytest.mark.parametrize("distortion", [-0.07, -0.01, 0.03, 0.07])
def test_distorted_points_come_from_where_they_were(distortion: float) -> None:
    points = np.random.default_rng(1).uniform(4, 96, (50, 2)).astype(np.float32)
    bent = distort_points(points, distortion, 100)
    np.testing.assert_allclose(source_points(bent, distortion, 100), points, atol=1e-3)
    assert np.abs(bent - points).max() > 0.1
    np.testing.assert_allclose(distort_points(np.full((1, 2), 50.0), distortion, 100), [[50, 50]])


@pytest.mark.parametrize("distortion", [-0.07, 0.07])
def test_no_light_is_taken_from_outside_the_picture(distortion: float) -> None:
    edge = np.linspace(0, 100, 51)
    border = np.concatenate([np.stack([edge, 0 * edge], -1), np.stack([0 * edge, edge], -1)])
    source = source_points(border, distortion, 100)
    assert source.min() >= -1e-9 and source.max() <= 100 + 1e-9


@pytest.mark.parametrize("distortion", [-0.06, 0.06])
def test_a_dot_moves_in_the_picture_as_its_point_does(distortion: float) -> None:
    y, x = np.mgrid[:128, :128] + 0.5
    for point in ((30.0, 44.0), (100.0, 90.0)):
        dot = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / 18).astype(np.float32)
        bent = distort(dot, distortion)
        found = np.array([(bent * x).sum(), (bent * y).sum()]) / bent.sum()
        np.testing.assert_allclose(found, distort_points(np.array(point), distortion, 128), atol=0.12)


def test_labels_are_not_mixed() -> None:
    labels = np.random.default_rng(0).choice([0, 7, 16], (64, 64)).astype(np.uint8)
    assert set(np.unique(distort(labels, 0.05, nearest=True))) <= {0, 7, 16}


def test_blur_keeps_the_light_and_spreads_it_over_a_disc() -> None:
    flat = np.full((64, 64, 3), 0.02, np.float32)
    np.testing.assert_allclose(blur_background(flat, replace(CLEAR, blur=0.05)), flat, rtol=2e-3)
    assert blur_background(flat, CLEAR) is flat
    point = np.zeros((65, 65, 3), np.float32)
    point[32, 32] = 1.0
    spread = blur_background(point, replace(CLEAR, blur=6 / 65))[..., 0]
    rows, columns = np.nonzero(spread > 1e-5)
    reach = np.hypot(rows - 32, columns - 32)
    assert 5.5 < reach.max() <= 7 and spread[32, 32] == pytest.approx(spread[32, 36], rel=1e-3)


def test_red_is_larger_than_blue_and_alpha_tells_how_far_the_person_reaches() -> None:
    linear, alpha = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32)
    linear[10:14, 10:14], alpha[10:14, 10:14] = 1.0, 1.0
    shown, wide = fringe(linear, alpha, replace(CLEAR, aberration=0.02))
    axis = np.arange(64) + 0.5
    centres = [(shown[..., k].sum(0) * axis).sum() / shown[..., k].sum() for k in range(3)]
    assert centres[0] < centres[1] - 0.2 < centres[2] - 0.5  # in the upper left, larger is further up and left
    assert (wide[(shown > 0).any(-1)] > 0).all() and (wide >= alpha).all()
    assert fringe(linear, alpha, CLEAR)[0] is linear


def test_a_clear_lens_shows_what_the_plain_world_shows() -> None:
    background = np.random.default_rng(4).uniform(0, 1.3, (32, 32, 3)).astype(np.float32)
    rgb, alpha = np.empty((32, 32, 3), np.uint8), np.empty((32, 32), np.float32)
    nothing = np.zeros((32, 32), np.float32)
    resolve_color(np.zeros((32, 32, 3), np.float32), nothing, background, 1.0, 1.1, 1, rgb, alpha)
    assert np.abs(expose(background, 1.1, CLEAR).astype(int) - rgb).max() <= 1


def test_noise_grows_with_the_root_of_the_light_and_belongs_to_the_seed() -> None:
    spread = []
    for level in (0.04, 0.16):
        values = expose(np.full((128, 128, 3), level, np.float32), 1.0, replace(CLEAR, grain=0.02)) / 255.0
        linear = ((values + 0.055) / 1.055) ** 2.4
        spread.append((linear / (1.1025 - 0.25 * linear)).std())  # back through the shoulder
    assert spread[1] / spread[0] == pytest.approx((0.12 + 0.4) / (0.12 + 0.2), rel=0.08)
    grey = np.full((32, 32, 3), 0.2, np.float32)
    grainy = replace(CLEAR, grain=0.02)
    np.testing.assert_array_equal(expose(grey, 1.0, grainy), expose(grey, 1.0, grainy))
    assert (expose(grey, 1.0, grainy) != expose(grey, 1.0, replace(grainy, seed=4))).mean() > 0.5


def test_corners_lose_the_stated_share() -> None:
    level = np.full((64, 64, 3), 0.3, np.float32)
    dark = expose(level, 1.0, replace(CLEAR, vignette=0.4))
    corner = expose(np.float32(0.6) * level, 1.0, CLEAR)[0, 0]
    assert np.abs(dark[0, 0].astype(int) - corner).max() <= 3 and dark[32, 32, 0] > dark[0, 0, 0] + 20


@pytest.fixture(scope="module")
def pictures() -> dict[float, Picture]:
    """One person through lenses of different distortion."""
    person = enrich_identity(sample_identity(4, "own"))
    setting = enrich_attributes(Attributes(background="studio"), np.random.default_rng(2))
    assert setting.extras is not None
    out = {}
    for distortion in (0.0, 0.07, -0.07):
        bent = replace(setting, hat="none", extras=replace(setting.extras, lens=replace(CLEAR, distortion=distortion)))
        out[distortion] = render(person, bent, size=96, hair_strands=400)
    return out


@pytest.mark.parametrize("distortion", [0.07, -0.07])
def test_picture_parts_depth_and_landmarks_bend_together(pictures: dict[float, Picture], distortion: float) -> None:
    straight, bent = pictures[0.0], pictures[distortion]
    np.testing.assert_allclose(bent.landmarks, distort_points(straight.landmarks, distortion, 96), atol=1e-4)
    assert np.abs(bent.landmarks - straight.landmarks).max() > 0.2
    expected = distort(straight.parts, distortion, nearest=True)
    inner = expected[8:-8, 8:-8]
    assert (bent.parts[8:-8, 8:-8] == inner).mean() > 0.94
    for part in (Part.UPPER_LIP, Part.BROW, Part.IRIS):
        rows, columns = np.nonzero(bent.parts == part)
        own = {Part.UPPER_LIP: slice(48, 55), Part.BROW: slice(17, 27), Part.IRIS: slice(36, 48)}[part]
        middle = bent.landmarks[own].mean(0)
        assert abs(columns.mean() - middle[0]) < 2.5 and abs(rows.mean() - middle[1]) < 3.5
    assert (bent.parts[bent.alpha == 0] == Part.BACKGROUND).all() and (bent.depth[bent.alpha == 0] == 0).all()
    np.testing.assert_array_equal(bent.visible, straight.visible)
