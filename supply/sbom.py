"""`python -m supply.sbom OUT.json`: everything that is installed for this project, as a CycloneDX document.

It has no time and no random number in it: the same installation gives the same document.

Source: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from supply.closure import NAME, PROJECT, ROOT, closure
from supply.licences import ALLOWED, licence_of, own_terms

PACK = ROOT / "sdk" / "facesdk" / "packs" / "nano"
BASE = "required"


def document() -> dict[str, Any]:
    """The document as JSON values."""
    packages, asks = closure()
    base, _ = closure(())
    root = _reference(NAME, PROJECT["version"])
    references = {name: _reference(name, package.version) for name, package in packages.items()}
    pack = _pack()
    depends = {root: [*(references[n] for n in sorted(asks[NAME])), pack["bom-ref"]], pack["bom-ref"]: []}
    depends |= {references[name]: [references[n] for n in sorted(asks[name])] for name in packages}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": root,
                "name": NAME,
                "version": PROJECT["version"],
                "purl": root,
                "licenses": [{"expression": PROJECT["license"]}],
            }
        },
        "components": [*(_component(name, package, name in base) for name, package in packages.items()), pack],
        "dependencies": [{"ref": ref, "dependsOn": wanted} for ref, wanted in depends.items()],
    }


def _reference(name: str, version: str) -> str:
    # A local label, as of torch's builds, is percent-encoded in a package URL.
    return f"pkg:pypi/{name}@{version.replace('+', '%2B')}"


def _component(name: str, package: Distribution, is_base: bool) -> dict[str, Any]:
    reference = _reference(name, package.version)
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": package.version,
        "purl": reference,
        "scope": BASE if is_base else "optional",
        "licenses": _licences(name, licence_of(package.metadata)),
    }


def _licences(name: str, expression: str) -> list[dict[str, Any]]:
    if expression in ALLOWED and " " not in expression:
        return [{"license": {"id": expression}}]
    if own_terms(name) or not expression:
        return [{"license": {"name": own_terms(name) or "not said"}}]
    return [{"expression": expression}]


def _pack() -> dict[str, Any]:
    """The networks that come with the SDK; its manifest has the hash of each file."""
    data = (PACK / "manifest.json").read_bytes()
    manifest = json.loads(data)
    return {
        "type": "machine-learning-model",
        "bom-ref": f"pack:{manifest['name']}@{manifest['version']}",
        "name": manifest["name"],
        "version": manifest["version"],
        "scope": BASE,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}],
        "licenses": [{"license": {"id": manifest["license"]["spdx"]}}],
    }


def main(arguments: list[str]) -> None:
    """Writes the document."""
    if len(arguments) != 1:
        sys.exit("usage: python -m supply.sbom OUT.json")
    found = document()
    out = Path(arguments[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(found['components'])} components -> {out}")


if __name__ == "__main__":
    main(sys.argv[1:])
