"""Fixtures of the runtime's tests: the fake pack, opened once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from facesdk.faces.analyze import FaceAnalyzer
from facesdk.generator import FaceGenerator
from facesdk.pack.reader import Pack
from facesdk.swapper import FaceSwapper
from tests.facesdk.fake_pack import write_fake_pack
from tests.facesdk.tiny_generator import write_generator_pack

BACKEND = "onnxruntime"


@pytest.fixture(scope="session")
def fake_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The fake pack, in a folder called fake."""
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


@pytest.fixture(scope="session")
def analyzer(fake_pack: Pack) -> Iterator[FaceAnalyzer]:
    """An analyzer over the fake pack."""
    with FaceAnalyzer(fake_pack, BACKEND, threads=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def swapper(fake_pack: Pack) -> Iterator[FaceSwapper]:
    """A swapper over the fake pack."""
    with FaceSwapper(fake_pack, BACKEND, threads=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def people_pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The fake pack with a generator, in a folder called people."""
    return write_generator_pack(tmp_path_factory.mktemp("packs") / "people")


@pytest.fixture(scope="session")
def generator(people_pack: Pack) -> Iterator[FaceGenerator]:
    """A generator over the pack "people"."""
    with FaceGenerator(people_pack, BACKEND, threads=1) as opened:
        yield opened


@pytest.fixture
def environment(fake_pack: Pack) -> dict[str, str]:
    """Environment of a child process that finds the fake pack by its name and runs it on ONNX Runtime."""
    return {
        **os.environ,
        "FACESDK_PACK_PATH": str(fake_pack.path.parent),
        "FACESDK_BACKEND": BACKEND,
        "FACESDK_THREADS": "1",
    }
