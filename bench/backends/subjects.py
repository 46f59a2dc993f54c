"""What is measured, graph by graph: of a pack, or of a family that nobody trained yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.backends.graph_work import GraphWork, graph_work
from bench.backends.naive_graph import write_naive
from bench.float32_graph import float32_graph
from export.assemble import PackOptions, export_graph
from export.engine.graph import engine_graph
from export.families.family import Family
from export.final_picture import GRAPHS, SHAPE_GRAPHS, Run, swap_feeds, swap_pictures
from export.half_rounding import round_half
from export.rendered_faces import rendered_faces, rendered_points
from export.torch_graph import TorchGraph
from facesdk.pack import GraphSpec, Pack
from facesdk.runtime.onnx_session import PROVIDER, OnnxSession, import_onnxruntime
from facesdk.runtime.openvino_session import OpenvinoSession
from facesdk.runtime.session import Session
from train.data.face_world.sample import Split

F32 = NDArray[np.float32]
Feeds = Mapping[str, F32]
# Sizes of dynamic axes: one face, and a 16:9 picture as the detector sees it.
AXES = {"batch": 1, "height": 384, "width": 640}
SEED = 0
SWAP = "style_swap"
# The rival: this graph before anybody did anything about it, in ONNX Runtime with its own defaults.
PLAIN = "plain"
# The graph that engines are built of, every result rounded to float16 as a GPU rounds it.
HALF = "fp16"


@dataclass(frozen=True)
class Subject:
    """One graph, on disk: the largest has a gigabyte.

    Attributes:
        key: "family.graph".
        spec: its tensors and precision.
        path: the ONNX file as a pack holds it.
        plain: the same before anything was done about it.
        feeds: one face, or one picture.
        work: of the plain graph.
        torch: the network, if it is at hand.
    """

    key: str
    spec: GraphSpec
    path: Path
    plain: Path
    feeds: Feeds
    work: GraphWork
    torch: TorchGraph | None = field(default=None, compare=False)

    def open(self, backend: str, threads: int) -> Session:
        """The runtime's own session.

        Args:
            backend: a concrete backend, or HALF.
            threads: of it.
        """
        data = self.path.read_bytes()
        # Such a graph is not run in less by the SDK either.
        exact = self.key.partition(".")[2] in SHAPE_GRAPHS
        if backend == HALF and not exact:
            data = round_half(engine_graph(data, self.spec.precision)).SerializeToString()
        if backend in (HALF, "onnxruntime"):
            return OnnxSession(self.key, self.spec, data, threads)
        reduced = backend == "openvino-bf16" and not exact
        return OpenvinoSession(self.key, self.spec, data, threads, "bf16" if reduced else "f32")

    def open_plain(self, threads: int) -> PlainGraph:
        """The rival."""
        return PlainGraph(self.plain, [tensor.name for tensor in self.spec.outputs], threads)


class PlainGraph:
    """ONNX Runtime with its own defaults, but for the threads.

    Args:
        path: the ONNX file.
        outputs: names.
        threads: for one run.
    """

    def __init__(self, path: Path, outputs: Sequence[str], threads: int) -> None:
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(str(path), options, providers=[PROVIDER])
        self._outputs = list(outputs)

    def run(self, feeds: Feeds) -> dict[str, F32]:
        """Every output by name."""
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(feeds)), strict=True))


def random_feeds(spec: GraphSpec, seed: int = SEED) -> dict[str, F32]:
    """Inputs of a graph, uniform in [-1, 1]."""
    rng = np.random.default_rng(seed)
    shapes = {t.name: [AXES[d] if isinstance(d, str) else d for d in t.shape] for t in spec.inputs}
    return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def pack_subjects(pack: Pack, folder: Path) -> Iterator[Subject]:
    """The graphs of a pack; plain is the same with its weights unpacked to float32, as its networks are not at hand.

    Args:
        pack: open.
        folder: for files.
    """
    for key, spec in pack.graphs.items():
        family, _, graph = key.partition(".")
        data = pack.graph(family, graph)
        path, plain = folder / f"{key}.onnx", folder / f"{key}.plain.onnx"
        path.write_bytes(data)
        plain.write_bytes(float32_graph(data))
        yield Subject(key, spec, path, plain, random_feeds(spec), graph_work(plain, spec.inputs, AXES))


def family_subjects(family: Family, folder: Path, on_graph: Callable[[str], None] = lambda name: None) -> list[Subject]:
    """The graphs of a family; plain is torch.onnx.export with its own defaults.

    Args:
        family: with its networks.
        folder: for files.
        on_graph: told which graph is exported.
    """
    out = []
    for graph in family.graphs:
        on_graph(graph.key)
        plain = folder / f"{graph.key}.plain.onnx"
        write_naive(graph, plain)
        exported = export_graph(graph, PackOptions(backends=()))
        path = folder / f"{graph.key}.onnx"
        path.write_bytes(exported.data)
        spec = GraphSpec(path.name, "", len(exported.data), exported.precision, graph.inputs, graph.outputs)
        feeds = graph.sample(np.random.default_rng(SEED), {**AXES})
        work = graph_work(plain, spec.inputs, AXES)
        out.append(Subject(graph.key, spec, path, plain, feeds, work, graph))
    return out


def swap_subjects(subjects: Sequence[Subject]) -> dict[str, Subject] | None:
    """Name -> the graph of style_swap; None if those of GRAPHS are not all there."""
    named = {one.key.partition(".")[2]: one for one in subjects if one.key.startswith(f"{SWAP}.")}
    return named if all(name in named for name in GRAPHS) else None


def rendered_feeds(run: Run, features: Sequence[str], size: int, count: int, split: Split) -> dict[str, list[Feeds]]:
    """What the graphs of a swap see when rendered people are swapped with each other.

    Args:
        run: runs a graph in float32.
        features: names of what the encoder and the shape path hand to the decoder.
        size: side of the encoder's picture.
        count: people.
        split: whose.

    Returns:
        Name of a graph -> one feed for each swap.
    """
    faces, points = rendered_faces(count, size, split=split)[:, None], rendered_points(count, split=split)[:, None]
    out: dict[str, list[Feeds]] = {}

    def told(name: str, feeds: Mapping[str, F32]) -> Mapping[str, F32]:
        out.setdefault(name, []).append(feeds)
        return run(name, feeds)

    shaped = any(name.startswith("map_") for name in features)
    for number in range(count):
        before = (number - 1) % count
        pair = (points[number], points[before])
        swap_pictures(told, features, swap_feeds(run, shaped, faces[number], faces[before], pair))
        if shaped:
            out.setdefault("shape_code", []).append({"points": points[before]})
    return out
