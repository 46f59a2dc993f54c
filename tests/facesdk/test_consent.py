"""Consent statements."""

from __future__ import annotations

from datetime import datetime

import pytest

from facesdk.consent import Consent
from facesdk.errors import ConsentError


def test_the_three_bases():
    assert Consent.self_().basis == "self"
    assert Consent.synthetic().basis == "synthetic"
    given = Consent.given("Ann Lee, by e-mail")
    assert given.basis == "given" and "Ann Lee, by e-mail" in given.statement


def test_the_time_is_iso_with_a_zone():
    assert datetime.fromisoformat(Consent.self_().created).tzinfo is not None


def test_scope_is_read_in_any_order_and_required():
    consent = Consent.self_(scope="film, still")
    assert consent.scope == "still,film"
    consent.require("still")
    with pytest.raises(ConsentError, match="covers still,film, and not 'live'"):
        consent.require("live")


def test_json_round_trip():
    consent = Consent.given('Ann "Lee" Ünal', scope="film")
    assert Consent.from_json(consent.to_json()) == consent


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"basis": "self"}', '{"basis":"x","statement":"s","scope":"still","created":""}']
)
def test_broken_json_is_a_consent_error(text: str):
    with pytest.raises(ConsentError):
        Consent.from_json(text)


def test_nonsense_is_refused_with_the_cure():
    with pytest.raises(ConsentError, match="who agreed"):
        Consent.given("  ")
    with pytest.raises(ConsentError, match="scope 'stills'"):
        Consent.self_(scope="stills")
    with pytest.raises(ConsentError, match="--consent self"):
        Consent("mine", "x")  # type: ignore[arg-type]
    with pytest.raises(ConsentError, match="no statement"):
        Consent("self", "")
