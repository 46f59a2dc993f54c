"""A graph as it leaves torch when nobody does anything about it: the rival of `python -m bench backends`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from export.to_onnx import TracedGraph, dynamic_shapes, quiet_tracer
from export.torch_graph import TorchGraph


def write_naive(graph: TorchGraph, path: Path) -> None:
    """torch.onnx.export with its own defaults, float32: nothing folded, fused or rounded by this project.

    Args:
        graph: its modules are put into eval mode.
        path: the ONNX file; its weights go beside it.
    """
    feeds = graph.sample(np.random.default_rng(0))
    args = tuple(torch.from_numpy(feeds[tensor.name]) for tensor in graph.inputs)
    with quiet_tracer(), torch.no_grad():
        program = torch.onnx.export(
            TracedGraph(graph).eval(),
            args,
            dynamo=True,
            input_names=[t.name for t in graph.inputs],
            output_names=[t.name for t in graph.outputs],
            dynamic_shapes=dynamic_shapes(graph),
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=True)
