from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.quality.shape_reader import (
    COMPONENTS,
    fit_shape_reader,
    load_shape_reader,
    neutral_shapes,
    save_shape_reader,
    shape_correlation,
    weights_digest,
)
from facesdk.errors import InputError
from train.data.face_world.head import get_head
from train.data.face_world.sample import SPLITS, sample_identity
from train.data.face_world.vectors import identity_vector

OWN = np.zeros(400, np.int64)


def _world(noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings that hold the shape linearly: 100 people, four pictures each."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(100), 4)
    hidden = rng.normal(size=(100, 5)) * (3, 2, 1, 0.5, 0.2)
    shapes = hidden @ rng.normal(size=(5, 204)) * 0.1
    embeddings = np.concatenate([hidden, np.full((100, 1), 20.0)], 1) @ rng.normal(size=(6, 32))
    return embeddings[people] + noise * rng.normal(size=(400, 32)), people, shapes[people].astype(np.float32)


def test_a_linear_world_is_read_and_noise_costs() -> None:
    embeddings, people, shapes = _world(0.0)
    reader = fit_shape_reader(embeddings, people, shapes, "j")
    read = reader.read(embeddings, OWN)
    assert read.shape == (400, COMPONENTS)
    assert shape_correlation(read, reader.project(shapes, OWN), OWN) > 0.95 and reader.held_out > 0.95
    noisy, people, shapes = _world(30.0)
    assert fit_shape_reader(noisy, people, shapes, "j").held_out < reader.held_out - 0.2


def test_correlation_is_one_for_the_truth_and_ignores_the_head_model() -> None:
    rng = np.random.default_rng(1)
    true, heads = rng.normal(size=(60, 3)) * (3, 1, 0.1), np.repeat([0, 1], 30)
    assert shape_correlation(2 * true + 5, true, heads) == pytest.approx(1)
    assert shape_correlation(-true, true, heads) == pytest.approx(-1)
    # To know the head model only is to know nothing.
    assert shape_correlation(np.tile(heads[:, None] * 9.0, 3), true + heads[:, None] * 9, heads) == 0
    # The large component weighs most.
    mixed = np.concatenate([true[:, :1], rng.normal(size=(60, 2))], 1)
    assert shape_correlation(mixed, true, heads) > 0.8


def test_true_shapes_are_those_of_the_identity_vector() -> None:
    seed = SPLITS["test"][3]
    person, head = sample_identity(seed, "own"), get_head("own")
    vector = identity_vector(person, np.asarray(head.neutral(person), np.float32)[head.mesh.landmarks])
    np.testing.assert_allclose(neutral_shapes(np.array([seed, seed]))[1], vector[:204], atol=1e-4)


def test_kept_beside_the_judge_and_refused_beside_another(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert load_shape_reader(tmp_path) is None
    embeddings, people, shapes = _world(1.0)
    reader = fit_shape_reader(embeddings, people, shapes, weights_digest(tmp_path))
    save_shape_reader(tmp_path, reader)
    again = load_shape_reader(tmp_path)
    assert again is not None and again.held_out == reader.held_out
    np.testing.assert_array_equal(again.read(embeddings, OWN), reader.read(embeddings, OWN))
    with pytest.raises(InputError, match="not fitted to the head models"):
        again.read(embeddings, OWN + 1)
    (tmp_path / "model.safetensors").write_bytes(b"others")
    with pytest.raises(InputError, match="another judge"):
        load_shape_reader(tmp_path)


def test_too_few_people() -> None:
    with pytest.raises(InputError, match="too few"):
        fit_shape_reader(np.ones((4, 8)), np.arange(4), np.ones((4, 204), np.float32), "j")
