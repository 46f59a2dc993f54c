"""Signatures: only bytes that were signed by someone who is trusted are opened."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.trust.pack_attacks import ATTACKS
from facesdk.errors import PackError
from facesdk.pack import Pack, open_pack
from facesdk.pack.key_files import new_private_key, public_pem, read_private_key, read_public_key
from facesdk.pack.root_keys import ROOT_KEYS
from facesdk.pack.signature import CONTEXT, SIGNATURE_FILE, check_signature, sign_manifest
from facesdk.pack.trusted_keys import MACHINE, distrust, machine_key, third_parties, trust, trusted_keys
from facesdk.settings import Settings


def settings(folder: Path) -> Settings:
    return Settings(config_folder=folder / "config")


def hex_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def use(pack: Pack) -> None:
    """What a program does with a pack: it opens it, and reads every byte that it could run."""
    open_pack(pack.path).verify()


def test_the_embedded_pack_is_signed_by_the_project() -> None:
    pack = open_pack("nano", Settings(config_folder=Path("/nowhere")))
    assert pack.signer == "facesdk" and pack.path.parent.name == "packs", "python -m export sign PACK --key FILE"
    assert pack.verify() == len(pack.manifest.listed())


def test_every_flipped_byte_is_refused(tiny_pack: Pack) -> None:
    rng = np.random.default_rng(0)
    for path in sorted(path for path in tiny_pack.path.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for place in rng.choice(len(whole), min(len(whole), 12), replace=False):
            changed = bytearray(whole)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            with pytest.raises(PackError, match="Not opened"):
                use(tiny_pack)
        path.write_bytes(whole)
    use(tiny_pack)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_structure_is_refused(name: str, tiny_pack: Pack) -> None:
    attack, message = ATTACKS[name]
    attack(tiny_pack.path)
    with pytest.raises(PackError, match=message):
        use(tiny_pack)


def test_a_signature_is_of_these_bytes_by_this_key_and_for_this_purpose() -> None:
    key = Ed25519PrivateKey.generate()
    signature = sign_manifest(b"manifest", key)
    assert check_signature(b"manifest", signature, {hex_of(key): "ann"}, "p") == "ann"
    assert check_signature(b"manifest", signature, {}, "p") is None
    bare = json.loads(signature) | {"signature": key.sign(b"manifest").hex()}
    other = json.loads(signature) | {"key": hex_of(Ed25519PrivateKey.generate())}
    for data, wrong in ((b"manifesT", signature), (b"manifest", bare), (b"manifest", other), (CONTEXT, signature)):
        text = wrong if isinstance(wrong, bytes) else json.dumps(wrong).encode()
        with pytest.raises(PackError, match="not what was signed"):
            check_signature(data, text, {hex_of(key): "ann"}, "p")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"algorithm": "none"},
        {"key": "0" * 63},
        {"signature": "G" * 128},
        {"more": 1},
        {"key": 5},
    ],
)
def test_what_is_no_signature_is_never_taken_for_unsigned(change: dict[str, object], tiny_pack: Pack) -> None:
    path = tiny_pack.path / SIGNATURE_FILE
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    for unsigned in (False, True):
        with pytest.raises(PackError, match="no signature that this facesdk reads"):
            open_pack(tiny_pack.path, unsigned=unsigned)


def test_unsigned_packs_open_only_with_the_flag(tiny_pack: Pack) -> None:
    (tiny_pack.path / SIGNATURE_FILE).unlink()
    chosen = Settings.from_environment()
    with pytest.raises(PackError, match="not signed(.|\n)*--allow-unsigned"):
        open_pack(tiny_pack.path, chosen)
    assert open_pack(tiny_pack.path, chosen, unsigned=True).signer is None
    assert open_pack(tiny_pack.path, replace(chosen, allow_unsigned=True)).signer is None
    with pytest.raises(PackError, match="not signed"):
        open_pack(tiny_pack.path, replace(chosen, allow_unsigned=True), unsigned=False)


def test_third_parties_are_trusted_by_name_and_can_be_dropped(tiny_pack: Pack, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    theirs = new_private_key(tmp_path / "acme.pem")
    (tmp_path / "acme.pub.pem").write_bytes(public_pem(hex_of(theirs)))
    manifest = (tiny_pack.path / "manifest.json").read_bytes()
    (tiny_pack.path / SIGNATURE_FILE).write_bytes(sign_manifest(manifest, theirs))
    with pytest.raises(PackError, match=f"does not trust .{hex_of(theirs)[:16]}"):
        open_pack(tiny_pack.path, chosen)
    assert trust(tmp_path / "acme.pub.pem", "acme", chosen) == hex_of(theirs)
    assert open_pack(tiny_pack.path, chosen).signer == "acme"
    assert third_parties(chosen) == {"acme": hex_of(theirs)} and set(trusted_keys(chosen).values()) == {
        "acme",
        "facesdk",
    }
    distrust("acme", chosen)
    with pytest.raises(PackError, match="does not trust"):
        open_pack(tiny_pack.path, chosen)
    with pytest.raises(PackError, match="no key is trusted as 'acme'; those that are: none"):
        distrust("acme", chosen)


def test_names_and_keys_that_are_refused(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    for name in ("ann", "bob"):
        public = tmp_path / f"{name}.pub.pem"
        public.write_bytes(public_pem(hex_of(new_private_key(tmp_path / f"{name}.pem"))))
    trust(tmp_path / "ann.pub.pem", "ann", chosen)
    trust(tmp_path / "ann.pub.pem", "ann", chosen)
    with pytest.raises(PackError, match="another key is trusted as 'ann'"):
        trust(tmp_path / "bob.pub.pem", "ann", chosen)
    for name in ("facesdk", "../x", "", "A b"):
        with pytest.raises(PackError, match="cannot be a signer's name"):
            trust(tmp_path / "bob.pub.pem", name, chosen)
    with pytest.raises(PackError, match="is a private key"):
        trust(tmp_path / "bob.pem", "bob", chosen)
    (tmp_path / "text").write_text("no key")
    for read in (read_public_key, read_private_key):
        with pytest.raises(PackError, match="no Ed25519"):
            read(tmp_path / "text")
        with pytest.raises(PackError, match="cannot be read"):
            read(tmp_path / "none")


def test_the_machines_key_is_made_once_and_is_its_users_alone(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    key = machine_key(chosen)
    assert hex_of(machine_key(chosen)) == hex_of(key) and trusted_keys(chosen)[hex_of(key)] == MACHINE
    path = tmp_path / "config" / "packs" / "machine.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(PackError, match="never overwritten"):
        new_private_key(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["machine.pem", "machine.pub.pem"]


def test_a_machine_does_not_trust_what_another_one_signed(tiny_pack: Pack, tmp_path: Path) -> None:
    assert tiny_pack.signer == MACHINE
    with pytest.raises(PackError, match="does not trust"):
        open_pack(tiny_pack.path, settings(tmp_path))


def test_root_keys_are_keys() -> None:
    assert list(ROOT_KEYS) == ["facesdk"] and all(len(bytes.fromhex(key)) == 32 for key in ROOT_KEYS.values())
