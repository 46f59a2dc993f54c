"""What the project takes from others: licences that are allowed, a whole bill of materials, and a lock with hashes."""

from __future__ import annotations

import hashlib
import json
import re
from email.message import Message
from pathlib import Path

import pytest

from supply import licences, sbom
from supply.closure import EXTRAS, PROJECT, ROOT, closure
from supply.licences import is_allowed, licence_of, own_terms, table

LOCK = (ROOT / "supply" / "ci.lock").read_text()


def metadata(**fields: str | list[str]) -> Message:
    out = Message()
    for name, value in fields.items():
        for one in [value] if isinstance(value, str) else value:
            out[name.replace("_", "-")] = one
    return out


def test_every_installed_package_may_be_used() -> None:
    rows = table()
    assert len(rows) > 30 and {name for name, *_, allowed in rows if not allowed} == set()


def test_the_base_install_has_no_terms_of_its_own() -> None:
    base, _ = closure(())
    assert {"numpy", "pillow", "cryptography", "cffi"} <= set(base) and not {"torch", "fastapi"} & set(base)
    assert [name for name in base if own_terms(name)] == []
    for name, package in base.items():
        assert is_allowed(licence_of(package.metadata)), name


def test_a_licence_that_is_not_in_the_table_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "ALLOWED", licences.ALLOWED - {"BSD-3-Clause", "PSF-2.0"})
    with pytest.raises(SystemExit) as ended:
        licences.main()
    said = capsys.readouterr().out
    assert ended.value.code == 1 and re.search(r"typing-extensions .* PSF-2.0   NOT ALLOWED", said)


@pytest.mark.parametrize(
    ("fields", "expression", "allowed"),
    [
        ({"License_Expression": "MIT"}, "MIT", True),
        ({"License_Expression": "GPL-3.0-only"}, "GPL-3.0-only", False),
        ({"License_Expression": "GPL-3.0-only OR MIT"}, "GPL-3.0-only OR MIT", True),
        ({"License_Expression": "MIT AND GPL-3.0-only OR AGPL-3.0"}, "MIT AND GPL-3.0-only OR AGPL-3.0", False),
        ({"License_Expression": "(MIT OR GPL-3.0-only) AND MIT"}, "(MIT OR GPL-3.0-only) AND MIT", False),
        ({"License_Expression": "(MIT OR ISC) AND Zlib"}, "(MIT OR ISC) AND Zlib", True),
        ({"Classifier": "License :: OSI Approved :: BSD License", "License": "long text"}, "BSD-3-Clause", True),
        (
            {"Classifier": ["License :: OSI Approved :: MIT License", "License :: Other/Proprietary License"]},
            "MIT AND Other/Proprietary License",
            False,
        ),
        ({"License": "Apache 2.0\n\nThe text."}, "Apache-2.0", True),
        ({"License": "Ask me"}, "Ask me", False),
        ({}, "", False),
    ],
)
def test_how_a_licence_is_read(fields: dict[str, str | list[str]], expression: str, allowed: bool) -> None:
    assert licence_of(metadata(**fields)) == expression and is_allowed(expression) is allowed


def test_the_bill_of_materials_is_whole(tmp_path: Path) -> None:
    sbom.main([str(tmp_path / "out" / "sbom.json")])
    found = json.loads((tmp_path / "out" / "sbom.json").read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6") and found == sbom.document()
    packages, asks = closure()
    names = {component["name"]: component for component in found["components"]}
    assert set(names) == {*packages, "nano"} and all(component["licenses"] for component in names.values())
    manifest = (sbom.PACK / "manifest.json").read_bytes()
    assert names["nano"]["hashes"][0]["content"] == hashlib.sha256(manifest).hexdigest()
    assert names["numpy"]["scope"] == "required" and names["pytest"]["scope"] == "optional"
    references = {component["bom-ref"] for component in found["components"]}
    graph = {entry["ref"]: entry["dependsOn"] for entry in found["dependencies"]}
    root = found["metadata"]["component"]["bom-ref"]
    assert set(graph) == {*references, root} and all(set(wanted) <= references for wanted in graph.values())
    assert len(graph[root]) == len(asks[PROJECT["name"]]) + 1


def test_the_lock_has_a_hash_for_everything_and_no_address() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|@ file", LOCK)
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", LOCK) if not entry.startswith("#")]
    names = set()
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==\S+", entry) and re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:60]
        names.add(entry.partition("==")[0])
    for extra in ("bench", "dev"):
        assert extra in EXTRAS
    # Whatever is installed for these extras is in it, but torch with what it brings alone.
    from_torch = {"torch", "triton", *(name for name in closure(("bench", "dev"))[0] if own_terms(name))}
    assert set(closure(("bench", "dev"))[0]) - from_torch <= names
