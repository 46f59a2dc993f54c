"""The fake pack stands in for nano: it finds the faces for packs that cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facesdk.fake_pack import write_fake_pack


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fake pack, called nano."""
    folder = tmp_path_factory.mktemp("base")
    write_fake_pack(folder / "nano")
    return folder


@pytest.fixture(autouse=True, scope="module")
def _fake_base(base_folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESDK_PACK_PATH", str(base_folder))
        patch.setenv("FACESDK_BACKEND", "onnxruntime")
        patch.setenv("FACESDK_THREADS", "1")
        yield
