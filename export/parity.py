"""Parity: torch against each runtime that the pack will meet, with a floor that fails the export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from export.torch_graph import Floor, TorchGraph
from facesdk.errors import FacesdkError
from facesdk.pack import GraphSpec
from facesdk.runtime.onnx_session import OnnxSession
from facesdk.runtime.openvino_session import OpenvinoSession, cpu_has_bf16
from facesdk.runtime.session import Session

F32 = NDArray[np.float32]
Feeds = Mapping[str, F32]

# Backend -> whether it computes in a reduced precision (and is held to the reduced floor).
BACKENDS: dict[str, bool] = {"onnxruntime": False, "openvino_f32": False, "openvino_bf16": True}


class ParityError(FacesdkError):
    """A runtime's outputs are too far from torch's."""


@dataclass(frozen=True)
class Parity:
    """How far one output of one backend is from torch, over all batches.

    Attributes:
        max_abs: greatest absolute difference, in the output's unit.
        mean_abs: mean absolute difference of the batch where it is greatest, same unit.
        cosine: least cosine of a sample's output with torch's.
        psnr_db: PSNR with the range of torch's output as the peak; inf when equal.
        picture_db: the same of the picture that the graph shows for this output; None where it shows none.
        ok: no floor is missed.
    """

    graph: str
    backend: str
    output: str
    max_abs: float
    mean_abs: float
    cosine: float
    psnr_db: float
    floor: Floor
    ok: bool
    picture_db: float | None = None

    def manifest(self) -> dict[str, float]:
        """The figures, rounded to four digits."""
        values = {k: getattr(self, k) for k in ("max_abs", "mean_abs", "cosine")}
        for name in ("psnr_db", "picture_db"):
            decibels = getattr(self, name)
            # JSON has no infinity: equal outputs carry no PSNR.
            if decibels is not None and np.isfinite(decibels):
                values[name] = decibels
        return {k: float(f"{v:.6g}" if k == "cosine" else f"{v:.4g}") for k, v in values.items()}


def compare(reference: Sequence[F32], got: Sequence[F32]) -> dict[str, float]:
    """Differences of one output over several batches.

    Args:
        reference: torch's outputs, each (batch, ...).
        got: the runtime's, the same shapes.

    Returns:
        max_abs, mean_abs, cosine, psnr_db as in `Parity`. A value that is not finite makes them inf, inf, -1, -inf.
    """
    for ref, out in zip(reference, got, strict=True):
        if ref.shape != out.shape:
            raise ParityError(f"A runtime returned the shape {out.shape} where torch has {ref.shape}.")
        if not np.isfinite(out).all():
            return {"max_abs": np.inf, "mean_abs": np.inf, "cosine": -1.0, "psnr_db": -np.inf}
    ref_all = np.concatenate([r.ravel() for r in reference]).astype(np.float64)
    diff = np.concatenate([o.ravel() for o in got]).astype(np.float64) - ref_all
    mse = float((diff**2).mean())
    peak = float(np.ptp(ref_all)) or float(np.abs(ref_all).max()) or 1.0
    cosines = [_cosine(r, o) for ref, out in zip(reference, got, strict=True) for r, o in zip(ref, out, strict=True)]
    return {
        "max_abs": float(np.abs(diff).max()),
        "mean_abs": max(float(np.abs(o.astype(np.float64) - r).mean()) for r, o in zip(reference, got, strict=True)),
        "cosine": min(cosines),
        "psnr_db": float(10 * np.log10(peak**2 / mse)) if mse > 0 else float("inf"),
    }


def meets(values: Mapping[str, float], floor: Floor) -> bool:
    """Whether no bound of the floor is missed."""
    upper = all(
        bound is None or values[k] <= bound for k, bound in asdict(floor).items() if k in ("max_abs", "mean_abs")
    )
    lower_names = ("cosine", "psnr_db", "picture_db")
    lower = all(bound is None or values[k] >= bound for k, bound in asdict(floor).items() if k in lower_names)
    return upper and lower


def check_parity(
    graph: TorchGraph,
    data: bytes,
    batches: Sequence[Feeds] | None = None,
    backends: Sequence[str] | None = None,
    reduced: bool = False,
) -> list[Parity]:
    """Runs a graph in each backend and compares it with torch.

    Args:
        graph: its torch function is the reference.
        data: the ONNX file, as it will be in the pack.
        batches: inputs; None = three random batches of sizes 1, 2 and 3 from a fixed seed.
        backends: names in BACKENDS; None = all that can be measured here.
        reduced: the graph itself computes in half precision, so every backend is held to the reduced floor.

    Returns:
        One row for each backend and output.

    Raises:
        ParityError: a floor is missed; the text holds the rows that missed.
    """
    chosen = list(batches) if batches is not None else random_batches(graph)
    reference = [graph.run_torch(feeds) for feeds in chosen]
    rows: list[Parity] = []
    for backend in measurable_backends() if backends is None else backends:
        session = open_backend(backend, graph, data)
        outputs = [session.run(feeds) for feeds in chosen]
        for tensor in graph.outputs:
            values = compare([r[tensor.name] for r in reference], [o[tensor.name] for o in outputs])
            if tensor.name in graph.shows:
                values["picture_db"] = _picture_db(graph, tensor.name, reference, outputs)
            floor = graph.floor(tensor.name, BACKENDS[backend] or reduced)
            rows.append(Parity(graph.key, backend, tensor.name, **values, floor=floor, ok=meets(values, floor)))
    missed = [row for row in rows if not row.ok]
    if missed:
        lines = [f"  {r.graph} {r.output} on {r.backend}: {r.manifest()}, floor {_bounds(r.floor)}" for r in missed]
        raise ParityError(
            "Parity with torch is below the floor:\n" + "\n".join(lines),
            "Nothing was written. Look for an operator that the backend computes otherwise. A graph that bf16 does not "
            "suit can go without: name the other backends with --backend, and the runtime takes float32 for it.",
        )
    return rows


def random_batches(graph: TorchGraph, seed: int = 7) -> list[dict[str, F32]]:
    """Random inputs at batch 1, 2 and 3, or at the one that is fixed; other dynamic axes grow by one step each time."""
    rng = np.random.default_rng(seed)
    out = []
    for step, batch in enumerate((1, 2, 3)):
        sizes = {n: size + graph.multiples[n] * step for n, size in graph.example_sizes.items() if n in graph.multiples}
        out.append(graph.sample(rng, {**sizes, "batch": graph.fixed_batch or batch}))
    return out


def measurable_backends() -> tuple[str, ...]:
    """The backends that can be measured on this machine: bf16 only where the CPU multiplies it in hardware."""
    return tuple(name for name in BACKENDS if name != "openvino_bf16" or cpu_has_bf16())


def open_backend(backend: str, graph: TorchGraph, data: bytes) -> Session:
    """The session that the runtime itself would use, one thread.

    Args:
        backend: a name in BACKENDS.
        graph: its tensors are what the manifest will say.
        data: ONNX bytes.

    Raises:
        ParityError: the backend's name is not known.
        BackendError: it is not installed, or cannot do what it is asked for.
    """
    spec = GraphSpec("", "", len(data), "fp32", graph.inputs, graph.outputs)
    if backend == "onnxruntime":
        return OnnxSession(graph.key, spec, data, threads=1)
    if backend == "openvino_f32":
        return OpenvinoSession(graph.key, spec, data, 1, "f32")
    if backend == "openvino_bf16":
        return OpenvinoSession(graph.key, spec, data, 1, "bf16")
    raise ParityError(f"Backend {backend!r} is not known.", f"Use one of {', '.join(BACKENDS)}.")


def parity_table(rows: Sequence[Parity]) -> Table:
    """One line for each output, one column for each backend: mean absolute difference and PSNR."""
    table = Table(title="Parity with torch: mean absolute difference, PSNR")
    backends = list(dict.fromkeys(row.backend for row in rows))
    table.add_column("output", no_wrap=True)
    for backend in backends:
        table.add_column(backend, no_wrap=True)
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        # Where an output is judged by its picture, that is the figure to look at.
        decibels = row.psnr_db if row.picture_db is None else row.picture_db
        text = f"{row.mean_abs:.1e} {decibels:.0f} dB"
        cells.setdefault(f"{row.graph} {row.output}", {})[row.backend] = text if row.ok else f"[red]{text}[/red]"
    for name, values in cells.items():
        table.add_row(name, *[values.get(backend, "") for backend in backends])
    return table


def manifest_parity(rows: Sequence[Parity]) -> dict[str, dict[str, float]]:
    """For each backend the worst figure over the graph's outputs."""
    out: dict[str, dict[str, float]] = {}
    for row in rows:
        seen = out.setdefault(row.backend, {})
        for key, value in row.manifest().items():
            worst = max if key in ("max_abs", "mean_abs") else min
            seen[key] = worst(seen.get(key, value), value)
    return out


def _picture_db(graph: TorchGraph, name: str, reference: Sequence[Feeds], got: Sequence[Feeds]) -> float:
    """PSNR of the pictures that an output leads to."""
    if not all(np.isfinite(out[name]).all() for out in got):
        return -np.inf
    pictures = [[graph.show(name, batch[name]) for batch in batches] for batches in (reference, got)]
    return compare(*pictures)["psnr_db"]


def _cosine(a: F32, b: F32) -> float:
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    scale = float(np.linalg.norm(x) * np.linalg.norm(y))
    if scale == 0:
        return 1.0 if np.array_equal(x, y) else 0.0
    return float(x @ y / scale)


def _bounds(floor: Floor) -> str:
    signs = {"max_abs": "<=", "mean_abs": "<=", "cosine": ">=", "psnr_db": ">=", "picture_db": ">="}
    return ", ".join(f"{k} {signs[k]} {v:g}" for k, v in asdict(floor).items() if v is not None) or "none"
