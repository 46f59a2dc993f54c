"""The official StyleGAN pickles, (G, D, Gs) of dnnlib.tflib.Network: tensors out of them without TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.imports.inert_pickle import Made, read_pickle
from facesdk.errors import InputError

NETWORKS = frozenset({"dnnlib.tflib.network.Network", "dnnlib.tflib.Network"})
MAPPINGS = frozenset({"dnnlib.util.EasyDict", "dnnlib.EasyDict", "collections.OrderedDict"})
RECONSTRUCT = frozenset({"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"})
SCALAR = frozenset({"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"})
# Protocol 5 writes an array so.
FROM_BUFFER = frozenset({"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"})
DTYPE = "numpy.dtype"
NDARRAY = "numpy.ndarray"
# Protocol 2 writes bytes so, and those of an array without elements as a call without arguments.
ENCODE = "_codecs.encode"
BYTES = frozenset({"__builtin__.bytes", "builtins.bytes"})
ALLOWED = NETWORKS | MAPPINGS | RECONSTRUCT | SCALAR | FROM_BUFFER | BYTES | {DTYPE, NDARRAY, ENCODE}

DTYPES = {"f2": "<f2", "f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8"}
MOST_AXES = 8
# Averages of the generator, which are what NVIDIA's own scripts draw with.
AVERAGED = 2


@dataclass(frozen=True)
class PickledNetwork:
    """A network of a pickle.

    Attributes:
        settings: keyword arguments that the network was built with, its parts' own ones over its own.
        tensors: by "part/variable", or "variable" for those of the network itself.
    """

    settings: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def read_stylegan_pickle(data: bytes, source: str) -> PickledNetwork:
    """Reads the averaged generator Gs of an official StyleGAN pickle.

    Args:
        data: the file.
        source: its name, for messages.

    Raises:
        InputError: another pickle, a damaged one, or one that asks for anything but arrays.

    Source: NVlabs/stylegan dnnlib/tflib/network.py, Network.__getstate__; pretrained_example.py for (G, D, Gs).
    """
    document = read_pickle(data, source, ALLOWED)
    network = document[AVERAGED] if isinstance(document, tuple | list) and len(document) == AVERAGED + 1 else document
    if not isinstance(network, Made) or network.path not in NETWORKS:
        raise InputError(
            f"{source} is a pickle of something else, expected the networks (G, D, Gs) or one of them.",
            "Other checkpoints are read as files of torch or as safetensors.",
        )
    settings: dict[str, Any] = {}
    tensors: dict[str, NDArray[Any]] = {}
    _collect(network, "", source, settings, tensors, len(data))
    return PickledNetwork(settings, tensors)


def _collect(
    network: Made, prefix: str, source: str, settings: dict[str, Any], tensors: dict[str, NDArray[Any]], most_bytes: int
) -> None:
    state = network.state
    if not isinstance(state, dict):
        raise _strange(source, f"the network {prefix or 'Gs'} has no state")
    settings.update({k: v for k, v in _mapping(state.get("static_kwargs", {})).items() if isinstance(k, str)})
    variables = state.get("variables", ())
    if not isinstance(variables, tuple | list):
        raise _strange(source, f"the variables of {prefix or 'Gs'} are no list")
    used = sum(array.nbytes for array in tensors.values())
    for entry in variables:
        if not (isinstance(entry, tuple | list) and len(entry) == 2 and isinstance(entry[0], str)):
            raise _strange(source, f"a variable of {prefix or 'Gs'} is no pair of name and array")
        array = _array(entry[1], prefix + entry[0], source)
        used += array.nbytes
        # One array under a thousand names would be copied a thousand times.
        if used > most_bytes:
            raise _strange(source, "its arrays are larger than the file")
        tensors[prefix + entry[0]] = array
    # Parts have no parts of their own: depth is not for the file to choose.
    if not prefix:
        for name, part in _mapping(state.get("components", {})).items():
            if not isinstance(part, Made) or part.path not in NETWORKS:
                raise _strange(source, f"the part {name!r} is no network")
            _collect(part, f"{name}/", source, settings, tensors, most_bytes)


def _mapping(value: Any) -> dict[Any, Any]:
    if isinstance(value, Made) and value.path in MAPPINGS:
        return value.items
    return value if isinstance(value, dict) else {}


def _array(value: Any, name: str, source: str) -> NDArray[Any]:
    """An array out of what numpy's own pickling would have called."""
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 1 << 63):
        return np.asarray(value)
    if isinstance(value, Made):
        if value.path in RECONSTRUCT and isinstance(value.state, tuple) and len(value.state) == 5:
            _, shape, dtype, fortran, raw = value.state
            return _from_bytes(raw, dtype, shape, bool(fortran), name, source)
        if value.path in SCALAR and len(value.arguments) == 2:
            return _from_bytes(value.arguments[1], value.arguments[0], (), False, name, source)
        if value.path in FROM_BUFFER and len(value.arguments) == 4:
            raw, dtype, shape, order = value.arguments
            return _from_bytes(raw, dtype, shape, order == "F", name, source)
    raise _strange(source, f"{name} is no array")


def _from_bytes(raw: Any, dtype: Any, shape: Any, fortran: bool, name: str, source: str) -> NDArray[Any]:
    data, kind = _bytes(raw), _dtype(dtype)
    sizes = shape if isinstance(shape, tuple) else (shape,)
    plain = len(sizes) <= MOST_AXES and all(isinstance(n, int) and 0 <= n < 1 << 31 for n in sizes)
    if data is None or kind is None or not plain:
        raise _strange(source, f"{name} is no array of plain numbers")
    if len(data) != math.prod(sizes) * kind.itemsize:
        raise _strange(source, f"{name} has {len(data)} bytes, its shape {sizes} needs another number")
    return np.frombuffer(data, kind).reshape(sizes, order="F" if fortran else "C")


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, Made) and value.path == ENCODE and value.arguments[1:] == ("latin1",):
        text = value.arguments[0]
        value = text.encode("latin1") if isinstance(text, str) else None
    if isinstance(value, Made) and value.path in BYTES and not value.arguments:
        return b""
    return bytes(value) if isinstance(value, bytes | bytearray) else None


def _dtype(value: Any) -> np.dtype[Any] | None:
    """Only little-endian plain numbers; never an object or a record."""
    if (
        not isinstance(value, Made)
        or value.path != DTYPE
        or not value.arguments
        or not isinstance(value.arguments[0], str)
    ):
        return None
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "<"
    kind = DTYPES.get(value.arguments[0])
    return np.dtype(kind) if kind is not None and order in ("<", "=", "|") else None


def _strange(source: str, what: str) -> InputError:
    return InputError(f"{source} is no pickle of StyleGAN as NVIDIA wrote it: {what}.", "Fetch the file again.")
