from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.trust.consent_calls import try_calls
from facesdk.consent import Consent
from facesdk.errors import ConsentError
from facesdk.generator import FaceGenerator
from facesdk.swapper import FaceSwapper
from tests.facesdk.fake_pack import picture

SCENE = picture((128, 128), [])
COUNT = 100


@pytest.fixture(scope="module")
def swapper() -> Iterator[FaceSwapper]:
    with FaceSwapper("nano", "onnxruntime", threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def generator() -> Iterator[FaceGenerator]:
    with FaceGenerator("nano", "onnxruntime", threads=1) as opened:
        yield opened


def test_calls_are_refused_by_what_their_consent_says(swapper: FaceSwapper, generator: FaceGenerator) -> None:
    found = try_calls(swapper, generator, SCENE, COUNT)
    assert not found.wrong and found.refused + found.allowed == COUNT
    assert found.refused > COUNT / 4 and found.allowed > COUNT / 10


def test_a_door_without_a_lock_is_found(
    swapper: FaceSwapper, generator: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Consent, "is_expired", lambda consent, today=None: False)
    wrong = try_calls(swapper, generator, SCENE, COUNT).wrong
    assert wrong and all("was not refused" in says and "day -" in says for says in wrong)


def test_a_door_that_is_always_shut_is_found(
    swapper: FaceSwapper, generator: FaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(consent: Consent, use: str) -> None:
        raise ConsentError("no", "no")

    monkeypatch.setattr(Consent, "require", refuse)
    wrong = try_calls(swapper, generator, SCENE, COUNT).wrong
    assert wrong and all("was refused" in says for says in wrong)
