"""Light probes made in code: what a place looks like from its middle, in all directions.

A probe is an octahedral map: a square whose middle looks up and whose corners look down, so that looking up a direction
takes no trigonometry. Source: T. Engelhardt, C. Dachsbacher, "Octahedron environment maps", VMV 2008.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from train.data.face_world.rich_types import Surroundings
from train.data.face_world.types import F32, Light

SHARP, SOFT = 64, 16  # sides of the two maps
_LONG, _TALL = 128, 64  # of the panorama that a place is painted in
_SOFT_TURN = 4.0  # blur of the soft map, rows of the panorama
_OWN_TINT = 0.55  # share of a place's own colour; the rest is of the light's sky and ground
_BRIGHTEST = 14.0  # of any light against the mean
_Draw = np.random.Generator


class Probe(NamedTuple):
    """Radiance from all sides, linear RGB.

    Attributes:
        sharp: (SHARP, SHARP, 3) float32, mirrored by eyes and metal.
        soft: (SOFT, SOFT, 3) float32, mirrored by skin and summed over for its light.
    """

    sharp: F32
    soft: F32


@lru_cache(maxsize=64)
def light_probe(surroundings: Surroundings, light: Light) -> Probe:
    """The probe of a place in which a picture's light stands.

    Args:
        surroundings: place and seed.
        light: its key light lies in a window, the sun or a lamp of the place; the means of the upper and the lower half
            stay those of its sky and ground.
    """
    rng = np.random.default_rng([surroundings.seed, zlib.crc32(surroundings.place.encode())])
    azimuth, elevation = _angles()
    x, y, z = (np.array(light.key_direction) / np.linalg.norm(light.key_direction)).tolist()
    painter = _Panorama(azimuth, elevation, float(np.arctan2(x, z)), float(np.arcsin(np.clip(y, -1, 1))))
    picture = np.maximum(_PLACES[surroundings.place](rng, painter), 0.01)
    weight = np.cos(elevation)
    for half, color in ((elevation > 0, light.sky), (elevation <= 0, light.ground)):
        wanted = np.array(color) * light.fill
        share = (weight * half)[..., None]
        mean = (picture * share).sum((0, 1)) / share.sum()
        picture[half] = np.minimum(picture[half], _BRIGHTEST * mean)
        mean = (picture * share).sum((0, 1)) / share.sum()
        plain = wanted.mean() / mean.mean()
        gain = np.exp(_OWN_TINT * np.log(plain) + (1 - _OWN_TINT) * np.log(wanted / mean))
        brightness = wanted.mean() / (mean * gain).mean()
        picture[half] *= gain * brightness
    picture = picture.astype(np.float32)
    wrapped = np.concatenate([picture, picture, picture], 1)
    smooth = cv2.GaussianBlur(wrapped, (0, 0), _SOFT_TURN, borderType=cv2.BORDER_REFLECT_101)[:, _LONG : 2 * _LONG]
    return Probe(_octahedral(picture, SHARP), _octahedral(smooth, SOFT))


@njit(cache=True, nogil=True, fastmath=True)
def look_up(probe: F32, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Bilinear radiance from a direction.

    Args:
        probe: (S, S, 3) octahedral map.
        x: unit direction.
        y: unit direction, up.
        z: unit direction.
    """
    size = probe.shape[0]
    scale = 1.0 / (abs(x) + abs(y) + abs(z) + 1e-12)
    u, v = x * scale, z * scale
    if y < 0:
        u, v = (1.0 - abs(v)) * (1.0 if u >= 0 else -1.0), (1.0 - abs(u)) * (1.0 if v >= 0 else -1.0)
    fx = min(max((0.5 * u + 0.5) * size - 0.5, 0.0), size - 1.001)
    fy = min(max((0.5 * v + 0.5) * size - 0.5, 0.0), size - 1.001)
    ix, iy = int(fx), int(fy)
    tx, ty = fx - ix, fy - iy
    a, b, c, d = (1 - tx) * (1 - ty), tx * (1 - ty), (1 - tx) * ty, tx * ty
    return (
        a * probe[iy, ix, 0] + b * probe[iy, ix + 1, 0] + c * probe[iy + 1, ix, 0] + d * probe[iy + 1, ix + 1, 0],
        a * probe[iy, ix, 1] + b * probe[iy, ix + 1, 1] + c * probe[iy + 1, ix, 1] + d * probe[iy + 1, ix + 1, 1],
        a * probe[iy, ix, 2] + b * probe[iy, ix + 1, 2] + c * probe[iy + 1, ix, 2] + d * probe[iy + 1, ix + 1, 2],
    )


@njit(cache=True, nogil=True)
def radiances(probe: F32, directions: F32) -> F32:
    """Radiance from many directions.

    Args:
        probe: (S, S, 3) octahedral map.
        directions: (K, 3) unit vectors.

    Returns:
        (K, 3) float32.
    """
    out = np.empty((len(directions), 3), np.float32)
    for k in range(len(directions)):
        out[k, 0], out[k, 1], out[k, 2] = look_up(probe, directions[k, 0], directions[k, 1], directions[k, 2])
    return out


def octahedral_directions(size: int) -> F32:
    """Unit vectors of the texels of a map, (size, size, 3) float32."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    u, v = np.meshgrid(axis, axis)
    y = 1 - np.abs(u) - np.abs(v)
    x = np.where(y < 0, (1 - np.abs(v)) * np.sign(u), u)
    z = np.where(y < 0, (1 - np.abs(u)) * np.sign(v), v)
    out = np.stack([x, y, z], -1)
    return (out / np.linalg.norm(out, axis=-1, keepdims=True)).astype(np.float32)


def _octahedral(panorama: F32, size: int) -> F32:
    way = octahedral_directions(size)
    column = ((np.arctan2(way[..., 0], way[..., 2]) / (2 * np.pi) + 0.5) * _LONG - 0.5).astype(np.float32)
    row = ((0.5 - np.arcsin(np.clip(way[..., 1], -1, 1)) / np.pi) * _TALL - 0.5).astype(np.float32)
    return np.ascontiguousarray(cv2.remap(panorama, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def _angles() -> tuple[F32, F32]:
    """Azimuth (0 = towards the viewer, + to the picture's right) and elevation of the panorama's texels."""
    azimuth = ((np.arange(_LONG) + 0.5) / _LONG - 0.5) * 2 * np.pi
    elevation = (0.5 - (np.arange(_TALL) + 0.5) / _TALL) * np.pi
    grid = np.meshgrid(azimuth, elevation)
    return grid[0].astype(np.float32), grid[1].astype(np.float32)


class _Panorama(NamedTuple):
    azimuth: F32
    elevation: F32
    key_azimuth: float
    key_elevation: float

    def turned(self, azimuth: float) -> F32:
        """Angle to an azimuth, -pi..pi."""
        return (self.azimuth - azimuth + np.pi) % (2 * np.pi) - np.pi

    def spot(self, azimuth: float, elevation: float, radius: float) -> F32:
        """A round light with a soft rim, 1 in the middle."""
        cosine = np.sin(self.elevation) * np.sin(elevation)
        cosine = cosine + np.cos(self.elevation) * np.cos(elevation) * np.cos(self.turned(azimuth))
        return np.exp(-((np.arccos(np.clip(cosine, -1, 1)) / radius) ** 2))[..., None]

    def box(self, azimuth: float, elevation: float, width: float, height: float, panes: int = 1) -> F32:
        """A rectangle, with bars between its panes."""
        x, y = self.turned(azimuth) / width, (self.elevation - elevation) / height
        inside = (np.abs(x) < 0.5) & (np.abs(y) < 0.5)
        if panes > 1:
            inside &= (np.abs(((x + 0.5) * panes) % 1 - 0.5) < 0.42) & (np.abs(((y + 0.5) * 2) % 1 - 0.5) < 0.44)
        return inside.astype(np.float32)[..., None]

    def noise(self, rng: _Draw, cells: int) -> F32:
        field = rng.standard_normal((cells, 2 * cells)).astype(np.float32)
        field = np.concatenate([field, field[:, :2]], 1)  # it meets itself behind the head
        wide = cv2.resize(field, (_LONG + _LONG // cells, _TALL), interpolation=cv2.INTER_CUBIC)
        return wide[:, :_LONG, None]


def _warm(rng: _Draw) -> F32:
    """White of a lamp: 2,700 to 4,000 K."""
    return np.array([1.0, rng.uniform(0.68, 0.85), rng.uniform(0.35, 0.65)])


def _walls(rng: _Draw, p: _Panorama) -> F32:
    wall = rng.uniform(0.25, 0.8) + rng.uniform(-0.12, 0.12, 3)
    floor, ceiling = rng.uniform(0.1, 0.5) * np.array([1.0, 0.85, 0.7]), np.full(3, rng.uniform(0.6, 1.1))
    picture = np.ones((*p.elevation.shape, 3)) * wall
    picture[p.elevation > 0.75] = ceiling
    picture[p.elevation < -0.6] = floor
    for _ in range(int(rng.integers(2, 7))):  # furniture
        box = p.box(rng.uniform(-np.pi, np.pi), rng.uniform(-0.6, 0.1), rng.uniform(0.3, 1.0), rng.uniform(0.3, 0.9))
        picture = picture * (1 - box) + box * rng.uniform(0.03, 0.6) * (1 + rng.uniform(-0.3, 0.3, 3))
    return picture * (1 + 0.08 * p.noise(rng, 8))


def _room(rng: _Draw, p: _Panorama) -> F32:
    picture = _walls(rng, p)
    day = np.array([0.82, 0.93, 1.15]) * rng.uniform(5, 10)
    for k in range(int(rng.integers(1, 4))):
        azimuth = p.key_azimuth if k == 0 else rng.uniform(-np.pi, np.pi)
        height = float(np.clip(p.key_elevation, -0.05, 0.5)) if k == 0 else rng.uniform(0.1, 0.35)
        window = p.box(azimuth, height, rng.uniform(0.4, 0.9), rng.uniform(0.5, 0.9), int(rng.integers(1, 4)))
        picture = picture * (1 - window) + window * day * rng.uniform(0.6, 1.0)
    for _ in range(int(rng.integers(0, 4))):
        lamp = p.spot(rng.uniform(-np.pi, np.pi), rng.uniform(-0.1, 1.2), rng.uniform(0.08, 0.18))
        picture = picture + lamp * _warm(rng) * rng.uniform(5, 14)
    return picture


def _office(rng: _Draw, p: _Panorama) -> F32:
    picture = _walls(rng, p)
    tube = np.array([0.95, 1.0, rng.uniform(0.85, 1.05)]) * rng.uniform(6, 10)
    across, turn = np.tan(np.pi / 2 - np.clip(p.elevation, 0.5, 1.55)), rng.uniform(0, np.pi)
    x, z = across * np.sin(p.azimuth + turn), across * np.cos(p.azimuth + turn)
    panel = (np.abs(x % 1.2 - 0.6) < 0.18) & (np.abs(z % 1.6 - 0.8) < 0.55) & (p.elevation > 0.52)
    picture = np.where(panel[..., None], tube, picture)
    if rng.uniform() < 0.6:
        window = p.box(p.key_azimuth, 0.2, rng.uniform(0.6, 1.6), 0.7, int(rng.integers(2, 5)))
        picture = picture * (1 - window) + window * np.array([0.85, 0.95, 1.1]) * rng.uniform(4, 8)
    return picture


def _studio(rng: _Draw, p: _Panorama) -> F32:
    picture = np.full((*p.elevation.shape, 3), rng.uniform(0.05, 0.3)) * (1 + 0.1 * p.noise(rng, 4))
    side = p.box(p.key_azimuth, p.key_elevation, rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.0))
    picture = picture + side * rng.uniform(6, 12)
    if rng.uniform() < 0.6:  # a fill, or a ring of the other side
        fill = p.box(-p.key_azimuth + rng.normal(0, 0.3), rng.uniform(0, 0.6), rng.uniform(0.3, 0.8), 0.8)
        picture = picture + fill * rng.uniform(1.5, 5)
    return picture


def _clouds(rng: _Draw, p: _Panorama) -> F32:
    field = p.noise(rng, 4) + 0.6 * p.noise(rng, 8) + 0.4 * p.noise(rng, 16)
    return 1 / (1 + np.exp(-3.0 * (field - rng.uniform(-0.6, 1.2))))


def _horizon(rng: _Draw, p: _Panorama, picture: F32) -> F32:
    """Ground, and houses or trees before the sky."""
    ground = rng.uniform(0.12, 0.4) * np.array([1.0, rng.uniform(0.85, 1.05), rng.uniform(0.5, 0.95)])
    top = 0.12 + 0.14 * p.noise(rng, 8)[_TALL // 2, :, 0] + 0.06 * p.noise(rng, 16)[_TALL // 2, :, 0]
    things = rng.uniform(0.08, 0.3) * np.array([rng.uniform(0.7, 1.0), 1.0, rng.uniform(0.5, 1.0)])
    picture = np.where((p.elevation < top[None])[..., None], things * (1 + 0.3 * p.noise(rng, 16)), picture)
    return np.where((p.elevation < -0.03)[..., None], ground * (1 + 0.15 * p.noise(rng, 8)), picture)


def _sun(rng: _Draw, p: _Panorama) -> F32:
    height = np.clip(np.sin(np.maximum(p.elevation, 0)), 0, 1)[..., None]
    blue = np.array([0.25, 0.48, 1.0]) * height + np.array([0.75, 0.88, 1.05]) * (1 - height)
    cover = 0.85 * _clouds(rng, p)
    picture = _horizon(rng, p, blue * (1 - cover) + 1.3 * cover)
    elevation = max(p.key_elevation, 0.12)
    warm = np.array([1.0, 0.72, 0.42]) * (1 - min(elevation / 0.6, 1)) + np.array([1.0, 0.96, 0.9]) * min(
        elevation / 0.6, 1
    )
    picture = picture + p.spot(p.key_azimuth, elevation, 0.5) * warm * 1.2
    return picture + p.spot(p.key_azimuth, elevation, 0.10) * warm * 12.0


def _overcast(rng: _Draw, p: _Panorama) -> F32:
    # CIE standard overcast sky: three times as bright above as at the horizon
    sky = (1 + 2 * np.sin(np.maximum(p.elevation, 0)))[..., None] / 3 * np.array([0.95, 1.0, 1.07])
    return _horizon(rng, p, sky * (0.8 + 0.4 * _clouds(rng, p)))


def _trees(rng: _Draw, p: _Panorama) -> F32:
    leaves = p.noise(rng, 8) + 0.8 * p.noise(rng, 16) + 0.5 * p.noise(rng, 32)
    gap = 1 / (1 + np.exp(-6 * (leaves - 0.9)))
    green = np.array([0.22, 0.32, 0.10]) * rng.uniform(0.6, 1.4, 3) * (1 + 0.3 * p.noise(rng, 16))
    picture = green * (1 - gap) + np.array([1.0, 1.1, 1.2]) * rng.uniform(2, 5) * gap
    return _horizon(rng, p, picture) + p.spot(p.key_azimuth, max(p.key_elevation, 0.2), 0.3) * rng.uniform(1, 3)


_PLACES: dict[str, Callable[[_Draw, _Panorama], F32]] = {
    "room": _room,
    "office": _office,
    "studio": _studio,
    "sun": _sun,
    "overcast": _overcast,
    "trees": _trees,
}
