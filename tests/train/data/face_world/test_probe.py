"""Light probes made in code."""

from __future__ import annotations

import numpy as np
import pytest

from train.data.face_world.light import sky_radiance
from train.data.face_world.probe import SHARP, light_probe, octahedral_directions, radiances
from train.data.face_world.rich_types import PLACES, Surroundings
from train.data.face_world.types import Light
from train.data.face_world.visibility import fibonacci_directions

LIGHT = Light(key_direction=(0.6, 0.5, 0.6), sky=(0.5, 0.6, 0.7), ground=(0.3, 0.25, 0.2), fill=0.8)


def test_a_map_holds_each_direction_where_it_is_looked_up() -> None:
    way = octahedral_directions(32)
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), 1, atol=1e-6)
    found = radiances(way, way.reshape(-1, 3)).reshape(way.shape)
    np.testing.assert_allclose(found, way, atol=1e-3)
    assert (way[..., 1] > 0).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_as_bright_as_its_light_says(place: str) -> None:
    probe = light_probe(Surroundings(place, 4), LIGHT)  # type: ignore[arg-type]
    ways = fibonacci_directions(6000)
    for found in (radiances(probe.sharp, ways), sky_radiance(ways, LIGHT, probe)):
        assert found.dtype == np.float32 and found.min() > 0 and np.isfinite(found).all()
    values = radiances(probe.sharp, ways)
    for half, color in ((ways[:, 1] > 0, LIGHT.sky), (ways[:, 1] <= 0, LIGHT.ground)):
        wanted = np.array(color) * LIGHT.fill
        mean = values[half].mean(0)
        assert mean.mean() == pytest.approx(wanted.mean(), rel=0.12)
    soft = radiances(probe.soft, ways)
    assert soft.std() < 0.95 * values.std() and soft.mean() == pytest.approx(values.mean(), rel=0.1)


@pytest.mark.parametrize("place", ["room", "studio", "sun"])
def test_the_key_light_stands_in_the_place(place: str) -> None:
    key = np.array([LIGHT.key_direction]) / np.linalg.norm(LIGHT.key_direction)
    towards, away = [], []
    for seed in range(8):
        probe = light_probe(Surroundings(place, seed), LIGHT)  # type: ignore[arg-type]
        towards.append(radiances(probe.soft, key.astype(np.float32)).mean())
        away.append(radiances(probe.soft, (key * [-1, 1, -1]).astype(np.float32)).mean())
    assert np.mean(towards) > 1.4 * np.mean(away)


def test_places_differ_by_seed_and_not_by_call() -> None:
    for place in PLACES:
        one, other = (light_probe(Surroundings(place, seed), LIGHT).sharp for seed in (1, 2))
        assert np.abs(one - other).mean() > 0.01
        light_probe.cache_clear()
        np.testing.assert_array_equal(light_probe(Surroundings(place, 1), LIGHT).sharp, one)
    assert light_probe(Surroundings("room", 1), LIGHT).sharp.shape == (SHARP, SHARP, 3)
