from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from train.data.bundle import decode_arrays, encode_arrays, unpack_bundle, write_bundle
from train.data.face_world.shards import load_shards

FIELDS = ("rgb", "parts", "identity")


def _shard(seed: int, count: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:32, 0:32]
    smooth = np.stack([4 * x, 4 * y, 60 + 2 * (x + y)], -1).astype(np.uint8)
    return {
        "rgb": np.stack([np.roll(smooth, i, 0) for i in range(count)]),
        "parts": rng.integers(0, 18, (count, 32, 32), np.uint8),
        "identity": np.arange(count) + 10 * seed,
        "caption": np.array(["a person"] * count),
    }


@pytest.fixture
def worlds(tmp_path: Path) -> list[Path]:
    out = []
    for number in range(2):
        folder = tmp_path / f"world{number}"
        folder.mkdir()
        (folder / "world.json").write_text('{"world": 1, "sets": {}}')
        for index in range(6):
            np.savez(folder / f"swap-train-{index:05d}.npz", **_shard(100 * number + index))
        np.savez(folder / "swap-validation-00000.npz", **_shard(100 * number + 50))
        out.append(folder)
    return out


def test_pictures_lose_little_and_maps_nothing() -> None:
    arrays = _shard(1)
    again = decode_arrays(encode_arrays(arrays))
    assert set(again) == set(arrays)
    np.testing.assert_array_equal(again["parts"], arrays["parts"])
    np.testing.assert_array_equal(again["identity"], arrays["identity"])
    assert again["rgb"].shape == arrays["rgb"].shape
    assert np.abs(again["rgb"].astype(int) - arrays["rgb"]).mean() < 2


def test_everything_travels_where_there_is_room(worlds: list[Path], tmp_path: Path) -> None:
    report = write_bundle(worlds, "swap", FIELDS, tmp_path / "b", 10_000_000)
    assert report.shards == {"train": 12, "validation": 2} and report.pictures["train"] == 48
    assert report.bytes == sum(path.stat().st_size for path in (tmp_path / "b").rglob("*") if path.is_file())
    places = unpack_bundle(tmp_path / "b", tmp_path / "u")
    for world, place in zip(worlds, places):
        before, after = (load_shards(p, "swap", "train", FIELDS) for p in (world, place))
        np.testing.assert_array_equal(before["identity"], after["identity"])
        np.testing.assert_array_equal(before["parts"], after["parts"])
        assert (place / "world.json").read_text() == (world / "world.json").read_text()


def test_the_limit_holds_and_both_worlds_come(worlds: list[Path], tmp_path: Path) -> None:
    one = write_bundle(worlds, "swap", FIELDS, tmp_path / "all", 10_000_000).bytes / 14
    report = write_bundle(worlds, "swap", FIELDS, tmp_path / "b", int(one * 7), seed=3)
    assert report.bytes <= one * 7 and 2 <= report.shards["train"] < 12
    assert all(list(place.glob("swap-train-*")) for place in (tmp_path / "b").glob("0*"))


def test_faults_leave_nothing(worlds: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MB hold 0 validation"):
        write_bundle(worlds, "swap", FIELDS, tmp_path / "b", 2000)
    assert not (tmp_path / "b").exists()
    with pytest.raises(InputError, match="exists"):
        write_bundle(worlds, "swap", FIELDS, tmp_path, 10**7)
    with pytest.raises(InputError, match="no bundled"):
        unpack_bundle(tmp_path / "b", tmp_path / "u")
