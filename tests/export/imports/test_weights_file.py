from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from export.imports.layouts import find_layout
from export.imports.weights_file import read_weights_file
from facesdk.errors import InputError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}


@pytest.mark.parametrize("new", [True, False])
def test_a_file_of_torch_gives_its_tensors_by_their_whole_names(tmp_path: Path, new: bool) -> None:
    file = tmp_path / "x.pt"
    torch.save({"state_dict": TENSORS, "step": 3, "opts": {"lr": 0.1}}, file, _use_new_zipfile_serialization=new)
    found = read_weights_file(file)
    assert set(found.tensors) == {"state_dict.a", "state_dict.b"} and found.name == "x.pt"
    assert torch.equal(found.tensors["state_dict.a"], TENSORS["a"])
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


class _Bomb:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("new", [True, False])
def test_code_in_a_file_of_torch_is_refused_and_not_run(tmp_path: Path, new: bool) -> None:
    torch.save({"state_dict": {**TENSORS, "c": _Bomb(tmp_path / "trace")}}, tmp_path / "x.pt",
               _use_new_zipfile_serialization=new)  # fmt: skip
    with pytest.raises(InputError, match=r"asks for more than tensors(.|\n)*Nothing of it was run"):
        read_weights_file(tmp_path / "x.pt")
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(_Bomb(tmp_path / "trace")))
    with pytest.raises(InputError, match="system(.|\n)*Nothing of it was run"):
        read_weights_file(tmp_path / "x.pkl")
    assert not (tmp_path / "trace").exists()


def _files(folder: Path) -> dict[str, bytes]:
    torch.save(TENSORS, folder / "zip")
    torch.save(TENSORS, folder / "old", _use_new_zipfile_serialization=False)
    save_file(TENSORS, folder / "safetensors")
    return {name: (folder / name).read_bytes() for name in ("zip", "old", "safetensors")}


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_a_truncated_file_ends_in_a_typed_error(tmp_path: Path, kind: str) -> None:
    data, file = _files(tmp_path)[kind], tmp_path / "cut"
    for end in [*range(0, len(data) - 1, max(1, len(data) // 40)), len(data) - 1]:
        file.write_bytes(data[:end])
        with pytest.raises(InputError, match="cut"):
            read_weights_file(file)


def test_tensors_that_are_larger_than_their_bytes(tmp_path: Path) -> None:
    torch.save({"huge": torch.zeros(1).expand(10**9)}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="huge claims the shape"):
        read_weights_file(tmp_path / "x.pt")
    with (
        zipfile.ZipFile(tmp_path / "x.pt") as before,
        zipfile.ZipFile(tmp_path / "y.pt", "w", zipfile.ZIP_DEFLATED) as z,
    ):
        for item in before.infolist():
            z.writestr(item.filename, before.read(item))
    with pytest.raises(InputError, match="is compressed"):
        read_weights_file(tmp_path / "y.pt")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": torch.tensor([1.0, float("inf")])}, "not finite"),
        ({"a": torch.eye(2).to_sparse()}, "no plain numbers"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "no plain numbers"),
        ({"step": 3}, "holds no tensors"),
        ({"\x1b[2J": torch.ones(1)}, "no plain name"),
        ({"x" * 400: torch.ones(1)}, "no plain name"),
    ],
)
def test_what_no_weights_are(tmp_path: Path, value: Any, match: str) -> None:
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(InputError, match=match):
        read_weights_file(tmp_path / "x.pt")


def test_dicts_in_dicts_without_end(tmp_path: Path) -> None:
    shared: dict[str, Any] = {"a": torch.ones(1)}
    for _ in range(12):
        shared = {str(k): shared for k in range(50)}
    torch.save(shared, tmp_path / "wide.pt")
    assert len(read_weights_file(tmp_path / "wide.pt").tensors) == 1
    deep: dict[str, Any] = {"a": torch.ones(1)}
    for _ in range(200):
        deep = {"x": deep}
    torch.save(deep, tmp_path / "deep.pt")
    with pytest.raises(InputError, match="64 deep"):
        read_weights_file(tmp_path / "deep.pt")


def test_no_file_and_a_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_weights_file(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        read_weights_file(tmp_path)
    (tmp_path / "x").write_text("<html>404</html>" * 20)
    with pytest.raises(InputError, match="is neither safetensors"):
        read_weights_file(tmp_path / "x")


def test_a_foreign_checkpoint_is_named_with_what_is_known() -> None:
    with pytest.raises(InputError, match=r"x.pt is no file(.|\n)*first are a, b(.|\n)*rosinality"):
        find_layout(TENSORS, "x.pt")
