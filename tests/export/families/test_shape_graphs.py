"""The graphs of a swap with a shape path do together what the network does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from export.assemble import PackOptions, assemble
from export.families.style_swap import style_swap_family
from export.final_picture import SHAPE_GRAPHS, chain_graphs, swap_feeds, swap_pictures
from export.rendered_faces import rendered_faces, rendered_points
from export.unpacking.unpack import read_by
from facesdk.pack import Pack, open_pack
from facesdk.runtime.onnx_session import OnnxSession
from train.checkpoint import config_dict
from train.models.style_swap import PRESETS, ShapeConfig, StyleSwap

CONFIG = replace(PRESETS["tiny"], shape=ShapeConfig(code=6, width=16))


@pytest.fixture(scope="module")
def network() -> StyleSwap:
    torch.manual_seed(0)
    network = StyleSwap(CONFIG).eval()
    network.shape.set_statistics(torch.from_numpy(rendered_points(8)))
    with torch.no_grad():
        for parameter in (*network.shape.parameters(), *(s.maps.weight for s in network.decoder.shortcuts.values())):
            parameter.add_(0.5 * torch.randn_like(parameter))
    return network


@pytest.fixture(scope="module")
def pack(network: StyleSwap, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    out = tmp_path_factory.mktemp("shaped") / "pack"
    record = {"net": "style_swap", "preset": "tiny", "config": config_dict(CONFIG), "step": 1}
    options = PackOptions(precision="fp32", backends=("onnxruntime",))
    exported = assemble([style_swap_family(network, record)], out, options)
    assert any(item.final for item in exported)
    return open_pack(out)


def test_the_chain_is_the_network(network: StyleSwap, pack: Pack) -> None:
    family = pack.manifest.family("style_swap")
    assert set(SHAPE_GRAPHS) < set(family.graphs) and family.features == (
        *CONFIG.feature_names, *CONFIG.map_names,
    )  # fmt: skip
    sessions = {
        name: OnnxSession(f"style_swap.{name}", family.graphs[name], pack.graph("style_swap", name), 1)
        for name in chain_graphs(family.graphs)
    }
    faces, points = rendered_faces(2, CONFIG.image_size), rendered_points(2)
    feeds = swap_feeds(lambda n, f: sessions[n].run(f), True, faces[:1], faces[1:], (points[:1], points[1:]))
    picture = swap_pictures(lambda n, f: sessions[n].run(f), family.features, feeds)
    target, source = (torch.from_numpy(face[None]) for face in faces)
    with torch.no_grad():
        known = (torch.from_numpy(points[1:]), torch.from_numpy(points[:1]))
        out = network(source, target, "fixed", points=known)
        still = network(source, target, "fixed", points=(known[1], known[1]))
    wanted = (target + out.mask.sigmoid() * (out.image.clamp(-1, 1) - target)).numpy()
    np.testing.assert_allclose(picture, wanted, atol=1e-4)
    # And the points matter.
    assert (out.image - still.image).abs().max() > 1e-2


def test_shape_graphs_are_float32_only(pack: Pack) -> None:
    for name in SHAPE_GRAPHS:
        assert set(pack.manifest.graph("style_swap", name).parity) <= {"onnxruntime", "openvino_f32"}


def test_a_graph_reads_its_own_half_of_the_path(network: StyleSwap) -> None:
    graphs = {graph.name: graph for graph in style_swap_family(network, {}).graphs}
    numbers = {name: value for name, value in network.shape.state_dict(keep_vars=True).items()}
    for graph, half, other in (("shape_code", "read", "move"), ("shape", "move", "read")):
        found = read_by(graphs[graph], numbers)
        assert {name.split(".")[0] for name in found} == {half, "mean", "deviation"} and other not in found
    assert all(value.requires_grad == isinstance(value, torch.nn.Parameter) for value in numbers.values())
