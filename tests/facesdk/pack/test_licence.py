"""Licences: a missing or unknown one is refused, and what forbids commercial use is refused where that is asked for."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facesdk.errors import PackError
from facesdk.pack import Pack, open_pack, parse_manifest
from facesdk.pack.licence import commercial_use, strictest
from facesdk.pack.writer import PackContent, write_pack
from facesdk.settings import Settings
from tests.facesdk.signing import sign_again

NAMES = {"MIT": "yes", "GPL-3.0-only": "ask", "CC-BY-NC-4.0": "no", "LicenseRef-own": "ask"}


def licensed(pack: Pack, **keys: Any) -> Path:
    file = pack.path / "manifest.json"
    document = json.loads(file.read_text())
    document["license"] = {"file": "LICENSE", **keys}
    file.write_text(json.dumps(document))
    return sign_again(pack.path)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({}, "license.spdx: missing"),
        ({"spdx": ""}, "license.spdx"),
        ({"spdx": "Whatever-1.0"}, "no licence that facesdk knows"),
        ({"spdx": "LicenseRef-"}, "no licence that facesdk knows"),
        ({"spdx": 5}, "license.spdx"),
        ({"spdx": "MIT", "file": "NONE"}, "not among files"),
        ({"spdx": "MIT", "commercial_use": "perhaps"}, "none of yes, ask, no"),
        ({"spdx": "MIT", "derived_from": [{"name": "x"}]}, r"derived_from\[0\].spdx: missing"),
        ({"spdx": "MIT", "derived_from": ["x"]}, "an object expected"),
    ],
)
def test_a_missing_licence_refuses_to_load(tiny_pack: Pack, keys: dict[str, Any], fault: str) -> None:
    with pytest.raises(PackError, match=fault):
        open_pack(licensed(tiny_pack, **keys))


def test_an_empty_licence_text_is_none(tiny_content: PackContent, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="'LICENSE' is empty"):
        write_pack(tmp_path / "p", replace(tiny_content, files={**tiny_content.files, "LICENSE": b""}))


def test_every_combination_takes_the_strictest(tiny_pack: Pack) -> None:
    home = Settings.from_environment()
    for own, *origins in itertools.product(NAMES, NAMES, [None, *NAMES]):
        names = [name for name in origins if name]
        path = licensed(tiny_pack, spdx=own, derived_from=[{"name": name, "spdx": name} for name in names])
        pack = open_pack(path, home)
        want = strictest(*(NAMES[name] for name in (own, *names)))
        assert pack.manifest.terms.commercial == want
        assert parse_manifest(pack.manifest.to_json(), "again").terms == pack.manifest.terms
        if want == "yes":
            assert open_pack(path, replace(home, commercial=True))
        else:
            with pytest.raises(PackError, match=f"commercial use: {want}(.|\n)*FACESDK_COMMERCIAL=1"):
                open_pack(path, replace(home, commercial=True))


def test_a_pack_may_be_stricter_than_its_licences_name_and_not_freer(tiny_pack: Pack) -> None:
    for spdx, said, want in (
        ("MIT", "no", "no"),
        ("CC-BY-NC-4.0", "yes", "no"),
        ("LicenseRef-own", "yes", "yes"),
        ("LicenseRef-own", "no", "no"),
    ):
        assert open_pack(licensed(tiny_pack, spdx=spdx, commercial_use=said)).manifest.terms.commercial == want
    assert commercial_use("Apache-2.0") == "yes" and commercial_use("what") == "ask"


def test_restrictions_and_attribution_are_kept(tiny_pack: Pack) -> None:
    path = licensed(tiny_pack, spdx="LicenseRef-rail", use_restrictions=["No harm."], attribution="Ann")
    terms = open_pack(path).manifest.terms
    assert terms.use_restrictions == ("No harm.",) and terms.attribution == "Ann"
