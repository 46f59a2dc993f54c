"""The cache of engines: this installation's own, whole and under its own name, or not loaded at all."""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import BackendError
from facesdk.runtime.engine_cache import CachedEngine, EngineCache, EngineKey
from facesdk.runtime.engine_device import Gpu
from facesdk.runtime.seal import MAC_BYTES, MAGIC, Seal

ADA = Gpu("RTX 4060 Ti", "sm89", 16 << 30, "13.0")
VERSION = "11.4.0.106"
GRAPHS = ("a" * 64, "b" * 64)
PROFILE = {"batch": (1, 1, 4)}


class Builder:
    """Stands for TensorRT: builds engines, and counts those that it is given to deserialise."""

    def __init__(self) -> None:
        self.deserialised: list[bytes] = []

    def build(self, graph: str) -> bytes:
        return np.random.default_rng(graph[0].encode()[0]).bytes(700) + graph.encode()

    def load(self, cache: EngineCache, graph: str) -> bool:
        found = cache.find(graph, ADA, VERSION)
        if found is not None:
            self.deserialised.append(found.data)
        return found is not None


def engine(builder: Builder, graph: str, **changes: object) -> CachedEngine:
    key = replace(EngineKey.here(graph, ADA, VERSION, PROFILE), **changes)  # type: ignore[arg-type]
    return CachedEngine(key, builder.build(graph), 123, 456)


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines", Seal(tmp_path / "config" / "cache.key"))


def test_what_is_stored_comes_back_and_is_private(cache: EngineCache, tmp_path: Path) -> None:
    stored = engine(Builder(), GRAPHS[0])
    path = cache.store(stored)
    assert cache.find(GRAPHS[0], ADA, VERSION) == stored and cache.find(GRAPHS[1], ADA, VERSION) is None
    spec = stored.spec("tensorrt")
    assert (spec.profile, spec.weights_bytes, spec.activation_bytes, spec.gpus) == (PROFILE, 123, 456, ("sm89",))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    if os.name == "posix":
        for file in (path, tmp_path / "config" / "cache.key"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_gpu_driver_version_or_graph_does_not_get_it(cache: EngineCache) -> None:
    builder = Builder()
    cache.store(engine(builder, GRAPHS[0]))
    others = [
        (GRAPHS[0], replace(ADA, name="RTX 4090"), VERSION),
        (GRAPHS[0], replace(ADA, driver="13.1"), VERSION),
        (GRAPHS[0], ADA, "11.3.0.1"),
        (GRAPHS[1], ADA, VERSION),
        # Its name begins as the file's does.
        (GRAPHS[0][:16] + "c" * 48, ADA, VERSION),
    ]
    assert all(cache.find(*other) is None for other in others)
    # None of them did it any harm.
    assert builder.load(cache, GRAPHS[0])


def test_the_newest_of_two_profiles_is_taken(cache: EngineCache) -> None:
    builder = Builder()
    old = cache.store(engine(builder, GRAPHS[0]))
    os.utime(old, (1, 1))
    cache.store(engine(builder, GRAPHS[0], profile={"batch": (1, 2, 8)}))
    found = cache.find(GRAPHS[0], ADA, VERSION)
    assert found is not None and found.key.profile == {"batch": (1, 2, 8)}


def test_of_200_flips_and_swaps_none_is_deserialised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """M4: flipped bits anywhere, other files under its name, cut ones, longer ones, other keys, links."""
    caplog.set_level(logging.ERROR)
    rng = np.random.default_rng(4)
    builder, count = Builder(), 0
    cache = EngineCache(tmp_path / "engines", Seal(tmp_path / "cache.key"))
    other = EngineCache(tmp_path / "elsewhere", Seal(tmp_path / "other.key"))
    path, neighbour = cache.store(engine(builder, GRAPHS[0])), cache.store(engine(builder, GRAPHS[1]))
    foreign = other.store(engine(builder, GRAPHS[0]))
    good, swapped = path.read_bytes(), neighbour.read_bytes()
    attacks = []
    for place in rng.integers(0, len(good) * 8, 160):
        data = bytearray(good)
        data[place // 8] ^= 1 << (place % 8)
        attacks.append(bytes(data))
    head = len(MAGIC) + MAC_BYTES
    attacks += [swapped, foreign.read_bytes(), b"", good[:head], good[head:], good + b"\0", good[:-1], good * 2]
    attacks += [swapped[:head] + good[head:], good[:head] + swapped[head:], MAGIC + bytes(MAC_BYTES) + good[head:]]
    attacks += [good[: int(cut)] for cut in rng.integers(0, len(good), 28)]
    for data in attacks:
        path.write_bytes(data)
        count += 1
        assert not builder.load(cache, GRAPHS[0])
        # It is gone, so that the next start does not read it again.
        assert not path.exists()
    # A good file of this installation through a link, and in a place that is no file.
    path.symlink_to(neighbour)
    assert not builder.load(cache, GRAPHS[0]) and neighbour.exists()
    path.mkdir()
    assert not builder.load(cache, GRAPHS[0])
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        assert not builder.load(cache, GRAPHS[0])
    assert count + 2 >= 200 and builder.deserialised == []
    # And what was there is as good as before.
    path.write_bytes(good)
    assert builder.load(cache, GRAPHS[0])


@pytest.mark.parametrize(
    "head", ["{}", "[]", '{"key": {"profile": {}, "graph": "x"}}', '{"key": {"profile": {"b": []}}}', "?"]
)
def test_a_head_of_another_version_is_no_engine_and_no_fault(tmp_path: Path, head: str) -> None:
    seal = Seal(tmp_path / "cache.key")
    path = tmp_path / "engines" / f"{GRAPHS[0][:16]}-old.engine"
    seal.write(path, head.encode() + b"\nengine")
    assert EngineCache(path.parent, seal).find(GRAPHS[0], ADA, VERSION) is None and not path.exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_what_another_user_built_is_not_deleted(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where somebody runs the doctor with the rights of root."""
    path, owner = cache.store(engine(Builder(), GRAPHS[0])), os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert cache.find(GRAPHS[0], ADA, VERSION) is None and path.exists() and "another user's" in caplog.text
    monkeypatch.setattr(os, "getuid", lambda: owner)
    assert cache.find(GRAPHS[0], ADA, VERSION) is not None


def test_without_its_key_nothing_is_loaded_and_nothing_is_made(tmp_path: Path) -> None:
    key = tmp_path / "cache.key"
    seal, path = Seal(key), tmp_path / "state" / "x"
    seal.write(path, b"data")
    assert seal.read(path) == b"data" and Seal(key).read(path) == b"data"
    assert seal.read(path.rename(path.with_name("y"))) is None
    key.unlink()
    assert seal.read(path.with_name("y")) is None and not key.exists()
    key.write_bytes(b"short")
    with pytest.raises(BackendError, match="missing or damaged"):
        seal.write(path, b"data")
    assert not path.exists() and [file.name for file in path.parent.iterdir()] == ["y"]
