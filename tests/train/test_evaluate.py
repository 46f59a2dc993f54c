"""Figures of merit against hand-made answers."""

from __future__ import annotations

import numpy as np

from train import evaluate as e


def test_psnr_of_a_known_error() -> None:
    truth = np.zeros((4, 4, 3))
    assert e.psnr(truth + 255, truth) == 0.0
    np.testing.assert_allclose(e.psnr(truth + 25.5, truth), 20.0, atol=1e-9)
    assert e.psnr(truth, truth) == float("inf")
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    result = truth.copy()
    result[1:] = 255
    assert e.psnr(result, truth, mask) == float("inf")
    assert np.isnan(e.psnr(truth, truth, np.zeros((4, 4), bool)))


def test_auc_by_counting_pairs() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, 60).astype(float)
    positive = rng.random(60) < 0.4
    wins = [(p > n) + 0.5 * (p == n) for p in scores[positive] for n in scores[~positive]]
    np.testing.assert_allclose(e.roc_auc(scores, positive), np.mean(wins))


def test_verification_leaves_pairs_of_a_group_out() -> None:
    embeddings = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    labels = np.array([0, 0, 1, 1])
    assert e.verification_auc(embeddings, labels) == 1.0
    assert np.isnan(e.verification_auc(embeddings, labels, groups=labels))


def test_gallery_rank() -> None:
    gallery = np.eye(3)
    queries = np.array([[0.9, 0.1, 0], [0.2, 0.3, 0.9]])
    np.testing.assert_array_equal(e.gallery_rank(queries, gallery, np.arange(3), np.array([0, 0])), [0, 2])


def test_landmark_error_is_relative_to_the_eyes() -> None:
    truth = np.random.default_rng(0).random((2, 68, 2))
    truth[:, 36:42], truth[:, 42:48] = [0, 0], [10, 0]
    np.testing.assert_allclose(e.normalised_error(truth + [0.3, 0.4], truth), 0.05)


def test_box_iou_and_recall() -> None:
    truth = np.array([[0, 0, 40, 40], [100, 100, 120, 120.0]])
    np.testing.assert_allclose(e.box_iou(truth[:1], np.array([[20, 0, 60, 40.0]])), [[1 / 3]])
    found = np.array([[2, 2, 42, 42.0]])
    assert e.recall([found], [truth]) == 1.0  # the small face is not asked for
    assert e.recall([found], [truth], smallest=10) == 0.5
    assert e.recall([found], [np.concatenate([truth[:1], truth[:1]])]) == 0.5  # a box serves once
    assert e.recall([found], [truth], smallest=10, counted=[np.array([False, True])]) == 0


def test_mean_iou() -> None:
    truth = np.array([0, 0, 1, 1])
    assert e.mean_iou(np.array([0, 1, 1, 1]), truth, 3)[:2] == [0.5, 2 / 3]
