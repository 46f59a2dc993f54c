"""People are points on a circle, 30 to the turn, so that every rank can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.scores import (
    CAP_DB,
    DETAIL_SIGMA_PX,
    Scorer,
    changed_region,
    fine_detail,
    hull_region,
    tone_matched,
)
from bench.quality.test_set import Arrays
from tests.facesdk.fake_pack import face_landmarks

PEOPLE, SIZE = 30, 48
MARKS = (face_landmarks() * 32 + 8).astype(np.float32)
EYES_PX = 0.26 * 32


def _picture(place: float, level: int) -> NDArray[np.uint8]:
    """A picture of whoever stands at this place of the circle; the place is written into the first pixel."""
    image = np.full((SIZE, SIZE, 3), level, np.uint8)
    image[0, 0] = (int(place), round(place % 1 * 100), 0)
    return image


def _embed(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    place = pictures[:, 0, 0, 0] + pictures[:, 0, 0, 1] / 100
    angle = 2 * np.pi * place / PEOPLE
    return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)


def _locate(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Points move right by a hundredth of a pixel for each level of the last pixel."""
    moved = landmarks.astype(np.float32).copy()
    moved[..., 0] += pictures[:, -1, -1, :1] / 100
    return moved


def _set() -> tuple[Arrays, Arrays]:
    source, target = np.array([0, 7, 12, 20]), np.array([10, 20, 25, 5])
    marks = np.tile(MARKS, (4, 1, 1))
    triplets = {
        "identity": source, "target_identity": target, "exact_landmarks": marks,
        "target": np.stack([_picture(p, 100) for p in target]), "exact": np.stack([_picture(p, 150) for p in source]),
    }  # fmt: skip
    # Far on the circle, alike in tone: who stands within five places is never among the 20.
    place = np.arange(PEOPLE)
    gallery = {
        "identity": place, "rgb": np.stack([_picture(p, 150) for p in place]),
        "landmarks": np.tile(MARKS, (PEOPLE, 1, 1)), "tone": np.zeros(PEOPLE, np.float32),
    }  # fmt: skip
    return triplets, gallery


@pytest.fixture
def scorer() -> Scorer:
    return Scorer(*_set(), _embed, _locate)


def test_the_exact_swap_is_the_upper_bound(scorer: Scorer) -> None:
    scores = scorer.score(_set()[0]["exact"])
    assert (scores.psnr_changed, scores.psnr_hull, scores.landmark_error) == (CAP_DB, CAP_DB, 0)
    assert (scores.top1, scores.top5, scores.target_top5) == (1, 1, 0)


def test_the_unchanged_target_is_the_target(scorer: Scorer) -> None:
    triplets = _set()[0]
    scores = scorer.score(triplets["target"])
    assert (scores.top1, scores.top5, scores.target_top5) == (0, 0, 1)
    # 50 levels everywhere inside the face: 20 log10(255 / 50).
    assert scores.psnr_hull == pytest.approx(20 * np.log10(255 / 50), abs=1e-6)
    assert np.array_equal(scorer.psnr_changed(triplets["target"]), scorer.psnr_changed(triplets["target"].copy()))


def test_psnr_of_a_known_error(scorer: Scorer) -> None:
    results = _set()[0]["exact"].copy()
    results[:, 1:, 1:] += 5
    assert scorer.score(results).psnr_hull == pytest.approx(20 * np.log10(255 / 5), abs=1e-6)


@pytest.mark.parametrize(("offset", "top5"), [(0.25, True), (2.25, True), (2.75, False)])
def test_ranks_on_the_circle(scorer: Scorer, offset: float, top5: bool) -> None:
    # From 2.25 places off, four people are nearer than the right one; from 2.75 places, five.
    triplets = _set()[0]
    results = np.stack([_picture(p + offset, 150) for p in triplets["identity"]])
    scores = scorer.score(results)
    assert (scores.top1, scores.top5) == (float(offset < 0.5), float(top5))


def test_the_tone_matched_gallery_leaves_others_out() -> None:
    triplets, gallery = _set()
    for row in range(len(triplets["identity"])):
        one = {name: values[row : row + 1] for name, values in triplets.items()}
        own = int(one["identity"][0])
        away = np.abs((gallery["identity"] - own + 15) % 30 - 15)
        # The ten people next to the right one have another tone, so that 20 remain, all of them far away.
        toned = {**gallery, "tone": np.where((away > 0) & (away <= 5), 0.9, 0.4).astype(np.float32)}
        rows = tone_matched(toned, own)
        assert rows[0] == own and len(rows) == 20 and not (away[rows][1:] <= 5).any()
        scores = Scorer(one, toned, _embed, _locate).score(np.stack([_picture(own + 2.75, 150)]))
        assert (scores.top5, scores.top5_tone) == (0, 1)


def test_landmark_error_is_a_share_of_the_eyes_distance(scorer: Scorer) -> None:
    results = _set()[0]["exact"].copy()
    results[:, -1, -1, 0] = 150 + 83
    assert scorer.score(results).landmark_error == pytest.approx(0.83 / EYES_PX, rel=1e-3)


def test_changed_region_grows_by_two_pixels() -> None:
    target = np.full((20, 20, 3), 50, np.uint8)
    exact = target.copy()
    exact[9, 9, 1] += 8
    assert not changed_region(target, exact).any()
    exact[9, 9, 1] += 1
    region = changed_region(target, exact)
    assert region.sum() == 25 and region[7:12, 7:12].all()
    # Unsigned bytes must not wrap around.
    assert not changed_region(exact, exact).any() and changed_region(exact, target).sum() == 25


def test_fine_detail_of_a_grating() -> None:
    # A Gaussian leaves exp(-2 pi^2 sigma^2 / period^2) of a sine, whose mean height is 2 / pi of its peak.
    period, peak = 8, 80
    row = 128 + peak * np.sin(2 * np.pi * np.arange(96) / period)
    picture = np.repeat(np.rint(np.tile(row, (96, 1)))[..., None], 3, -1).astype(np.uint8)
    middle = np.zeros((96, 96), bool)
    middle[16:80, 16:80] = True
    lost = 1 - np.exp(-2 * np.pi**2 * DETAIL_SIGMA_PX**2 / period**2)
    height = np.abs(np.sin(2 * np.pi * np.arange(period) / period)).mean()
    assert fine_detail(picture, middle) == pytest.approx(peak * height * lost, rel=0.02)
    assert fine_detail(np.full_like(picture, 90), middle) == pytest.approx(0, abs=1e-3)


def test_hull_region_is_the_pixels_that_points_lie_in() -> None:
    ring = np.array([[10.2, 10.9], [20.9, 10.1], [20.5, 20.5], [10.0, 20.99]])
    region = hull_region(np.tile(ring, (17, 1)), 32)
    assert region.sum() == 121 and region[10:21, 10:21].all()
