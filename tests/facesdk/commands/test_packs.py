"""`facesdk packs`: whom to trust, and the flag for packs that nobody signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.cli import main
from facesdk.pack import Pack
from facesdk.pack.key_files import new_private_key, public_pem
from facesdk.pack.root_keys import ROOT_KEYS
from facesdk.pack.signature import SIGNATURE_FILE, sign_manifest
from tests.facesdk.tiny_pack import tiny_content, tiny_pack

__all__ = ["tiny_content", "tiny_pack"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    # So that what the flag sets in the process is taken back behind the test.
    monkeypatch.setenv("FACESDK_ALLOW_UNSIGNED", "0")

    def call(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out = capsys.readouterr()
        return (caught.value.code if isinstance(caught.value.code, int) else 0), out.out + out.err

    return call


def test_trust_and_distrust(run, tiny_pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_private_key(tmp_path / "acme.pem")
    public = key.public_key().public_bytes_raw().hex()
    (tmp_path / "acme.pub.pem").write_bytes(public_pem(public))
    (tiny_pack.path / SIGNATURE_FILE).write_bytes(sign_manifest(tiny_pack.manifest_bytes, key))
    monkeypatch.setenv("FACESDK_HOME", str(tmp_path / "home"))
    code, out = run("packs", "verify", tiny_pack.path)
    assert code == 4 and "does not trust" in out and "facesdk packs trust" in out
    code, out = run("packs", "trust", tmp_path / "acme.pub.pem", "--name", "acme")
    assert code == 0 and public in out
    code, out = run("packs", "verify", tiny_pack.path)
    assert code == 0 and "signed by acme, 4 files match" in out
    code, out = run("packs", "keys")
    assert public in out and ROOT_KEYS["facesdk"] in out
    assert run("packs", "distrust", "acme")[0] == 0
    assert run("packs", "verify", tiny_pack.path)[0] == 4


@pytest.mark.parametrize("before", [True, False])
def test_the_flag_opens_what_nobody_signed(run, tiny_pack: Pack, before: bool) -> None:
    (tiny_pack.path / SIGNATURE_FILE).unlink()
    command = ["packs", "verify", tiny_pack.path]
    code, out = run(*command)
    assert code == 4 and "--allow-unsigned" in out
    code, out = run(*(["--allow-unsigned", *command] if before else [*command, "--allow-unsigned"]))
    assert code == 0 and "UNSIGNED, 4 files match" in out


def test_licences_say_what_is_allowed(run, tiny_pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = run("packs", "licenses", tiny_pack.path)
    assert code == 0 and "Apache-2.0   commercial use: yes" in out
    monkeypatch.setenv("FACESDK_COMMERCIAL", "maybe")
    code, out = run("packs", "licenses", tiny_pack.path)
    assert code == 2 and "FACESDK_COMMERCIAL='maybe'" in out
