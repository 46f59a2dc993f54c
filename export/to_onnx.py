"""torch to ONNX: one traced graph with the contract's names, a dynamic batch, and nothing of this machine in it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from export.torch_graph import TorchGraph
from facesdk.errors import FacesdkError
from facesdk.pack import TensorSpec

OPSET = 20
# A folded constant may have this many values; more only if it is no larger than what it replaces.
FOLD_LIMIT = 1024
# Operands of any size: a layer with an equalised learning rate is its weight times a number.
FOLD_OPERANDS = 2**40


class TracedGraph(nn.Module):
    """Holds the family's function and its modules, so that the tracer finds the weights."""

    def __init__(self, graph: TorchGraph) -> None:
        super().__init__()
        self.owners = nn.ModuleList(graph.owners)
        self.function = graph.function

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        out = self.function(*tensors)
        return (out,) if isinstance(out, Tensor) else tuple(out)


def parameter_names(graph: TorchGraph, parameters: Iterable[nn.Parameter]) -> frozenset[str]:
    """The names in `to_onnx(graph)` of parameters of its owners."""
    wanted = {id(parameter) for parameter in parameters}
    # A function that is an owner itself gives its parameters two names; the tracer takes one of them.
    known = TracedGraph(graph).named_parameters(remove_duplicate=False)
    return frozenset(name for name, value in known if id(value) in wanted)


def constant_names(graph: TorchGraph) -> frozenset[str]:
    """The names in `to_onnx(graph)` of what its owners multiply by but never learnt, such as a grid of places."""
    return frozenset(name for name, _ in TracedGraph(graph).named_buffers(remove_duplicate=False))


def to_onnx(graph: TorchGraph) -> onnx.ModelProto:
    """Traces a graph to ONNX, float32, opset 20.

    Args:
        graph: its modules are put into eval mode.

    Returns:
        A checked model whose inputs and outputs are named and shaped as the specification says, without doc strings,
        stack traces or intermediate shapes.

    Raises:
        FacesdkError: torch cannot trace it, or its tensors are not those of the specification.

    Source: torch.onnx.export(dynamo=True), docs.pytorch.org/docs/stable/onnx_export.html
    """
    module = TracedGraph(graph).eval()
    feeds = graph.sample(np.random.default_rng(0))
    args = tuple(torch.from_numpy(feeds[tensor.name]) for tensor in graph.inputs)
    try:
        with quiet_tracer(), torch.no_grad():
            program = torch.onnx.export(
                module,
                args,
                dynamo=True,
                opset_version=OPSET,
                input_names=[t.name for t in graph.inputs],
                output_names=[t.name for t in graph.outputs],
                dynamic_shapes=dynamic_shapes(graph),
                external_data=False,
                optimize=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise FacesdkError(f"{graph.key}: torch cannot trace it: {reason}") from error
    assert program is not None
    # The default would store noise times its weights, 3 MB in place of 0.2: runtimes fold that when they load.
    onnxscript.optimizer.optimize_ir(program.model, input_size_limit=FOLD_OPERANDS, output_size_limit=FOLD_LIMIT)
    model = program.model_proto
    _check_names(graph, model)
    _anonymise(model)
    _name_axes(model.graph.input, graph.inputs)
    _name_axes(model.graph.output, graph.outputs)
    onnx.checker.check_model(model, full_check=True)
    return model


def dynamic_shapes(graph: TorchGraph) -> tuple[tuple[dict[int, object], ...]]:
    """For each input: axis number -> the tracer's dimension, of the axes that are free."""
    axes = _dynamic_axes(graph)
    return (tuple({i: axes[d] for i, d in enumerate(t.shape) if isinstance(d, str)} for t in graph.inputs),)


def _dynamic_axes(graph: TorchGraph) -> dict[str, object]:
    names = {d for t in graph.inputs for d in t.shape if isinstance(d, str)}
    out: dict[str, object] = {}
    for name in sorted(names):
        step = graph.multiples.get(name, 1)
        # The tracer knows a multiple only as an expression over a plain dimension.
        out[name] = torch.export.Dim(name) if step == 1 else step * torch.export.Dim(f"{name}_cells")
    return out


def _check_names(graph: TorchGraph, model: onnx.ModelProto) -> None:
    got = ([v.name for v in model.graph.input], [v.name for v in model.graph.output])
    want = ([t.name for t in graph.inputs], [t.name for t in graph.outputs])
    if got != want:
        raise FacesdkError(
            f"{graph.key}: the traced graph has inputs {got[0]}, outputs {got[1]}, expected {want[0]}, {want[1]}.",
            "An input that the network does not use disappears from the graph: drop it from the specification.",
        )
    for value, tensor in zip(model.graph.output, graph.outputs, strict=True):
        dims = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in value.type.tensor_type.shape.dim]
        fixed = [(g, w) for g, w in zip(dims, tensor.shape, strict=False) if isinstance(g, int) and g != w]
        if len(dims) != len(tensor.shape) or fixed:
            raise FacesdkError(
                f"{graph.key}: output {tensor.name} has the shape {dims}, expected {list(tensor.shape)}.",
                "A number where a name is expected: the network's code fixes that axis (a Python int of a shape).",
            )


def _anonymise(model: onnx.ModelProto) -> None:
    """Drops what the tracer noted about this machine: stack traces with paths, doc strings, module names."""
    del model.metadata_props[:]
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.graph.metadata_props[:]
    # Shapes between the nodes are inferred again by every runtime, and name the axes differently from the inputs.
    del model.graph.value_info[:]
    for item in [
        *model.graph.node,
        *model.graph.initializer,
        *model.graph.input,
        *model.graph.output,
        *model.functions,
    ]:
        item.doc_string = ""
        del item.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def _name_axes(values: object, tensors: tuple[TensorSpec, ...]) -> None:
    for value, tensor in zip(values, tensors, strict=True):  # type: ignore[call-overload]
        for dim, size in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=True):
            dim.Clear()
            if isinstance(size, str):
                dim.dim_param = size
            else:
                dim.dim_value = size


@contextlib.contextmanager
def quiet_tracer():  # type: ignore[no-untyped-def]
    """The tracer prints its progress and warns about its own internals; errors still come as exceptions."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
