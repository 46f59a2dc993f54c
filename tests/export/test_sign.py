"""`export keygen` and `export sign`: a pack for others."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from export.sign import make_key, sign_pack
from facesdk.errors import PackError
from facesdk.pack import Pack, open_pack
from facesdk.pack.signature import SIGNATURE_FILE
from facesdk.pack.trusted_keys import MACHINE, trust
from facesdk.settings import Settings
from tests.facesdk.tiny_pack import tiny_content, tiny_pack

__all__ = ["tiny_content", "tiny_pack"]


def test_from_key_to_a_pack_that_another_machine_opens(tiny_pack: Pack, tmp_path: Path) -> None:
    public, public_file = make_key(tmp_path / "keys" / "acme.pem")
    assert stat.S_IMODE((tmp_path / "keys" / "acme.pem").stat().st_mode) == 0o600
    assert sign_pack(tiny_pack.path, tmp_path / "keys" / "acme.pem") == public
    there = Settings(config_folder=tmp_path / "there")
    with pytest.raises(PackError, match="does not trust"):
        open_pack(tiny_pack.path, there)
    trust(public_file, "acme", there)
    assert open_pack(tiny_pack.path, there).signer == "acme"
    sign_pack(tiny_pack.path, None)
    assert open_pack(tiny_pack.path).signer == MACHINE


def test_a_changed_manifest_is_signed_again_and_a_changed_file_is_not(tiny_pack: Pack) -> None:
    manifest = tiny_pack.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": "0.1.0"', '"version": "0.1.1"'))
    with pytest.raises(PackError, match="not what was signed"):
        open_pack(tiny_pack.path)
    sign_pack(tiny_pack.path, None)
    assert open_pack(tiny_pack.path).manifest.version == "0.1.1"
    before = (tiny_pack.path / SIGNATURE_FILE).read_bytes()
    (tiny_pack.path / "LICENSE").write_bytes(b"another licence of this size"[:27])
    with pytest.raises(PackError, match="LICENSE"):
        sign_pack(tiny_pack.path, None)
    assert (tiny_pack.path / SIGNATURE_FILE).read_bytes() == before


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    make_key(tmp_path / "a.pem")
    for path in ("a.pem", "a.pub.pem", "a.txt"):
        with pytest.raises(PackError):
            make_key(tmp_path / path)
    (tmp_path / "b.pub.pem").write_text("")
    with pytest.raises(PackError, match="never overwritten"):
        make_key(tmp_path / "b.pem")
    assert not (tmp_path / "b.pem").exists()


def test_the_commands(tiny_pack: Pack, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run([sys.executable, "-m", "export", *arguments], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "keep it secret" in run("keygen", "-o", str(tmp_path / "k.pem"))
    assert "signed by" in run("sign", str(tiny_pack.path), "--key", str(tmp_path / "k.pem"))
