from __future__ import annotations

from dataclasses import replace

import pytest

from export.origins import asked_origin, origin_record, origins, pack_terms
from facesdk.errors import InputError
from facesdk.pack.licence import Origin, Terms
from train.checkpoint import derived_from

URL = "https://example.org/licence"
NC = Origin("StyleGAN1", "CC-BY-NC-4.0", "no", URL)
OWN = Origin("backbone", "LicenseRef-own", "ask", URL)


def test_a_licence_is_a_known_name_or_becomes_its_makers_own() -> None:
    assert asked_origin("x", "CC-BY-NC-4.0", URL) == Origin("x", "CC-BY-NC-4.0", "no", URL)
    assert asked_origin("x", " MIT ", f" {URL} ") == Origin("x", "MIT", "yes", URL)
    assert (
        asked_origin("x", "NVIDIA Source Code Licence, v1.0", URL).spdx == "LicenseRef-NVIDIA-Source-Code-Licence-v1.0"
    )
    assert asked_origin("x", "LicenseRef-own", URL).spdx == "LicenseRef-own"
    assert asked_origin("x", "LicenseRef-own", URL).commercial == "ask"
    assert asked_origin("x", "LicenseRef-own", URL, "yes").commercial == "yes"
    assert asked_origin("x", "MIT", URL, "no").commercial == "no"


@pytest.mark.parametrize(
    ("licence", "url", "commercial", "match"),
    [
        (None, URL, None, "licence of these weights is missing(.|\n)*Look it up"),
        ("", URL, None, "is missing"),
        (" -!? ", URL, None, "is missing"),
        ("MIT", None, None, "--licence-url is missing"),
        ("MIT", "", None, "--licence-url"),
        ("MIT", "see the web", None, "expected the address"),
        ("MIT", "file:///etc/passwd", None, "expected the address"),
        ("MIT", "https://", None, "expected the address"),
        ("MIT", f"{URL} and more", None, "expected the address"),
        ("MIT", URL, "perhaps", "not known"),
        ("CC-BY-NC-4.0", URL, "yes", "CC-BY-NC-4.0 says no"),
    ],
)
def test_without_a_licence_nothing_comes_in(
    licence: str | None, url: str | None, commercial: str | None, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        asked_origin("x", licence, url, commercial)


def test_what_training_started_from_stays_in_the_record() -> None:
    assert derived_from({}) == [] and derived_from({"data": None}) == []
    imported = origin_record(NC)
    assert derived_from({"data": {"derived_from": [imported]}, "derived_from": [origin_record(OWN), imported]}) == [
        origin_record(OWN),
        imported,
    ]
    nets = {"a": {"derived_from": [imported]}, "b": {"data": {"derived_from": [imported]}}, "c": {"seed": 1}}
    assert origins(nets) == (NC,)


def test_a_packs_terms_follow_its_networks() -> None:
    imported, other = {"a": {"derived_from": [origin_record(NC)]}}, {"b": {"derived_from": [origin_record(OWN)]}}
    first = pack_terms("Apache-2.0", None, {}, imported)
    assert first == Terms("no", (NC,))
    assert pack_terms("Apache-2.0", None, {}, {"a": {}}) == Terms("yes")
    both = pack_terms("Apache-2.0", first, imported, {**imported, **other})
    assert both == Terms("no", (NC, OWN))
    # A network that was exchanged takes its origin with it.
    assert pack_terms("Apache-2.0", both, {**imported, **other}, {"a": {"seed": 1}, **other}) == Terms("ask", (OWN,))
    assert pack_terms("Apache-2.0", both, {**imported, **other}, {}) == Terms("yes")


def test_what_a_pack_said_beyond_its_records_is_never_loosened() -> None:
    foreign = Terms("no", (NC,), ("No harm.",), "Ann")
    assert pack_terms("Apache-2.0", foreign, {}, {"a": {}}) == foreign
    strict = Terms("no", (OWN,))
    records = {"b": {"derived_from": [origin_record(OWN)]}}
    assert pack_terms("Apache-2.0", strict, records, {}) == replace(strict, origins=())
