"""Settings: read from one mapping, wrong values named."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk.settings import Settings

SDK = Path(__file__).parents[2] / "sdk" / "facesdk"


def test_what_the_environment_says() -> None:
    environment = {"FACESDK_PACK_PATH": os.pathsep.join(["/a", "", "~/b"]), "FACESDK_BACKEND": "onnxruntime"}
    settings = Settings.from_environment({**environment, "FACESDK_THREADS": " 3 "})
    assert settings == Settings((Path("/a"), Path("~/b").expanduser()), "onnxruntime", 3)
    assert Settings.from_environment({}) == Settings((), "auto", None)


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5"])
def test_wrong_threads(threads: str) -> None:
    with pytest.raises(InputError, match=f"FACESDK_THREADS='{threads}'"):
        Settings.from_environment({"FACESDK_THREADS": threads})


def test_switches_are_one_or_zero() -> None:
    on = Settings.from_environment({"FACESDK_ALLOW_UNSIGNED": "1", "FACESDK_COMMERCIAL": " 1 "})
    assert on.allow_unsigned and on.commercial
    off = Settings.from_environment({"FACESDK_ALLOW_UNSIGNED": "0"})
    assert not off.allow_unsigned and not off.commercial
    with pytest.raises(InputError, match="FACESDK_COMMERCIAL='yes': 1 or 0 expected"):
        Settings.from_environment({"FACESDK_COMMERCIAL": "yes"})


@pytest.mark.parametrize(("text", "size"), [("6", 6_000_000_000), (" 1.5 ", 1_500_000_000), ("0", 0), ("", None)])
def test_the_limit_of_gpu_memory_is_in_gigabytes(text: str, size: int | None) -> None:
    assert Settings.from_environment({"FACESDK_VRAM_LIMIT": text}).vram_limit_bytes == size


@pytest.mark.parametrize("text", ["-1", "six", "nan", "inf", "6 GB"])
def test_a_wrong_limit_of_gpu_memory(text: str) -> None:
    with pytest.raises(InputError, match=f"FACESDK_VRAM_LIMIT='{text}': a number of GB"):
        Settings.from_environment({"FACESDK_VRAM_LIMIT": text})


def test_nothing_else_reads_the_environment() -> None:
    reads = re.compile(r"os\.(environ|getenv|putenv)")
    assert [p.name for p in SDK.rglob("*.py") if reads.search(p.read_text())] == ["settings.py"]
