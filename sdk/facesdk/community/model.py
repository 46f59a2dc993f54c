"""One community model of an open pack, run by its convention."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.community.convention import Convention
from facesdk.community.recognise_model import bind
from facesdk.community.table import CONVENTIONS
from facesdk.errors import PackError
from facesdk.pack import Pack
from facesdk.runtime.output_guard import require_varied
from facesdk.runtime.select import open_session
from facesdk.runtime.session import Session
from facesdk.types import F32

FAMILY = "community"
EMAP_FILE = "community/emap.npy"
VARIED = ("picture", "embedding", "source", "points")
"""Kinds of output that are never the same everywhere."""


@dataclass(frozen=True)
class Model:
    """A graph, and which of its tensors is what.

    Attributes:
        convention: what it reads and writes.
        session: runs it.
        inputs, outputs: kind -> name of the tensor.
    """

    convention: Convention
    session: Session
    inputs: dict[str, str]
    outputs: dict[str, str]

    def run(self, **feeds: F32) -> dict[str, F32]:
        """Runs the graph on rows, all at once where its file has a free batch axis, else one after the other.

        Args:
            feeds: rows for each kind of input.

        Returns:
            Rows for each kind of output.

        Raises:
            BackendError: what comes out is not finite, or one constant, as of half-precision models on some machines.
        """
        specs = {tensor.name: tensor for tensor in self.session.spec.inputs}
        named = {
            self.inputs[kind]: values.astype(specs[self.inputs[kind]].dtype, copy=False)
            for kind, values in feeds.items()
        }
        count = len(next(iter(named.values())))
        if all(isinstance(specs[name].shape[0], str) for name in named):
            pieces = [self.session.run(named)]
        else:
            pieces = [self.session.run({n: v[row : row + 1] for n, v in named.items()}) for row in range(count)]
        return {kind: self._rows(kind, [piece[name] for piece in pieces]) for kind, name in self.outputs.items()}

    def _rows(self, kind: str, pieces: list[NDArray[np.generic]]) -> F32:
        # Some graphs leave the batch axis of a single row out.
        rank = max(len(p.shapes[0]) for p in self.convention.outputs if p.kind == kind)
        rows = [piece if piece.ndim >= rank else piece[None] for piece in pieces]
        out = np.concatenate(rows).astype(np.float32)
        return require_varied(self.session.name, kind, out) if kind in VARIED else out


def conventions_of(pack: Pack) -> dict[str, Convention]:
    """Role -> convention, of the models that a pack holds.

    Raises:
        PackError: it holds none, or one that this facesdk does not know.
    """
    models = pack.manifest.family(FAMILY).extra.get("models")
    out: dict[str, Convention] = {}
    for role in pack.manifest.family(FAMILY).graphs:
        entry = models.get(role) if isinstance(models, dict) else None
        name = entry.get("convention") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name not in CONVENTIONS or CONVENTIONS[name].role != role:
            raise PackError(
                f"pack {pack.name}: the convention of its {role} is {name!r}, which this facesdk does not know.",
                "Update facesdk, or add the files again: facesdk packs add FILE",
            )
        out[role] = CONVENTIONS[name]
    return out


def open_model(pack: Pack, convention: Convention, backend: str = "auto", threads: int | None = None) -> Model:
    """Loads a model of a pack.

    Raises:
        PackError: the pack does not have it, or its graph does not obey the convention.
        BackendError: the backend is not there.
    """
    spec = pack.manifest.graph(FAMILY, convention.role)
    bound = bind(convention, spec.inputs, spec.outputs, by_shape=True)
    if bound is None:
        raise PackError(f"pack {pack.name}: its {convention.role} is not a {convention.name}.", "Add the file again.")
    return Model(convention, open_session(pack, FAMILY, convention.role, backend, threads), *bound)


def read_emap(pack: Pack) -> F32:
    """The pack's (512, 512) float32 matrix.

    Raises:
        PackError: it has none, or it is damaged.
    """
    try:
        matrix = np.load(io.BytesIO(pack.read(EMAP_FILE)), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise PackError(f"pack {pack.name}: {EMAP_FILE} is no array ({error}).", "Add the file again.") from error
    if matrix.shape != (512, 512) or matrix.dtype != np.float32 or not np.isfinite(matrix).all():
        raise PackError(f"pack {pack.name}: {EMAP_FILE} is no (512, 512) float32 matrix.", "Add the file again.")
    return np.asarray(matrix, np.float32)
