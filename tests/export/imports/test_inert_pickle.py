from __future__ import annotations

import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from export.imports import dnnlib_pickle
from export.imports.dnnlib_pickle import read_stylegan_pickle
from export.imports.inert_pickle import Made, read_pickle
from export.imports.stylegan_layouts import official_rows
from facesdk.errors import InputError
from tests.export.imports import stylegan_reference as reference


class _Command:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back_as_they_are(protocol: int) -> None:
    shared = ["x", b"\x00\xff" if protocol > 2 else "y"]
    value = {
        "a": [1, -2, 2**40, 2.5, True, None],
        "b": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "c": [shared, shared],
    }
    found = read_pickle(pickle.dumps(value, protocol), "f", ())
    assert found == value and found["c"][0] is found["c"][1]


def test_objects_become_records_of_what_would_have_been_called() -> None:
    data = pickle.dumps(OrderedDict(a=1), 4)
    made = read_pickle(data, "f", {"collections.OrderedDict"})
    assert isinstance(made, Made) and made.path == "collections.OrderedDict" and made.items == {"a": 1}
    with pytest.raises(InputError, match=r"names 'collections.OrderedDict'(.|\n)*Nothing of it was run"):
        read_pickle(data, "f", ())


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, eval, exec, getattr, __import__, np.load])
def test_a_call_is_refused_and_not_made(tmp_path: Path, protocol: int, function: Any) -> None:
    trace = tmp_path / "trace"
    bomb = _Command(function, f"touch {trace}")
    for value in (bomb, (1, 2, bomb), {"variables": [("lod", bomb)]}):
        with pytest.raises(InputError, match="which weights do not need"):
            read_stylegan_pickle(pickle.dumps(value, protocol), "f")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"\x80\x02P1\n.", "no whole pickle|PERSID"),
        (b"\x80\x02K\x01Q.", "BINPERSID"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"(ios\nsystem\n.", "INST"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "no whole pickle"),
        (b"\x80\x02]h\x05.", "no whole pickle"),
        (b"\x80\x02(.", "a mark where"),
        (b"\x80\x02K\x01K\x02b.", "a int where a Made belongs"),
        (b"\x80\x02]", "no whole pickle"),
        (b"", "no whole pickle"),
        (b"\x80\x04B\xff\xff\xff\xff", "no whole pickle"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x0f", "no whole pickle"),
    ],
)
def test_instructions_that_no_weights_need_and_damage(data: bytes, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_pickle(data, "f", ())


def _doubled(times: int) -> bytes:
    """Instructions that push a tuple of two tuples of two tuples...: some bytes each, 2^times where it is walked."""
    return b")q\x000" + b"h\x00h\x00\x86q\x000" * times + b"h\x00"


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"\x80\x02" + _doubled(200) + b"U\x01x\x93.", "a name that is no text"),
        (b"\x80\x02U\x01x" + _doubled(200) + b"\x93.", "a name that is no text"),
        (b"\x80\x02}" + _doubled(200) + b"K\x01s.", "a key that is neither"),
        (b"\x80\x02(" + _doubled(200) + b"K\x01d.", "a key that is neither"),
        # Hashing it would overflow the stack of the process, which no exception tells.
        (b"\x80\x02})" + b"\x85" * 300_000 + b"K\x01s.", "a key that is neither"),
    ],
)
def test_tuples_within_tuples_are_never_walked(data: bytes, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_pickle(data, "f", ())


def test_a_setting_of_tuples_within_tuples_is_told_in_short() -> None:
    value: Any = ()
    for _ in range(200):
        value = (value, value)
    with pytest.raises(InputError, match=r"num_channels=\(\(.{,90}, expected 3"):
        official_rows(nn.Module(), {}, {"num_channels": value})


def test_a_type_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = reference.write_pickle(tmp_path / "gs.pkl", {"synthesis/x": np.zeros(7, np.float32)}, protocol=2)
    data = file.read_bytes()
    assert data.count(b"X\x02\x00\x00\x00f4") == 1
    with pytest.raises(InputError, match="no array of plain numbers"):
        read_stylegan_pickle(data.replace(b"X\x02\x00\x00\x00f4", b"]"), "f")


def test_every_cut_and_many_flips_end_in_a_typed_error_or_a_document(tmp_path: Path) -> None:
    file = reference.write_pickle(
        tmp_path / "gs.pkl", {k: v for k, v in reference.official_variables().items() if "4x4" in k}
    )
    data = file.read_bytes()
    for end in [*range(0, 200), *range(200, len(data), 997)]:
        with pytest.raises(InputError):
            read_stylegan_pickle(data[:end], "f")
    heads = [position for _, _, position in pickletools.genops(data) if position is not None]
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        broken = bytearray(data)
        broken[rng.choice(heads)] = rng.integers(256)
        try:
            read_stylegan_pickle(bytes(broken), "f")
        except InputError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_of_every_order_and_kind(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"{d}{n}": rng.integers(0, 9, shape).astype(d) for d in ("f2", "f4", "f8", "i4", "i8") for n, shape in
              enumerate(((), (3,), (2, 3, 4), (0, 2)))}  # fmt: skip
    arrays["fortran"] = np.asfortranarray(rng.standard_normal((3, 4)).astype(np.float32))
    arrays["scalar"] = np.float32(2.5)  # type: ignore[assignment]
    file = reference.write_pickle(tmp_path / "gs.pkl", {f"synthesis/{k}": v for k, v in arrays.items()}, protocol)
    found = read_stylegan_pickle(file.read_bytes(), "f").tensors
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[f"synthesis/{name}"], array)
    assert set(found) == {f"synthesis/{k}" for k in arrays}


@pytest.mark.parametrize(
    "array", [np.array([{}], dtype=object), np.zeros(2, ">f4"), np.zeros(2, "c8"), np.array(["x"]), "text", None]
)
def test_arrays_of_anything_but_plain_numbers_are_refused(tmp_path: Path, array: Any) -> None:
    file = reference.write_pickle(tmp_path / "gs.pkl", {"synthesis/x": array})
    with pytest.raises(InputError, match="synthesis/x is no array"):
        read_stylegan_pickle(file.read_bytes(), "f")


def test_an_array_that_claims_more_than_its_bytes(tmp_path: Path) -> None:
    file = reference.write_pickle(tmp_path / "gs.pkl", {"synthesis/x": np.zeros(7, np.float32)}, protocol=2)
    data = file.read_bytes()
    assert data.count(b"K\x07\x85") == 1
    with pytest.raises(InputError, match="28 bytes"):
        read_stylegan_pickle(data.replace(b"K\x07\x85", b"K\xff\x85"), "f")


def test_one_array_under_many_names(tmp_path: Path) -> None:
    array = np.zeros(10_000, np.float32)
    file = reference.write_pickle(tmp_path / "gs.pkl", {f"synthesis/{k}": array for k in range(100)})
    assert file.stat().st_size < 60_000
    with pytest.raises(InputError, match="larger than the file"):
        read_stylegan_pickle(file.read_bytes(), "f")


def test_its_copies_are_not_made_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocol 2 keeps bytes as text, so that each name would cost a copy before anything is counted."""
    array = np.zeros(10_000, np.float32)
    file = reference.write_pickle(tmp_path / "gs.pkl", {f"synthesis/{k}": array for k in range(100)}, protocol=2)
    made = list[str]()
    real = dnnlib_pickle._array

    def counted(value: object, name: str, source: str) -> object:
        made.append(name)
        return real(value, name, source)

    monkeypatch.setattr(dnnlib_pickle, "_array", counted)
    with pytest.raises(InputError, match="larger than the file"):
        read_stylegan_pickle(file.read_bytes(), "f")
    assert 1 <= len(made) <= 3


@pytest.mark.parametrize("value", [1 << 70, -(1 << 64)])
def test_a_number_that_no_tensor_holds(tmp_path: Path, value: int) -> None:
    file = reference.write_pickle(tmp_path / "gs.pkl", {"synthesis/x": value})
    with pytest.raises(InputError, match="synthesis/x is no array"):
        read_stylegan_pickle(file.read_bytes(), "f")


def test_a_network_alone_and_pickles_of_something_else(tmp_path: Path) -> None:
    file = reference.write_pickle(tmp_path / "gs.pkl", {"synthesis/x": np.ones(2)}, networks=1, resolution=64)
    network = read_stylegan_pickle(file.read_bytes(), "f")
    assert list(network.tensors) == ["synthesis/x"] and network.settings["resolution"] == 64
    for value in ((1, 2, 3), [], {"a": 1}, 5):
        with pytest.raises(InputError, match="a pickle of something else"):
            read_stylegan_pickle(pickle.dumps(value), "f")
