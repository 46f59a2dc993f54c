"""Which model a file is: told by the names and shapes of its tensors, and never guessed."""

from __future__ import annotations

from facesdk.community.convention import Convention, Port
from facesdk.community.emap import find_emap
from facesdk.community.onnx_file import OnnxFile
from facesdk.community.table import CONVENTIONS
from facesdk.errors import PackError
from facesdk.pack.manifest import TensorSpec

Binding = dict[str, str]
"""Kind of a port -> name of the tensor."""
MORE_OUTPUTS = ("mask", "enhancer")
"""Roles whose files were often exported with the outputs that only training needs."""


def recognise_model(file: OnnxFile, where: str, wish: str | None = None) -> Convention:
    """Finds the convention that a file obeys.

    Args:
        file: its edges.
        where: its name; it proves nothing, and is only used to word the errors.
        wish: the convention that the user names, or None. With it the shapes alone must fit: files are renamed inside.

    Raises:
        PackError: no such convention, none fits, or several do; then they are listed.
    """
    if wish is not None:
        return _check_wish(file, where, wish)
    found = [convention for convention in CONVENTIONS.values() if bind(convention, file.inputs, file.outputs)]
    has_emap = find_emap(file) is not None
    fitting = [c for c in found if _reads_emap(c) == has_emap or c.role != "swapper"]
    if found and not fitting:
        names = ", ".join(c.name for c in found)
        raise PackError(
            f"{where} has the tensors of {names}, but no emap: no initializer of that name, and no single (512, 512) "
            "one that feeds no node. Without it the face would never change. Not added.",
            "Conversions and optimisers drop it: take the file as its makers published it.",
        )
    if not fitting:
        raise PackError(
            f"{where} is none of the models that facesdk knows: inputs {_listing(file.inputs)}, outputs "
            f"{_listing(file.outputs)}.",
            "If you know which one it is: --as NAME. Known: " + ", ".join(CONVENTIONS),
        )
    if len(fitting) > 1:
        candidates = [convention.name for convention in fitting]
        stem = where.rsplit(".", 1)[0]
        likely = stem if stem in candidates else candidates[0]
        raise PackError(
            f"{where}: its tensors are those of several models: {', '.join(candidates)}.",
            f"Say which one it is, for example: --as {likely}",
        )
    return fitting[0]


def bind(
    convention: Convention, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], by_shape: bool = False
) -> tuple[Binding, Binding] | None:
    """Says which tensor is what.

    Args:
        convention: what is expected.
        inputs, outputs: of the graph.
        by_shape: names need not fit where the shapes tell the tensors apart.

    Returns:
        For inputs and outputs the tensor of each kind, or None if they do not fit.
    """
    exact = not by_shape and convention.role not in MORE_OUTPUTS
    if len(inputs) != len(convention.inputs) or (exact and len(outputs) != len(convention.outputs)):
        return None
    read = _bind(convention.inputs, inputs, by_shape)
    written = _bind(convention.outputs, outputs, by_shape)
    return None if read is None or written is None else (read, written)


def _bind(ports: tuple[Port, ...], tensors: tuple[TensorSpec, ...], by_shape: bool) -> Binding | None:
    free, out = list(tensors), Binding()
    for port in ports:
        fitting = [tensor for tensor in free if any(_fits(tensor.shape, shape) for shape in port.shapes)]
        named = [tensor for tensor in fitting if not port.names or tensor.name in port.names]
        # By shape alone two ports of equal shape cannot be told apart.
        alike = [p for p in ports if p.names and set(p.shapes) & set(port.shapes)]
        chosen = named or (fitting if by_shape and len(alike) == 1 else [])
        if not chosen:
            return None
        out[port.kind] = chosen[0].name
        free.remove(chosen[0])
    return out


def _fits(shape: tuple[int | str, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want is None or not isinstance(size, int) or size == want for size, want in zip(shape, wanted)
    )


def _check_wish(file: OnnxFile, where: str, wish: str) -> Convention:
    convention = CONVENTIONS.get(wish)
    if convention is None:
        raise PackError(f"--as {wish}: no such model.", "Known: " + ", ".join(CONVENTIONS))
    if bind(convention, file.inputs, file.outputs, by_shape=True) is None:
        wanted = ", ".join(f"{port.names or port.kind} {port.shapes[0]}" for port in convention.inputs)
        raise PackError(
            f"{where} cannot be {wish}: its inputs are {_listing(file.inputs)}, outputs {_listing(file.outputs)}; "
            f"{wish} reads {wanted}.",
            "Leave --as out to see what it fits.",
        )
    if _reads_emap(convention) and find_emap(file) is None:
        raise PackError(
            f"{where} cannot be {wish}: it has no emap: no initializer of that name, and no single (512, 512) one that "
            "feeds no node. Not added.",
            "Conversions and optimisers drop it: take the file as its makers published it.",
        )
    return convention


def _reads_emap(convention: Convention) -> bool:
    return convention.source is not None and convention.source.kind == "emap"


def _listing(tensors: tuple[TensorSpec, ...]) -> str:
    shown = [f"{t.name} ({', '.join('?' if isinstance(d, str) else str(d) for d in t.shape)})" for t in tensors[:12]]
    return ", ".join(shown) or "none"
