"""Networks out of packs: what comes back computes what went in, in both modes, and a foreign graph is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from export.families.untrained import untrained_generator
from export.fold_upsample import doubled_taps, undoubled_taps
from export.generator_runs import PRIOR_FILE
from export.rendered_faces import rendered_points
from export.to_fp16 import convert
from export.unpacking import unpack as unpacking
from export.unpacking.folded_norms import give_statistics, layers_before, pass_through
from export.unpacking.sources import Source, draw_state, find_sources, put_back
from export.unpacking.stored import stored_weights, turned_products
from export.unpacking.unpack import NETS, unpack
from facesdk.errors import InputError
from facesdk.pack import open_pack
from tests.export.conftest import run_export
from tests.train.recipes.test_recipes import arrays
from train.checkpoint import config_dict, load_model, save_weights
from train.models.faces import PRESETS, Landmarks
from train.models.latent_flow.vae import VAE
from train.models.style_swap import PRESETS as SWAP_PRESETS
from train.models.style_swap import ShapeConfig, StyleSwap
from train.recipes.latents import weights_digest

GENERATOR = ("--preset", "tiny", "--backend", "onnxruntime", "--precision", "fp16-weights")
PRIOR_ROW = "0.4,0,0.5,0.6,0.3,0,1,null,brown,-20.5,0.6"


def _networks() -> dict[str, tuple[nn.Module, torch.Tensor]]:
    """Tiny networks, and what to show each."""
    shaped = replace(PRESETS["landmarks"]["tiny"], shape=True, shape_hidden=8)
    # Small noise is folded with its weight, and nobody can tell them apart again; nano's is too large for that.
    tiny = SWAP_PRESETS["tiny"]
    swap = replace(
        tiny,
        encoder=replace(tiny.encoder, norm="batch"),
        decoder=replace(tiny.decoder, noise_up_to=0),
        shape=ShapeConfig(code=6, width=16),
    )
    crop = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return {
        "landmarks": (Landmarks(shaped), crop),
        "style_swap": (StyleSwap(swap), crop[..., :32, :32]),
    }


def _save(run: Path, net: str, network: nn.Module) -> None:
    record = {
        "family": "style_swap" if net == "style_swap" else "faces", "net": net, "preset": "tiny",
        "config": config_dict(network.config), "step": 3, "seed": 1, "data": {}, "metrics": {"score": 0.5},
    }  # fmt: skip
    save_weights(run, network.state_dict(), record)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unpack")
    options = ("--preset", "tiny", "-o", root / "pack", "--backend", "onnxruntime", "--precision", "fp16-weights")
    for net, (network, _) in _networks().items():
        draw_state(network, seed=5)
        if isinstance(network, Landmarks):
            network.shape_scale.fill_(1)  # divides
        elif isinstance(network, StyleSwap):
            network.shape.set_statistics(torch.from_numpy(rendered_points(8)))
        _save(root / net, net, network)
    run_export("faces", "--weights", root, *options)
    run_export("style_swap", "--weights", root / "style_swap", *options)
    return root


def _write_shards(folder: Path, kind: str, size: int) -> None:
    folder.mkdir()
    for split in ("train", "validation"):
        np.savez(folder / f"{kind}-{split}-00000.npz", **arrays(size))
    (folder / "world.json").write_text("{}")


def _outputs(network: nn.Module, picture: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        if isinstance(network, StyleSwap):
            points = torch.rand(2, 2, 68, 2, generator=torch.Generator().manual_seed(2))
            out = network(picture, picture.flip(0), "fixed", points=tuple(points))
            return [out.image, out.mask, out.wanted]
        found = network(picture)
    return [found] if isinstance(found, torch.Tensor) else [*found]


@pytest.mark.parametrize("net", ("landmarks", "style_swap"))
def test_what_comes_back_computes_what_went_in(packed: Path, net: str) -> None:
    before, _ = load_model(packed / net)
    found = unpack(open_pack(packed / "pack"), net)
    assert type(found.network) is type(before) and found.record["step"] == 3 and found.passing
    picture = _networks()[net][1]
    for ours, theirs in zip(_outputs(found.network, picture), _outputs(before, picture), strict=True):
        # float16 rounds to 11 bits; a parameter in the wrong place would be off by its own size.
        assert (ours - theirs).abs().mean() <= 3e-3 * max(float(theirs.std()), 1e-3)


def test_a_graph_with_other_constants_is_refused(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = open_pack(packed / "pack")
    with pytest.raises(InputError, match="no network 'wings'"):
        unpack(pack, "wings")
    with pytest.raises(InputError, match="says nothing about the training of parser"):
        unpack(pack, "parser")
    whole = unpacking.find_sources
    monkeypatch.setattr(unpacking, "find_sources", lambda *a: dict(list(whole(*a).items())[1:]))
    with pytest.raises(InputError, match="landmarks: what became of .*heat"):
        unpack(pack, "landmarks")

    def halved(*arguments: Any) -> dict[str, Source]:
        return {name: replace(source, factor=2 * source.factor) for name, source in whole(*arguments).items()}

    monkeypatch.setattr(unpacking, "find_sources", halved)
    with pytest.raises(InputError, match="of its spread away from the pack's"):
        unpack(pack, "landmarks")


def test_int8_comes_back_the_way_it_lay_before() -> None:
    rng = np.random.default_rng(0)
    weights = {"plain": (72, 72), "turned": (72, 72), "filter": (72, 72, 3, 3), "small": (72,)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in weights.items()}
    nodes = [
        helper.make_node("Conv", ["x", "filter"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["c"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "plain"], ["p"]),
        helper.make_node("Gemm", ["p", "turned", "small"], ["y"], transB=1),
    ]
    x, y = (helper.make_tensor_value_info(n, 1, s) for n, s in (("x", [1, 72, 8, 8]), ("y", [1, 72])))
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], stored), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    assert turned_products(model) == {"turned"}
    back = stored_weights(convert(model, "int8-weights"), turned_products(model))
    for name, value in weights.items():
        assert np.abs(back[name] - value).max() < np.abs(value).max() / 127


def test_constants_are_traced_to_scaled_turned_and_split_parameters() -> None:
    rng = np.random.default_rng(0)
    state = {"a": rng.normal(size=(4, 4)), "b": rng.normal(size=(12,)), "c": rng.normal(size=(3,))}
    state = {name: value.astype(np.float32) for name, value in state.items()}
    c = state["c"]
    constants = {"x": 5 * state["a"].T, "y": state["b"].reshape(12, 1, 1), "z0": c[0].reshape(()), "z2": c[2:]}
    found = find_sources(state, {**constants, "other": rng.normal(size=(4, 4)).astype(np.float32)})
    assert set(found) == {"x", "y", "z0", "z2"} and found["x"].turned and found["x"].factor == pytest.approx(5)
    # One number of three is missing: none of them is known.
    assert set(put_back(constants, found, state)) == {"a", "b"}
    constants["z1"] = c[1:2]
    back = put_back(constants, find_sources(state, constants), state)
    for name, value in state.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-6)


def test_statistics_keep_what_is_computed_and_let_a_training_go_on() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1)).eval()
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    pictures = torch.randn(64, 3, 16, 16) * 2 + 1
    assert layers_before(network, lambda: network(pictures)) == {"1": "0"}
    pass_through(norm, torch.linspace(-1, 1, 8))
    with torch.no_grad():
        before = network(pictures)
        give_statistics({"1": norm}, [lambda: network(pictures)])
        assert torch.allclose(network(pictures), before, atol=1e-5)
        # In training it normalises by the batch's own statistics, which are those measured.
        assert torch.allclose(network.train()(pictures), before, atol=1e-4)
    assert float(norm.running_var.std()) > 0 and not torch.allclose(norm.weight, torch.ones(8))


def test_the_command_writes_a_run_that_a_training_starts_from(packed: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    _write_shards(data, "portrait", 64)
    command = ("unpack", packed / "pack", "--net", "landmarks", "--data", data, "--batches", 2, "-o", out)
    assert "15 normalisations measured anew" in run_export(*command)
    network, record = load_model(out)
    assert isinstance(network, Landmarks) and network.config.shape and record["metrics"] == {}
    assert record["notes"] == ["Unpacked from nano 0.1.0: its weights as they were rounded there."]
    with pytest.raises(InputError, match="exists already"):
        run_export(*command)
    from train.presets import load_recipe

    recipe = load_recipe("landmarks", "tiny", [data], start=out)
    assert recipe.data_options["start"] == "run, step 3" and not recipe.network.config.shape
    assert torch.equal(recipe.network.stem[0].weight, network.stem[0].weight)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a tiny VAE and a flow of its latents, and the pack of both."""
    root = tmp_path_factory.mktemp("generator")
    coder, net, _ = untrained_generator("tiny")
    draw_state(coder, seed=5)
    draw_state(net, seed=6)
    for name, network in (("vae", coder), ("velocity", net)):
        record = {"net": name, "preset": "tiny", "config": config_dict(network.config), "step": 3, "data": {}}
        if name == "velocity":
            record["data"] = {"vae": weights_digest(root / "vae")}
        save_weights(root / name, network.state_dict(), record)
    (root / "vae" / PRIOR_FILE).write_text(json.dumps([PRIOR_ROW]))
    run_export("latent_flow", "--vae", root / "vae", "--flow", root / "velocity", *GENERATOR, "-o", root / "pack")
    return root


def test_a_generator_comes_back_with_its_latents_statistics(generator: Path) -> None:
    before, after = {}, {}
    for name in ("vae", "velocity"):
        before[name], _ = load_model(generator / name)
        after[name] = unpack(open_pack(generator / "pack"), name).network
    for name in ("latent_mean", "latent_std"):
        torch.testing.assert_close(getattr(after["vae"], name), getattr(before["vae"], name), rtol=1e-3, atol=1e-4)
    picture = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    latent = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    wish = torch.rand(3, after["velocity"].config.condition), torch.rand(3, after["velocity"].config.identity)
    times = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.1, 0.8, 1.0])

    def said(nets: dict[str, nn.Module]) -> list[torch.Tensor]:
        vae, flow = nets["vae"], nets["velocity"]
        assert isinstance(vae, VAE)
        with torch.no_grad():
            return [*vae.encode(picture), vae.decode(latent), flow(latent, *times, *wish)]

    for ours, theirs in zip(said(after), said(before), strict=True):
        assert (ours - theirs).abs().mean() <= 5e-3 * theirs.std()


def test_a_generator_goes_round_by_commands(generator: Path, tmp_path: Path) -> None:
    data, again = tmp_path / "data", tmp_path / "again"
    _write_shards(data, "swap", 32)
    unpacked = ("unpack", generator / "pack", "--net")
    with pytest.raises(InputError, match="belongs to its VAE"):
        run_export(*unpacked, "velocity", "-o", again / "velocity")
    with pytest.raises(InputError, match="no VAE out of the same pack"):
        run_export(*unpacked, "velocity", "--vae", generator / "vae", "-o", again / "velocity")
    with pytest.raises(InputError, match="statistics to measure"):
        run_export(*unpacked, "vae", "-o", again / "vae")
    assert not again.exists()
    run_export(*unpacked, "vae", "--data", data, "--batches", 2, "-o", again / "vae")
    run_export(*unpacked, "velocity", "--vae", again / "vae", "-o", again / "velocity")
    run_export("latent_flow", "--vae", again / "vae", "--flow", again / "velocity", *GENERATOR, "-o", tmp_path / "pack")
    drawn = [open_pack(root / "pack").manifest.families["latent_flow"].extra for root in (generator, tmp_path)]
    assert drawn[0]["attribute_prior"] == drawn[1]["attribute_prior"] == [PRIOR_ROW]


def test_taps_that_were_summed_come_apart_again() -> None:
    weight = np.random.default_rng(0).normal(size=(5, 7, 3, 3)).astype(np.float32)
    np.testing.assert_allclose(undoubled_taps(doubled_taps(weight)), weight, atol=1e-5)


def test_every_net_of_the_bundled_packs_families_has_a_name() -> None:
    assert set(NETS) == {"detector", "landmarks", "recogniser", "parser", "style_swap", "vae", "velocity"}
