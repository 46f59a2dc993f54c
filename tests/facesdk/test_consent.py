"""Consent statements."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, timedelta

import pytest

from facesdk.consent import USES, Consent
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


def test_levels():
    assert [c.level for c in (Consent.synthetic(), Consent.self_(), Consent.given("Ann"))] == [
        "synthetic",
        "self",
        "attested",
    ]


def test_a_consent_ends_after_its_last_day():
    consent = Consent.given("Ann", expires="2027-01-31")
    consent.require("still", date(2027, 1, 31))
    with pytest.raises(ConsentError, match="ended on 2027-01-31") as caught:
        consent.require("still", date(2027, 2, 1))
    assert caught.value.exit_code == 5
    with pytest.raises(ConsentError, match="ended"):
        Consent.self_(expires="2020-01-01").require("live")
    Consent.self_().require("live", date(9999, 1, 1))
    for text in ("soon", "2027-13-01", "31.1.2027"):
        with pytest.raises(ConsentError, match="a day is expected"):
            Consent.self_(expires=text)


def test_files_from_before_there_was_an_end_are_read():
    old = json.loads(Consent.self_().to_json())
    del old["expires"]
    assert Consent.from_json(json.dumps(old)).expires == ""


def test_ten_thousand_combinations_pass_only_what_was_agreed_to():
    rng = random.Random(0)
    today = date(2026, 11, 21)
    passed = 0
    for _ in range(10_000):
        scope = rng.sample(USES, rng.randint(1, 3))
        end = today + timedelta(days=rng.randint(-3, 3)) if rng.random() < 0.8 else None
        consent = Consent.self_(",".join(scope), end.isoformat() if end else "")
        use = rng.choice([*USES, "print", ""])
        allowed = use in scope and (end is None or today <= end)
        try:
            consent.require(use, today)
        except ConsentError:
            assert not allowed
        else:
            assert allowed
            passed += 1
    assert 2000 < passed < 8000


def test_the_log_keeps_no_name():
    facts = Consent.given("Ann Lee", expires="2027-01-31").facts()
    assert "Ann" not in str(facts) and facts["standing"] == "given"
    assert facts["level"] == "attested" and facts["expires"] == "2027-01-31"
