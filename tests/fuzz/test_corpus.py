"""The fuzzers' seeds, replayed: every front takes each of them, damaged and mixed too, and lets out its one error."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.identity import Identity
from tests.fuzz.fronts import FRONTS
from tests.fuzz.seeds import CORPUS, MOST_BYTES, corpus

FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
WHOLE = {"image": {"avif", "bmp", "gif", "jpeg", "png", "png16", "tiff", "webp"}, "manifest": {"whole"}}
MUTANTS = 40


def test_the_corpus_is_the_one_that_is_written_and_small() -> None:
    assert {path.relative_to(CORPUS).as_posix() for path in FILES} == set(corpus())
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_a_seed_is_read_or_refused(path: object) -> None:
    front, name = path.parent.name, path.name  # type: ignore[attr-defined]
    assert FRONTS[front](path.read_bytes()) == (name in WHOLE.get(front, set()))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FRONTS)
def test_damaged_seeds_and_two_in_one(name: str) -> None:
    rng = np.random.default_rng(0)
    seeds = [path.read_bytes() for path in FILES if path.parent.name == name]
    for number in range(MUTANTS):
        data = bytearray(seeds[number % len(seeds)])
        if number % 4 == 3:
            other = seeds[int(rng.integers(len(seeds)))]
            data = data[: int(rng.integers(len(data)))] + other[int(rng.integers(len(other))) :]
        for place in rng.integers(0, max(1, len(data)), 4) if data else ():
            data[place] = int(rng.integers(256))
        FRONTS[name](bytes(data))


def test_a_whole_identity_is_read(tmp_path: object) -> None:
    embedding = np.eye(1, 512, dtype=np.float32)[0]
    path = tmp_path / "me.identity"  # type: ignore[operator]
    Identity(embedding, np.zeros((1, 256, 256, 3), np.uint8), Consent.synthetic(), "nano").save(path)
    assert FRONTS["identity"](path.read_bytes())


def test_the_fuzzer_runs_where_atheris_is(tmp_path: object) -> None:
    command = [sys.executable, "-m", "tests.fuzz"]
    done = subprocess.run([*command, "nothing"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "image|manifest|identity" in done.stderr
    if importlib.util.find_spec("atheris") is None:
        done = subprocess.run([*command, "manifest"], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "pip install atheris" in done.stderr
        pytest.skip("atheris is not installed")
    done = subprocess.run([*command, "manifest", "-runs=500"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
