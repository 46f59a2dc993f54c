"""A tiny rendered test set and the fake pack, once for all tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.test_set import Arrays, SwapSetOptions, load_test_set
from facesdk.pack import Pack
from tests.facesdk.fake_pack import write_fake_pack

TINY = SwapSetOptions(("own",), 4, 3, members=2, frame_px=64, supersample=1, hair_strands=200)


@pytest.fixture(scope="session")
def tiny_options() -> SwapSetOptions:
    return TINY


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the tiny set already."""
    folder = tmp_path_factory.mktemp("swap-set")
    load_test_set(folder, TINY, workers=1)
    return folder


@pytest.fixture(scope="session")
def tiny_set(tiny_folder: Path) -> tuple[Arrays, Arrays]:
    return load_test_set(tiny_folder, TINY, workers=1)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")
