"""Opens a file of weights, whatever wrote it: safetensors, torch, or an official StyleGAN pickle."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from export.imports.dnnlib_pickle import read_stylegan_pickle
from facesdk.errors import InputError

ZIP_MAGIC = b"PK\x03\x04"
PICKLE_MAGIC = b"\x80"
# A pickle of torch.serialization.MAGIC_NUMBER: how torch began a file before 1.6.
OLD_TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
AGAIN = "Fetch the file again, and compare its SHA-256 with its maker's."
LONGEST_NAME = 300
DEEPEST = 64
DTYPES = (
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32,
    torch.int64,
)  # fmt: skip


@dataclass(frozen=True)
class WeightsFile:
    """What a file holds.

    Attributes:
        name: of the file, without its folder.
        sha256: of its bytes.
        tensors: by name, on the CPU; groups of tensors are joined with dots ("state_dict.encoder.body.0...").
        settings: of an official pickle: what its networks were built with.
    """

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_weights_file(path: Path) -> WeightsFile:
    """Reads a file of weights without running anything that it holds.

    Raises:
        InputError: no such file, a damaged one, one of another kind, or one with what no weights need: code, references
            to outside, tensors larger than their bytes, numbers that are not finite.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(len(OLD_TORCH_MAGIC))
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Name a file of weights.") from error
    settings: Mapping[str, Any] = {}
    if head.startswith((ZIP_MAGIC, OLD_TORCH_MAGIC)):
        found = _flat(_load_torch(path, head), path.name)
    elif head.startswith(PICKLE_MAGIC):
        network = read_stylegan_pickle(path.read_bytes(), path.name)
        settings = network.settings
        found = {name: torch.from_numpy(np.array(array)) for name, array in network.tensors.items()}
    else:
        found = _load_safetensors(path)
    for name, tensor in found.items():
        _check(tensor, name, path.name)
    if not found:
        raise InputError(f"{path.name} holds no tensors.", "Name a file of weights.")
    return WeightsFile(path.name, sha256, found, settings)


def _load_torch(path: Path, head: bytes) -> Any:
    try:
        if head.startswith(ZIP_MAGIC):
            with zipfile.ZipFile(path) as archive:
                # torch stores without compression; what is compressed may unpack to any size.
                packed = [item.filename for item in archive.infolist() if item.compress_type != zipfile.ZIP_STORED]
            if packed:
                raise InputError(f"{path.name} is no file of torch: {packed[0]} in it is compressed.", AGAIN)
        return torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except UnpicklingError as error:
        raise InputError(
            f"{path.name} asks for more than tensors: {_first_line(error)}.",
            "Nothing of it was run. Ask its maker for the state dict alone, or for safetensors.",
        ) from error
    # A damaged file makes torch raise whatever its reader stumbles over.
    except Exception as error:
        raise InputError(f"{path.name} is damaged: {_first_line(error)}.", AGAIN) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path.name} is neither safetensors, nor a file of torch, nor a pickle, or it is damaged: {error}.",
            AGAIN,
        ) from error


def _flat(document: Any, source: str) -> dict[str, Tensor]:
    """Every tensor in nested dicts; what else a checkpoint keeps (steps, options) is no weight."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        prefix, value = waiting.pop()
        if isinstance(value, Tensor):
            found[prefix.lstrip(".") or "tensor"] = value
        # A dict that holds itself, or a thousand times another one, is walked once.
        elif isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))
            if prefix.count(".") > DEEPEST:
                raise InputError(f"{source} holds dicts {DEEPEST} deep: no checkpoint is so.", AGAIN)
            waiting += [(f"{prefix}.{name}", item) for name, item in reversed(value.items())]
    return found


def _check(tensor: Tensor, name: str, source: str) -> None:
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise InputError(f"{source} names a tensor {name[:40]!r}: no plain name.", AGAIN)
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype not in DTYPES:
        raise InputError(f"{source}: {name} is {tensor.dtype}, {tensor.layout}: no plain numbers.", "")
    held = tensor.untyped_storage().nbytes()
    if tensor.numel() * tensor.element_size() > held:
        raise InputError(f"{source}: {name} claims the shape {tuple(tensor.shape)}, but has {held} bytes.", AGAIN)
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{source}: {name} holds numbers that are not finite.", AGAIN)
