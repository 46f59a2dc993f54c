"""C2PA: c2pa's own reader agrees, inputs' credentials stay, and nothing leaks."""

from __future__ import annotations

import getpass
import io
import json
import os
import socket
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.errors import ProvenanceError
from facesdk.provenance.credentials import OWN_ASSERTION, PICTURE_TYPES, read_credentials, sign_picture
from facesdk.provenance.install_key import install_key, known_root
from facesdk.provenance.label import SOURCE_TYPES
from facesdk.provenance.mark import mark
from facesdk.provenance.verify import examine, exit_code
from facesdk.provenance.work import Work
from facesdk.settings import Settings

c2pa = pytest.importorskip("c2pa", reason="facesdk[c2pa] is not installed")

_Y, _X = np.mgrid[0:160, 0:192]
IMAGE = np.stack([_X, _Y, 255 - _X], -1).astype(np.uint8)
IMAGE += np.random.default_rng(0).integers(0, 9, IMAGE.shape, np.uint8)
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}


def encoded(format: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, format)
    return stream.getvalue()


def store(data: bytes, format: str = "JPEG") -> dict[str, object]:
    """What c2pa's reader says, with its own settings but for the network."""
    context = c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}})
    reader = c2pa.Reader(PICTURE_TYPES[format], io.BytesIO(data), context=context)
    return {**json.loads(reader.json()), "state": reader.get_validation_state()}


@pytest.mark.parametrize("format", PICTURE_TYPES)
@pytest.mark.parametrize("kind", ["swap", "generate"])
@pytest.mark.parametrize("with_parent", [False, True])
def test_c2pas_own_reader_agrees(format: str, kind: str, with_parent: bool) -> None:
    work = Work(encoded("PNG") if with_parent else None, ("id",), ("self",))
    data = mark(IMAGE, kind, work).encode(format)  # type: ignore[arg-type]
    found = store(data, format)
    # Who does not know our root finds the file unchanged, and its signer unknown.
    assert found["state"] == "Valid"
    manifest = found["manifests"][found["active_manifest"]]  # type: ignore[index]
    (actions,) = [a["data"]["actions"] for a in manifest["assertions"] if a["label"].startswith("c2pa.actions")]
    names = [action["action"] for action in actions]
    made = ["c2pa.opened", "c2pa.edited"] if with_parent else ["c2pa.created"]
    assert names == [*made, "c2pa.watermarked.unbound"]
    assert actions[len(made) - 1]["digitalSourceType"] == SOURCE_TYPES[kind]
    (own,) = [a["data"] for a in manifest["assertions"] if a["label"] == OWN_ASSERTION]
    ours = read_credentials(data)
    assert ours is not None and ours.state == "Trusted" and ours.faults == ()
    assert ours.source_types == (SOURCE_TYPES[kind],) and ours.number == own["pixelMark"] and len(ours.number) == 8


def test_credentials_of_the_input_are_kept() -> None:
    first = mark(IMAGE, "generate").encode("JPEG")
    second = mark(IMAGE, "swap", Work(first)).encode("PNG")
    found = read_credentials(second)
    assert found is not None and found.manifests == 2 and found.state == "Trusted"
    ingredient = store(second, "PNG")["manifests"][store(second, "PNG")["active_manifest"]]["ingredients"][0]  # type: ignore[index]
    assert ingredient["relationship"] == "parentOf" and ingredient["title"] == "input"


@pytest.mark.parametrize("parent", [b"no picture", b"\xff\xd8\xff\xe0 half a JPEG", b"BM" + bytes(60)])
def test_an_input_that_cannot_be_named_is_left_out(parent: bytes) -> None:
    found = read_credentials(mark(IMAGE, "swap", Work(parent)).encode("JPEG"))
    assert found is not None and found.state == "Trusted" and found.manifests == 1


def test_nothing_leaks(tmp_path: Path) -> None:
    parent = encoded("JPEG")
    path = mark(IMAGE, "swap", Work(parent, ("secret-identity",), ("self",))).save(tmp_path / "holiday of ann.jpg")
    data = path.read_bytes()
    document = json.dumps(store(data))
    assert "thumbnail" not in document
    names = [str(tmp_path), "holiday", "secret-identity", getpass.getuser(), socket.gethostname()]
    # Three letters are found in any compressed file.
    for text in (name for name in names if len(name) > 3):
        assert text.encode() not in data, text
    # No picture within the picture: the only JPEG in the file is the file.
    assert data.count(b"\xff\xd8\xff") == 1 and parent[-600:-400] not in data
    # A manifest is small; a picture would not be.
    plain = len(sign_picture(encoded(), "JPEG", "swap", "")) - len(encoded())
    assert plain < 6000


def test_nobody_is_asked_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    assert read_credentials(mark(IMAGE, "swap", Work(encoded())).encode("JPEG")) is not None


def test_changes_are_found(tmp_path: Path) -> None:
    data = mark(IMAGE, "swap").encode("JPEG")
    path = tmp_path / "a.jpg"
    scan = data.rindex(b"\xff\xda") + 20
    for place in np.random.default_rng(0).integers(scan, len(data) - 2, 40):
        edited = bytearray(data)
        edited[place] ^= 1
        found = read_credentials(bytes(edited))
        assert found is not None and found.state == "Invalid" and found.faults
    path.write_bytes(bytes(edited))
    report = examine(path, thorough=False)
    assert report.broken and exit_code([report]) == 5


def test_the_key_is_made_once_and_is_its_users_alone(tmp_path: Path) -> None:
    settings = Settings(config_folder=tmp_path / "config")
    assert known_root(settings) is None
    first = install_key(settings)
    assert install_key(settings) == first and known_root(settings) == first.root_pem
    assert sorted(file.name for file in (tmp_path / "config").iterdir()) == ["signing"]
    if os.name == "posix":
        for file in (tmp_path / "config" / "signing").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "config" / "signing").stat().st_mode) == 0o700
    assert "PRIVATE" not in repr(first)
    # Another installation finds the file unchanged, and its signer unknown.
    other = Settings(config_folder=tmp_path / "other")
    install_key(other)
    data = sign_picture(encoded(), "JPEG", "swap", "", settings=settings)
    states = [read_credentials(data, each).state for each in (settings, other)]  # type: ignore[union-attr]
    assert states == ["Trusted", "Valid"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProvenanceError, match=r"cannot be kept(.|\n)*FACESDK_HOME"):
        install_key(Settings(config_folder=tmp_path / "file" / "config"))


def test_a_file_without_manifest_has_none() -> None:
    assert read_credentials(encoded()) is None and read_credentials(b"BM" + bytes(70)) is None
    assert read_credentials(b"text") is None
