"""Enrolled faces are kept for a while, and not longer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.consent import Consent
from facesdk.identity import Identity
from facesdk.serve.error_json import ForgottenError
from facesdk.serve.identity_store import IdentityStore
from facesdk.serve.limits import ServeLimits


def _face(number: int) -> Identity:
    embedding = np.eye(1, 512, number, dtype=np.float32)[0]
    return Identity(embedding, np.zeros((1, 256, 256, 3), np.uint8), Consent.self_(), "fake")


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> IdentityStore:
    return IdentityStore(replace(ServeLimits(), identities=3, identity_seconds=100.0), clock)


def test_a_face_that_is_used_stays_and_one_that_is_not_goes(store: IdentityStore, clock: Clock) -> None:
    first, second = store.add(_face(0), "first"), store.add(_face(1), "second")
    clock.seconds = 90
    assert store.get(first.key).name == "first"
    clock.seconds = 110
    assert [stored.name for stored in store.all()] == ["first"]
    with pytest.raises(ForgottenError, match="not any more"):
        store.get(second.key)
    clock.seconds = 190.5
    assert store.all() == []


def test_the_one_that_was_not_used_for_longest_gives_way(store: IdentityStore, clock: Clock) -> None:
    keys = []
    for number in range(3):
        clock.seconds = number
        keys.append(store.add(_face(number), str(number)).key)
    clock.seconds = 3
    store.get(keys[0])
    store.add(_face(3), "3")
    assert [stored.name for stored in store.all()] == ["0", "2", "3"]


def test_forget_forgets(store: IdentityStore) -> None:
    key = store.add(_face(0), "first").key
    store.forget(key)
    for call in (store.get, store.forget):
        with pytest.raises(ForgottenError):
            call(key)
    assert store.all() == []


def test_keys_cannot_be_guessed(store: IdentityStore) -> None:
    keys = {store.add(_face(0), "same").key for _ in range(20)}
    assert len(keys) == 20 and all(len(key) >= 22 for key in keys)
