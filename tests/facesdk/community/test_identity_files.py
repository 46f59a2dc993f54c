"""Faces that other tools saved: read without running anything, and never without consent."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from facesdk.cli import main
from facesdk.community.identity_files import import_identity
from facesdk.consent import Consent
from facesdk.errors import ConsentError, InputError, MediaError
from facesdk.identity import Identity

VECTOR = np.random.default_rng(2).normal(size=512).astype(np.float32)
W600K = "arcface_w600k_r50"


def _reactor(path: Path, vector: np.ndarray = VECTOR) -> Path:
    """As ReActor's save_face_model writes them."""
    tensors = {"bbox": np.zeros(4, np.float32), "kps": np.zeros((5, 2), np.float32), "embedding": vector}
    save_file({**tensors, "gender": np.array(1), "age": np.array(31)}, path)
    return path


def _visomaster(path: Path, *names: str, store: dict[str, object] | None = None) -> Path:
    kept = store or {"Inswapper128ArcFace": VECTOR.tolist(), "GhostArcFace": [0.0] * 512}
    path.write_text(json.dumps([{"name": name, "embedding_store": kept} for name in names]))
    return path


def test_every_kind_of_file_gives_the_same_face(tmp_path: Path) -> None:
    rope = tmp_path / "rope.json"
    rope.write_text(json.dumps([{"name": "ann", "embedding": VECTOR.tolist()}]))
    np.save(tmp_path / "plain.npy", VECTOR)
    faces = [
        import_identity(_reactor(tmp_path / "ann.safetensors"), Consent.self_()),
        import_identity(_visomaster(tmp_path / "viso.json", "ann"), Consent.self_()),
        import_identity(_visomaster(tmp_path / "two.json", "bob", "ann"), Consent.self_(), name="ann"),
        import_identity(rope, Consent.self_()),
        import_identity(tmp_path / "plain.npy", Consent.self_(), space=W600K),
    ]
    for face in faces:
        np.testing.assert_allclose(face.embedding, VECTOR / np.linalg.norm(VECTOR), atol=1e-6)
        assert face.space == W600K and face.pack == "" and len(face.crops) == 0
        assert face.length == pytest.approx(np.linalg.norm(VECTOR), rel=1e-6)
    assert len({face.id for face in faces}) == 1


def test_it_survives_its_own_file_and_a_change_is_noticed(tmp_path: Path) -> None:
    face = import_identity(_reactor(tmp_path / "ann.safetensors"), Consent.given("Ann", expires="2199-01-01"))
    face.save(tmp_path / "ann.identity")
    loaded = Identity.load(tmp_path / "ann.identity")
    assert (loaded.id, loaded.space, loaded.length, loaded.pack) == (face.id, W600K, face.length, "")
    assert loaded.consent == face.consent and loaded.crops.shape == (0, 256, 256, 3)
    data = (tmp_path / "ann.identity").read_bytes()
    assert data.count(W600K.encode()) == 1
    # Another recogniser of the same name's length, and so of the same file's layout.
    (tmp_path / "ann.identity").write_bytes(data.replace(W600K.encode(), b"arcface_w600k_r51"))
    with pytest.raises(MediaError, match="does not match its own hash"):
        Identity.load(tmp_path / "ann.identity")


def test_the_length_of_unit_vectors_is_not_known(tmp_path: Path) -> None:
    unit = VECTOR / np.linalg.norm(VECTOR)
    assert import_identity(_reactor(tmp_path / "u.safetensors", unit), Consent.self_()).length == 0.0


def test_several_rows_are_averaged_as_unit_vectors(tmp_path: Path) -> None:
    rows = np.stack([VECTOR, 3 * np.roll(VECTOR, 1)])
    np.save(tmp_path / "rows.npy", rows)
    face = import_identity(tmp_path / "rows.npy", Consent.self_(), space=W600K)
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(0)
    np.testing.assert_allclose(face.embedding, mean / np.linalg.norm(mean), atol=1e-6)


def test_without_consent_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="needs a consent statement"):
        import_identity(_reactor(tmp_path / "ann.safetensors"), None)


class _Bomb:
    def __reduce__(self):  # noqa: ANN204 - runs when it is unpickled
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("name", ["face.pkl", "face.pth", "face.npy", "archive.npy"])
def test_a_pickle_is_never_opened(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "face.npy":
        np.save(tmp_path / name, np.array([_Bomb()], object), allow_pickle=True)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(MediaError, match="[Pp]ickle|pickled"):
        import_identity(tmp_path / name, Consent.self_(), space=W600K)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "head",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000000, 512), }",
        "{'descr': (",
        "  x\n y\nz L",
        "(" * 3000,
    ],
)
def test_a_head_that_is_none_is_a_typed_error(head: str, tmp_path: Path) -> None:
    """NumPy raises MemoryError, TokenError and IndentationError for them."""
    text = head.encode() + b"\n"
    (tmp_path / "face.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(2048))
    with pytest.raises(MediaError, match="is no plain array"):
        import_identity(tmp_path / "face.npy", Consent.self_(), space=W600K)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "holds 0 faces"),
        (json.dumps([{"name": "a", "embedding": [1.0]}, {"name": "b"}]), "holds 2 faces: a, b"),
        (json.dumps({"embedding": [1.0, 2.0]}), r"has shape \(2,\)"),
        (json.dumps({"embedding": ["x"] * 512}), "no list of numbers"),
        (json.dumps({"embedding": [[1.0], [1.0, 2.0]]}), "no list of numbers"),
        (json.dumps({"embedding": [float("nan")] * 512}), "zero, NaN or infinite"),
        (json.dumps({"embedding": [0.0] * 512}), "zero, NaN or infinite"),
        (json.dumps({"embedding": [1e300] * 512}), "zero, NaN or infinite"),
        (json.dumps({"embedding": ([1.0] + [0.0] * 511, [-1.0] + [0.0] * 511)}), "point nowhere"),
        (json.dumps({"embedding_store": {"SimSwapArcFace": [1.0] * 512}}), "it holds: SimSwapArcFace"),
        (json.dumps({"embedding_store": 3}), "it holds: none"),
        (json.dumps({"name": "a"}), "holds no embedding"),
        (json.dumps([3]), "holds 0 faces"),
    ],
)
def test_damaged_lists_are_refused(document: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(document)
    with pytest.raises((MediaError, InputError), match=why):
        import_identity(tmp_path / "f.json", Consent.self_())


def test_wrong_files_names_and_recognisers(tmp_path: Path) -> None:
    path = _visomaster(tmp_path / "v.json", "ann", "ann")
    with pytest.raises(InputError, match="2 entries are called 'ann'"):
        import_identity(path, Consent.self_(), name="ann")
    with pytest.raises(InputError, match="0 entries are called 'eve'"):
        import_identity(path, Consent.self_(), name="eve")
    np.save(tmp_path / "plain.npy", VECTOR)
    with pytest.raises(InputError, match="does not say which recogniser"):
        import_identity(tmp_path / "plain.npy", Consent.self_())
    with pytest.raises(InputError, match="recogniser 'inswapper_128'"):
        import_identity(tmp_path / "plain.npy", Consent.self_(), space="inswapper_128")
    np.save(tmp_path / "ints.npy", np.arange(512))
    with pytest.raises(MediaError, match="holds int64"):
        import_identity(tmp_path / "ints.npy", Consent.self_(), space=W600K)
    save_file({"weights": VECTOR}, tmp_path / "lora.safetensors")
    with pytest.raises(MediaError, match="no tensor 'embedding'"):
        import_identity(tmp_path / "lora.safetensors", Consent.self_())
    (tmp_path / "cut.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(MediaError, match="is no safetensors file"):
        import_identity(tmp_path / "cut.safetensors", Consent.self_())
    with pytest.raises(MediaError, match="no such file"):
        import_identity(tmp_path / "gone.npy", Consent.self_(), space=W600K)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out = capsys.readouterr()
        return (caught.value.code if isinstance(caught.value.code, int) else 0), out.out + out.err

    file, out = _reactor(tmp_path / "ann.safetensors"), tmp_path / "ann.identity"
    code, said = run("identity", "import", file, "-o", out)
    assert code == 5 and "--consent" in said and not out.exists()
    code, said = run("identity", "import", file, "--consent", "given", "--who", "Ann Lee", "-o", out)
    assert code == 0 and W600K in said and "Ann" not in said.split("consent")[1].split("->")[0]
    code, said = run("identity", "show", out)
    assert code == 0 and W600K in said and "pictures   0" in said
    code, said = run("identity", "import", file, "--consent", "self", "-o", tmp_path / "ann.json")
    assert code == 3 and "ends in .identity" in said
