from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from export.assemble import PackOptions, assemble
from export.families.family import Family
from export.families.latent_flow import PRIOR_ROWS, WISHES, draw_prior, latent_flow_family
from export.families.untrained import NOTE, untrained_generator
from export.torch_graph import TorchGraph
from facesdk.errors import InputError
from facesdk.pack import Pack, open_pack
from facesdk.runtime.select import open_session
from train.data.attributes import INDEX, VOCABULARY, AttributeTable, condition_vectors
from train.flow.guidance import conditioned
from train.flow.solve import few_steps
from train.models.latent_flow.vae import VAE
from train.models.latent_flow.velocity import PRESETS, VelocityNet

Nets = tuple[VAE, VelocityNet]


@pytest.fixture(scope="module")
def nets(generator: Any) -> Nets:
    return generator.vae, generator.net


@pytest.fixture(scope="module")
def family(generator: Any) -> Family:
    found: Family = generator.family
    return found


@pytest.fixture(scope="module")
def pack(generator: Any, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    out = tmp_path_factory.mktemp("packs") / "p"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.assemble.to_onnx", lambda graph: generator.model(graph.name))
        assemble([generator.family], out, PackOptions(name="people", preset="tiny", precision="int8-weights"))
    return open_pack(out)


def _graph(family: Family, name: str) -> TorchGraph:
    return next(graph for graph in family.graphs if graph.name == name)


def test_latents_at_the_edges_are_normalised(nets: Nets, family: Family) -> None:
    vae = nets[0]
    feeds = _graph(family, "encoder").sample(np.random.default_rng(0), {"batch": 3})
    out = _graph(family, "encoder").run_torch(feeds)
    with torch.no_grad():
        raw = vae.encode(torch.from_numpy(feeds["image"]))
        picture = vae.decode(raw.mean).clamp(-1, 1).numpy()
    mean, std = vae.latent_mean.numpy(), vae.latent_std.numpy()
    # Of random weights they are far from 0 and 1: left out or the wrong way round, they would show.
    assert np.abs(mean).max() > 0.1 and std.max() < 0.8
    np.testing.assert_allclose(out["latent"], (raw.mean.numpy() - mean) / std, atol=1e-5)
    # The deviation of the normalised latent is the raw one over the same number.
    deviation = np.exp(0.5 * raw.log_variance.numpy()) / std
    np.testing.assert_allclose(np.exp(0.5 * out["log_variance"]), deviation, rtol=1e-4)
    decoded = _graph(family, "decoder").run_torch({"latent": out["latent"]})["image"]
    np.testing.assert_allclose(decoded, picture, atol=1e-5)


def test_the_manifest_says_how_to_sample(pack: Pack, nets: Nets) -> None:
    spec = pack.manifest.families["latent_flow"]
    assert spec.tasks == ("generate", "edit") and set(spec.graphs) == {"encoder", "decoder", "velocity", "sampler"}
    assert spec.extra["latent"] == nets[0].config.latent
    assert spec.extra["attributes"] == VOCABULARY.to_manifest()
    sampler = {"path": "condot", "steps": [1, 2, 4], "default_steps": 4, "guidance": 3.0, "prior_guidance": 1.3}
    assert spec.extra["sampler"] == sampler and "attribute_prior" not in spec.extra
    assert spec.preprocessing["crops"] == {"generate": {"template": "canon", "size": nets[0].config.image_size}}
    tensors = {name: [t.name for t in graph.inputs] for name, graph in spec.graphs.items()}
    assert tensors["velocity"] == ["latent", "time", "end", "condition", "identity"]
    assert tensors["sampler"] == ["noise", "condition", "identity", "base", "guidance"]


def test_the_prior_is_some_pictures_of_the_training_set(nets: Nets) -> None:
    rng = np.random.default_rng(1)
    values = np.zeros((PRIOR_ROWS + 40, len(VOCABULARY.names)), np.float32)
    values[:, INDEX["age"]] = np.arange(len(values)) / 1000
    values[:, INDEX["hair"]] = rng.integers(0, 6, len(values))
    values[:, INDEX["beard"]] = values[:, INDEX["age"]] > 0.3
    known = np.ones(values.shape, bool)
    known[::3, INDEX["hair"]] = False
    table = AttributeTable(values, known)
    prior = draw_prior(table)
    written = latent_flow_family(*nets, {}, prior).extra["attribute_prior"]
    assert written == prior.to_manifest() == draw_prior(table).to_manifest() and len(written) == PRIOR_ROWS
    rows = [int(round(1000 * prior._rows[i]["age"])) for i in range(PRIOR_ROWS)]  # type: ignore[arg-type]
    assert len(set(rows)) == PRIOR_ROWS and max(rows) > PRIOR_ROWS
    # A row stays together, and what is unknown stays unknown.
    np.testing.assert_allclose(prior.beside({}), condition_vectors(table.rows(np.array(rows))), atol=1e-6)
    assert len(draw_prior(table.rows(np.arange(9)))) == 9


def test_parity_is_in_decibels_where_a_picture_comes_out(pack: Pack) -> None:
    graphs = pack.manifest.families["latent_flow"].graphs
    assert all(figures["psnr_db"] > 35 for figures in graphs["decoder"].parity.values())
    assert all(figures["picture_db"] > 32 for figures in graphs["sampler"].parity.values())
    assert set(graphs["velocity"].parity) == {"onnxruntime", "openvino_f32"}
    assert set(graphs["decoder"].parity) >= set(graphs["velocity"].parity)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino-f32"])
def test_a_face_out_of_the_pack_is_the_one_that_torch_makes(nets: Nets, pack: Pack, backend: str) -> None:
    vae, net = nets
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((2, net.config.latent), np.float32)
    condition = np.stack([VOCABULARY.vector(wish) for wish in WISHES[:2]])
    identity = np.zeros((2, net.config.identity), np.float32)
    with torch.no_grad():
        velocity = conditioned(net, torch.from_numpy(condition), torch.from_numpy(identity), 2.0)
        latent = few_steps(velocity, torch.from_numpy(noise), 4)
        want = vae.decode(vae.denormalise(latent)).clamp(-1, 1).numpy()
    feeds = {"noise": noise, "condition": condition, "identity": identity, "guidance": np.full(2, 2.0, np.float32)}
    feeds["base"] = np.zeros_like(condition)
    sampled = open_session(pack, "latent_flow", "sampler", backend, 1).run(feeds)["latent"]
    got = open_session(pack, "latent_flow", "decoder", backend, 1).run({"latent": sampled})["image"]
    mse = float(((got - want) ** 2).mean())
    assert 10 * np.log10(np.ptp(want) ** 2 / mse) > 32


def test_nets_that_do_not_fit_are_refused(nets: Nets) -> None:
    for change in ({"latent": 17}, {"condition": 5}):
        other = VelocityNet(replace(PRESETS["tiny"], **change))
        with pytest.raises(InputError, match="widths"):
            latent_flow_family(nets[0], other, {})


def test_untrained_networks_pass_signals_and_say_what_they_are() -> None:
    vae, net, records = untrained_generator("tiny", seed=1)
    assert all(record["notes"] == [NOTE] and record["step"] == 0 for record in records.values())
    x = torch.randn(4, net.config.latent)
    with torch.no_grad():
        out = net(x, torch.rand(4), torch.rand(4), torch.zeros(4, net.config.condition), torch.zeros(4, 32))
        pictures = vae.decode(x)
    assert out.std() > 1e-2 and pictures.std() > 1e-2
    again = untrained_generator("tiny", seed=1)[1]
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    with pytest.raises(InputError, match="no preset 'huge'"):
        untrained_generator("huge")
