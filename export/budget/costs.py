"""What each graph of a pack or family takes: the engine's plan where there is one, else the estimate."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from export.budget.budget import ESTIMATE, PLAN, Budget, GraphCost, edge_bytes, group_sets, largest_picture
from export.budget.estimate import WORKSPACE_BYTES, estimate_activations, weights_bytes
from export.engine.graph import engine_graph, half_graph
from export.engine.to_engine import BATCH
from export.families.family import Family
from export.fold_upsample import fold_upsample
from export.fuse_adain import fuse_adain
from export.to_onnx import to_onnx
from facesdk.pack import EngineSpec, GraphSpec, Pack, TensorSpec

Edges = tuple[TensorSpec, ...]


def pack_budget(pack: Pack, vram_bytes: int, batches: Sequence[int], side: int, gpu: str | None = None) -> Budget:
    """The budget of a pack.

    Args:
        pack: open.
        vram_bytes: of the GPU.
        batches: faces at once.
        side: height and width of pictures of any size, where no engine's profile says it.
        gpu: engines for this one count; None = of every graph the one that plans most.
    """
    rows: list[GraphCost] = []
    sets = []
    models: dict[str, onnx.ModelProto] = {}
    for batch in sorted(set(batches)):
        rows = []
        for key, spec in pack.graphs.items():
            fitting = [engine for engine in spec.engines if gpu is None or gpu in engine.gpus]
            if fitting:
                engine = max(fitting, key=lambda e: e.activation_bytes + e.weights_bytes)
                rows.append(planned_cost(key, spec, engine, batch))
                continue
            if key not in models:
                models[key] = engine_graph(pack.read(spec.file), spec.precision)
            rows.append(estimated_cost(key, (spec.inputs, spec.outputs), models[key], batch, side))
        sets += group_sets(rows, batch)
    return Budget(f"{pack.name} ({pack.manifest.preset})", vram_bytes, tuple(sets))


def family_budget(family: Family, preset: str, vram_bytes: int, batches: Sequence[int], side: int) -> Budget:
    """The budget of a family that is in no pack; all of it is estimated."""
    graphs = {graph.key: graph for graph in family.graphs}
    models = {key: half_graph(fold_upsample(fuse_adain(to_onnx(graph)))) for key, graph in graphs.items()}
    sets = []
    for batch in sorted(set(batches)):
        rows = [
            estimated_cost(key, (graph.inputs, graph.outputs), models[key], batch, side)
            for key, graph in graphs.items()
        ]
        sets += group_sets(rows, batch)
    return Budget(f"{family.name} ({preset})", vram_bytes, tuple(sets))


def planned_cost(key: str, spec: GraphSpec, engine: EngineSpec, batch: int) -> GraphCost:
    """What the builder planned. It holds for every size of the profile; larger batches run in pieces."""
    sizes = {axis: high for axis, (_, _, high) in engine.profile.items()}
    sizes[BATCH] = min(batch, sizes.get(BATCH, 1))
    edges = (*spec.inputs, *spec.outputs)
    return GraphCost(
        graph=key,
        source=PLAN,
        size_hw=largest_picture(edges, sizes),
        batch=sizes[BATCH],
        weights_bytes=engine.weights_bytes,
        activation_bytes=engine.activation_bytes,
        workspace_bytes=0,
        io_bytes=edge_bytes(edges, sizes),
        note=f"engine for {', '.join(engine.gpus)}, batch up to {engine.profile.get(BATCH, (1, 1, 1))[2]}",
    )


def estimated_cost(key: str, edges: tuple[Edges, Edges], model: onnx.ModelProto, batch: int, side: int) -> GraphCost:
    """What the graph's own tensors take.

    Args:
        key: "family.graph".
        edges: inputs and outputs.
        model: typed as the engine's is.
        batch: rows at once.
        side: size of every dynamic axis but the batch.
    """
    inputs, outputs = edges
    sizes = {d: side for tensor in inputs for d in tensor.shape if isinstance(d, str)} | {BATCH: batch}
    activations, unknown = estimate_activations(model, sizes)
    return GraphCost(
        graph=key,
        source=ESTIMATE,
        size_hw=largest_picture((*inputs, *outputs), sizes),
        batch=batch,
        weights_bytes=weights_bytes(model),
        activation_bytes=activations,
        workspace_bytes=WORKSPACE_BYTES,
        io_bytes=edge_bytes((*inputs, *outputs), sizes),
        note=f"{unknown} tensors of unknown size are not in it" if unknown else "",
    )
