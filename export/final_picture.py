"""Parity of what a person sees in the end: the picture of a whole swap, on rendered faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.engine.graph import engine_graph
from export.half_rounding import round_half
from export.parity import Parity, ParityError, compare, meets, open_backend
from export.rendered_faces import rendered_faces, rendered_points
from export.torch_graph import Floor, TorchGraph

F32 = NDArray[np.float32]
# Name of a graph and its inputs -> its outputs.
Run = Callable[[str, Mapping[str, F32]], Mapping[str, F32]]

GRAPHS = ("encoder", "blending", "decoder")
SHAPE_GRAPHS = ("shape_code", "shape")
FACES = 4
# FP16 has three bits more than bfloat16, and engines are built of it.
HALF = "fp16"
FLOORS: Mapping[str, Floor] = {
    "onnxruntime": Floor(psnr_db=55.0),
    "openvino_f32": Floor(psnr_db=55.0),
    "openvino_bf16": Floor(psnr_db=30.0),
    HALF: Floor(psnr_db=40.0),
}
HALF_AIM_DB = 50.0


@dataclass(frozen=True, eq=False)
class SwapFeeds:
    """What a swap starts from, the identity's cache and the target; N of each.

    Attributes:
        targets: (N, 3, S, S) float32 in [-1, 1].
        codes: (N, L, D) float32, the source's.
        shape: (N, K) float32, the source's, for a shape path; None without one.
        points: (N, 68, 2) float32, the target's landmarks, share of the crop; the same.
    """

    targets: F32
    codes: F32
    shape: F32 | None = None
    points: F32 | None = None


def chain_graphs(named: Iterable[str]) -> tuple[str, ...]:
    """Those graphs of a swap that are among these, in the order in which they run."""
    there = set(named)
    return tuple(name for name in (*GRAPHS[:2], *SHAPE_GRAPHS, *GRAPHS[2:]) if name in there)


def swap_feeds(run: Run, shaped: bool, targets: F32, sources: F32, points: tuple[F32, F32]) -> SwapFeeds:
    """Reads the sources, as an identity's cache would hold them.

    Args:
        run: runs a graph of a swap.
        shaped: there is a shape path.
        targets, sources: (N, 3, S, S) float32 in [-1, 1].
        points: (N, 68, 2) landmarks of the targets and of the sources, share of the crop.
    """
    codes = run("encoder", {"image": sources})["codes"]
    if not shaped:
        return SwapFeeds(targets, codes)
    return SwapFeeds(targets, codes, run("shape_code", {"points": points[1]})["shape"], points[0])


def swap_pictures(run: Run, features: Sequence[str], feeds: SwapFeeds) -> F32:
    """The graphs one after the other, as a swap runs them.

    Args:
        run: runs a graph of `chain_graphs`.
        features: names of what the encoder and the shape path hand to the decoder.
        feeds: where it starts.

    Returns:
        (N, 3, O, O) float32 in [-1, 1]: put into the target where the graph has a mask and the sizes are the same.
    """
    targets = feeds.targets
    encoded = dict(run("encoder", {"image": targets}))
    codes = run("blending", {"codes_target": encoded.pop("codes"), "codes_source": feeds.codes})["codes"]
    if feeds.shape is not None and feeds.points is not None:
        encoded |= run("shape", {"shape": feeds.shape, "points": feeds.points})
    decoded = run("decoder", {"codes": codes, **{name: encoded[name] for name in features}})
    image, mask = decoded["image"], decoded.get("mask")
    if mask is None or image.shape != targets.shape:
        return image
    return np.asarray(targets + mask * (image - targets), np.float32)


def final_parity(
    reference: Run,
    runs: Mapping[str, Run],
    features: Sequence[str],
    size: int,
    faces: int = FACES,
    shaped: bool = False,
) -> list[Parity]:
    """Swaps rendered people with each other, one row for each backend.

    Args:
        reference: the graphs in float32.
        runs: name in FLOORS -> the same graphs there.
        features: names of what the encoder and the shape path hand to the decoder.
        size: side of the encoder's picture.
        faces: people; each one's face goes onto the next one.
        shaped: there is a shape path.
    """
    people, points = rendered_faces(faces, size), rendered_points(faces)

    def pictures(run: Run) -> list[F32]:
        # The source's code is the backend's own, too: that is what an identity's cache would hold.
        pairs = [(slice(i, i + 1), slice((i - 1) % faces, (i - 1) % faces + 1)) for i in range(faces)]
        feeds = [swap_feeds(run, shaped, people[t], people[s], (points[t], points[s])) for t, s in pairs]
        return [swap_pictures(run, features, one) for one in feeds]

    want = pictures(reference)
    rows = []
    for name, run in runs.items():
        values = compare(want, pictures(run))
        rows.append(
            Parity("style_swap", name, "final picture", **values, floor=FLOORS[name], ok=meets(values, FLOORS[name]))
        )
    return rows


def exported_parity(
    graphs: Mapping[str, TorchGraph],
    data: Mapping[str, bytes],
    precisions: Mapping[str, str],
    backends: Sequence[str],
) -> list[Parity]:
    """The same for graphs that were just exported, against torch; float16 too, as an engine would be built.

    Args:
        graphs: name in GRAPHS -> the network.
        data: the same -> the ONNX file.
        precisions: the same -> what it was converted to.
        backends: names of `export.parity`.
    """
    names = chain_graphs(graphs)
    # A graph that is float32 only has no other session in use either.
    sessions = {
        backend: {name: open_backend(_own(backend, graphs[name]), graphs[name], data[name]) for name in names}
        for backend in backends
    }
    half = {
        name: data[name]
        if graphs[name].float32_only
        else round_half(engine_graph(data[name], precisions[name])).SerializeToString()
        for name in names
    }
    sessions[HALF] = {name: open_backend("onnxruntime", graphs[name], half[name]) for name in names}
    runs = {backend: lambda name, feeds, opened=opened: opened[name].run(feeds) for backend, opened in sessions.items()}
    features = [tensor.name for tensor in graphs["decoder"].inputs if tensor.name != "codes"]
    size = graphs["encoder"].picture_hw(graphs["encoder"].example_sizes)[0]
    shaped = set(SHAPE_GRAPHS) <= set(names)
    return final_parity(lambda name, feeds: graphs[name].run_torch(feeds), runs, features, size, shaped=shaped)


def _own(backend: str, graph: TorchGraph) -> str:
    return "openvino_f32" if graph.float32_only and backend == "openvino_bf16" else backend


def require_final(rows: Sequence[Parity]) -> None:
    """Lets an export go on.

    Raises:
        ParityError: the final picture is below a floor.
    """
    missed = [row for row in rows if not row.ok]
    if missed:
        lines = [f"  {row.backend}: {row.psnr_db:.1f} dB, at least {row.floor.psnr_db:g} expected" for row in missed]
        raise ParityError(
            "The final picture of a swap is below the floor:\n" + "\n".join(lines),
            "Nothing was written. Each graph passed alone, so look at what their errors add up to: the parity report "
            "of every graph is `python -m bench parity`.",
        )
