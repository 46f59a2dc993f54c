from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.quality.generator.pictures import GeneratorSet
from bench.quality.generator.sweep import EVALUATIONS, SOLVERS
from bench.quality.generator.under_test import GeneratorUnderTest
from facesdk.generator import FaceGenerator
from facesdk.pack import Pack
from facesdk.sampling.noise import normal_noise
from tests.facesdk.tiny_generator import LATENT, SIDE, exact, family_with_prior, write_generator_pack


@pytest.fixture(scope="module")
def generator(generator_pack: Pack) -> GeneratorUnderTest:
    return GeneratorUnderTest(generator_pack, "onnxruntime", seed=3, batch=4)


def test_pictures_through_the_code(generator: GeneratorUnderTest, tiny_pictures: GeneratorSet) -> None:
    mean, log_variance = generator.posterior(tiny_pictures.rgb)
    assert mean.shape == log_variance.shape == (8, LATENT) and (log_variance == 0).all()
    # The fake code is the mean of each quarter of the picture.
    half = SIDE // 2
    cells = tiny_pictures.rgb.reshape(8, 2, half, 2, half, 3).mean((2, 4)).transpose(0, 3, 1, 2)
    assert np.allclose(mean, cells.reshape(8, -1) / 127.5 - 1, atol=1e-4)
    made = generator.reconstruct(tiny_pictures.rgb)
    assert np.abs(made[:, ::half, ::half].transpose(0, 3, 1, 2) - cells).max() <= 0.51


@pytest.mark.parametrize("wish", [{}, {"smile": 1.0}])
def test_samples_are_those_of_the_runtime(tmp_path: Path, wish: dict[str, float]) -> None:
    pack = write_generator_pack(tmp_path / "people", entry=family_with_prior())
    with FaceGenerator(pack, "onnxruntime") as runtime:
        faces = runtime.sample(6, seed=3, attributes=wish, first=2)
    tested = GeneratorUnderTest(pack, "onnxruntime", seed=3, batch=4)
    found = np.concatenate(list(tested.samples(6, wish, first=2)))
    assert np.array_equal(found, np.stack([face.image for face in faces]))


def test_the_same_noise_for_every_setting(generator: GeneratorUnderTest) -> None:
    noise = np.stack([normal_noise(3, row, LATENT) for row in range(5)])
    wanted = generator.decode(exact(noise, np.zeros(LATENT)))
    # Euler's method is exact here, with any number of steps; the others are at 32.
    for solver, steps in (("euler", 1), ("euler", 8), ("midpoint", 32), ("heun", 32)):
        found = np.concatenate(list(generator.samples(5, None, steps, solver)))
        assert found.shape == (5, SIDE, SIDE, 3) and np.abs(found.astype(int) - wanted).max() <= 1


def test_runs_of_the_network_are_counted_as_they_are(
    generator: GeneratorUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    velocity = generator.pipeline._velocity
    monkeypatch.setattr(generator.pipeline, "_velocity", lambda *a: runs.append(1) or velocity(*a))
    for solver in SOLVERS:
        runs.clear()
        list(generator.samples(3, None, 8, solver))
        assert len(runs) == 8 * EVALUATIONS[solver]
