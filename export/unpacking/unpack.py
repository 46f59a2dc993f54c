"""One network of a pack as a module of torch again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from export.families.faces import TASKS, faces_family
from export.families.latent_flow import vae_graphs, velocity_graph
from export.families.style_swap import style_swap_family
from export.to_onnx import TracedGraph, to_onnx
from export.torch_graph import TorchGraph
from export.unpacking.folded_norms import layers_before, pass_through
from export.unpacking.sources import draw_state, find_sources, put_back
from export.unpacking.stored import shared_constants, stored_weights, turned_products
from facesdk.errors import InputError
from facesdk.pack import Pack
from facesdk.runtime.onnx_session import PROVIDER, import_onnxruntime
from train.models.latent_flow.vae import VAE
from train.models.latent_flow.velocity import VelocityNet
from train.models.style_swap import StyleSwap
from train.registry import build_network

F32 = NDArray[np.float32]

NETS = (*TASKS, "style_swap", "vae", "velocity")
# Mean distance of torch's outputs from the graph's own, as a share of their spread: the rounding of sums differs.
TOLERANCE = 1e-4
# A VAE's graphs hold sums of its taps and a logarithm of its deviations, which were rounded as such.
SUMMED_TOLERANCE = 5e-3
LEAST_SPREAD = 1e-3
OTHER_VERSIONS = "Take the versions of torch and onnxscript that the pack was exported with."


@dataclass(frozen=True)
class Unpacked:
    """A network out of a pack.

    Attributes:
        network: in eval mode; it computes what the pack's graphs do.
        record: what the manifest says about its training.
        passing: the batch normalisations that only add their bias, by name: their statistics were folded away.
    """

    network: nn.Module
    record: dict[str, Any]
    passing: dict[str, _BatchNorm]


def unpack(pack: Pack, net: str) -> Unpacked:
    """Rebuilds a network from the graphs of a pack.

    A network of the same sizes with drawn weights is exported anew; what its graph's constants are made of says what
    the pack's are made of. Then both are run on the same pictures and compared.

    Args:
        pack: exported in any precision but fp16.
        net: one of NETS.

    Raises:
        InputError: the pack has no such network, says nothing of its sizes, or was made by an exporter that named or
            folded its constants in another way.
    """
    if net not in NETS:
        raise InputError(f"unpack: no network {net!r}, expected one of {', '.join(NETS)}.")
    record = pack.manifest.training.get("nets", {}).get(net)
    if record is None:
        raise InputError(f"pack {pack.name} says nothing about the training of {net}.", "Take a pack that has it.")
    network = build_network(record["net"], record["config"]).eval()
    draw_state(network)
    passing: list[_BatchNorm] = []
    owed: dict[int, str] = {}
    filled: set[int] = set()
    graphs = _graphs(network, record, pack)
    models = [to_onnx(graph) for graph in graphs]
    free = _free_numbers(network, graphs)
    for graph, model in zip(graphs, models, strict=True):
        unknown = {name: value for name, value in free.items() if id(value) not in filled}
        norms, others = _fill(graph, model, onnx.load_from_string(pack.graph(graph.family, graph.name)), unknown)
        passing += norms
        owed.update({id(value): f"{graph.key}: {name}" for name, value in others.items() if id(value) not in filled})
        ours = {id(value) for owner in graph.owners for value in owner.state_dict(keep_vars=True).values()}
        filled |= (ours | {id(value) for value in unknown.values()}) - {id(value) for value in others.values()}
    unread = [name for number, name in owed.items() if number not in filled]
    if unread:
        raise InputError(f"no graph reads {', '.join(unread[:5])}, so the pack does not hold it.", OTHER_VERSIONS)
    for graph in graphs:
        _compare(graph, pack, SUMMED_TOLERANCE if isinstance(network, VAE) else TOLERANCE)
    names = {id(module): name for name, module in network.named_modules()}
    return Unpacked(network, dict(record), {names[id(norm)]: norm for norm in passing})


def _graphs(network: nn.Module, record: dict[str, Any], pack: Pack) -> tuple[TorchGraph, ...]:
    if isinstance(network, StyleSwap):
        return style_swap_family(network, record).graphs
    if isinstance(network, VAE):
        return vae_graphs(network)
    if isinstance(network, VelocityNet):
        coder = build_network("vae", pack.manifest.training["nets"]["vae"]["config"]).eval()
        return (velocity_graph(coder, network),)  # type: ignore[arg-type]
    return faces_family({record["net"]: network}, {record["net"]: record}).graphs


def _free_numbers(network: nn.Module, graphs: Sequence[TorchGraph]) -> dict[str, Tensor]:
    """What a network holds beside the owners of its graphs, which read it as plain constants."""
    owned = {id(v) for graph in graphs for owner in graph.owners for v in owner.state_dict(keep_vars=True).values()}
    return {name: value for name, value in network.state_dict(keep_vars=True).items() if id(value) not in owned}


def _fill(
    graph: TorchGraph, traced: onnx.ModelProto, packed: onnx.ModelProto, free: Mapping[str, Tensor]
) -> tuple[list[_BatchNorm], dict[str, Tensor]]:
    """Puts a graph's weights into its modules, in place.

    Returns:
        The normalisations that pass through now, and what its owners hold for other graphs, by name.
    """
    module = TracedGraph(graph).eval()
    constants = stored_weights(traced)
    state = _once({**module.state_dict(keep_vars=True), **free}, constants)
    drawn = {name: value.detach().numpy().copy() for name, value in state.items()}
    values = stored_weights(packed, turned_products(traced))
    values |= {name: values[same] for name, same in shared_constants(traced, packed).items() if same in values}
    known = {name: values[name] for name in drawn if name in values and values[name].shape == drawn[name].shape}
    norms = {n: m for n, m in module.named_modules() if isinstance(m, _BatchNorm) and f"{n}.running_mean" not in known}
    before = layers_before(module, _runner(graph))
    parts = {f"{norm}.{part}" for norm in norms for part in ("weight", "bias", "running_mean", "running_var")}
    rest = {name: value for name, value in drawn.items() if name not in known and name not in parts}
    anonymous = {name: value for name, value in constants.items() if name not in drawn}
    known |= put_back(values, find_sources(rest, anonymous), rest)
    others = {name: state[name] for name in sorted(rest.keys() - known.keys())}
    missing = sorted(read_by(graph, others)) if others else []
    lost = sorted(name for name in norms if name not in before)
    if missing or lost:
        raise InputError(
            f"{graph.key}: what became of {', '.join([*missing, *lost][:5])} in the pack's graph cannot be told.",
            OTHER_VERSIONS,
        )
    with torch.no_grad():
        for name, value in known.items():
            state[name].copy_(torch.from_numpy(np.ascontiguousarray(value)))
        for name, norm in norms.items():
            # A layer with a bias of its own has taken the normalisation's up into it.
            bias = values.get(f"{before[name]}.weight_bias")
            pass_through(norm, None if bias is None else torch.from_numpy(bias))
    return list(norms.values()), others


def _once(state: Mapping[str, Tensor], constants: Collection[str]) -> dict[str, Tensor]:
    """Each floating-point tensor under one name, that of the graph's constant where there is one."""
    names: dict[int, str] = {}
    for name, value in state.items():
        if value.is_floating_point() and (id(value) not in names or name in constants):
            names[id(value)] = name
    return {name: state[name] for name in names.values()}


def read_by(graph: TorchGraph, numbers: Mapping[str, Tensor]) -> set[str]:
    """The names of those numbers of a graph's owners on which its outputs depend.

    Args:
        graph: whose owners hold them.
        numbers: by name, floating point; parameters or buffers.
    """
    feeds = graph.sample(np.random.default_rng(0))
    asked = {name: value.requires_grad for name, value in numbers.items()}
    try:
        with torch.enable_grad():
            for value in numbers.values():
                value.requires_grad_(True)
            out = graph.function(*[torch.from_numpy(np.ascontiguousarray(feeds[spec.name])) for spec in graph.inputs])
            total = sum((value.sum() for value in ((out,) if isinstance(out, Tensor) else out)), torch.zeros(()))
            slopes = torch.autograd.grad(total, list(numbers.values()), allow_unused=True)
    finally:
        for name, value in numbers.items():
            value.requires_grad_(asked[name])
    return {name for name, slope in zip(numbers, slopes, strict=True) if slope is not None}


def _runner(graph: TorchGraph) -> Callable[[], Any]:
    feeds = graph.sample(np.random.default_rng(0))
    return lambda: graph.run_torch(feeds)


def _compare(graph: TorchGraph, pack: Pack, tolerance: float) -> None:
    feeds = graph.sample(np.random.default_rng(1))
    theirs = _as_written(pack.graph(graph.family, graph.name), feeds)
    for name, ours in graph.run_torch(feeds).items():
        distance = float(np.abs(ours - theirs[name]).mean() / max(theirs[name].std(), LEAST_SPREAD))
        if not distance <= tolerance:
            raise InputError(
                f"{graph.key}: unpacked, its {name} is {distance:.2g} of its spread away from the pack's, "
                f"expected {tolerance} at most.",
                OTHER_VERSIONS,
            )


def _as_written(data: bytes, feeds: Mapping[str, F32]) -> dict[str, F32]:
    """What a graph says, node by node: optimised, ONNX Runtime rounds what int8 weights are multiplied by, too."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(data, options, providers=[PROVIDER])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))
