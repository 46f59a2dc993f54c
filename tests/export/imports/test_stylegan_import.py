from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from export.imports.import_weights import import_weights
from export.origins import asked_origin
from facesdk.errors import InputError
from tests.export.imports import stylegan_reference as reference
from train.checkpoint import load_model
from train.models.style_swap import PRESETS, CodeHeads, CodeHeadsConfig, StyleSwap
from train.recipes.swap_codes import start_from_run

ORIGIN = asked_origin("", "CC-BY-NC-4.0", "https://example.org/licence")
MOST_DIFFERENCE = 1e-3


@pytest.fixture(autouse=True)
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setitem(PRESETS, "small", reference.SMALL)


def _styles(count: int = 2) -> Tensor:
    return torch.randn(count, reference.LAYERS, reference.STYLE_DIM, generator=torch.Generator().manual_seed(9))


def _net(run: Path) -> StyleSwap:
    net, _ = load_model(run)
    assert isinstance(net, StyleSwap)
    return net


@torch.no_grad()
def _picture(net: StyleSwap, w: Tensor) -> Tensor:
    shapes = [(len(w), net.config.feature_channels[r], r, r) for r in net.config.decoder.shortcuts]
    return net.decoder(w, [torch.randn(*shape) for shape in shapes], "fixed")[0].double()


def _noise(net: StyleSwap) -> list[Tensor]:
    return [getattr(block, layer).noise for block in net.decoder.blocks for layer in ("layer0", "layer1")]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_official_pickle_gives_the_pictures_of_an_independent_forward_pass(tmp_path: Path, protocol: int) -> None:
    variables = reference.official_variables()
    file = reference.write_pickle(tmp_path / "gs.pkl", variables, protocol)
    coverage = import_weights(file, tmp_path / "run", ORIGIN, "small")
    net, w = _net(tmp_path / "run"), _styles()
    expected = reference.official_picture(variables, w)
    assert expected.std() > 0.1
    assert (_picture(net, w) - expected).abs().max() < MOST_DIFFERENCE
    average = torch.from_numpy(variables["dlatent_avg"])
    assert torch.equal(net.encoder.w_avg, average.expand(1, reference.LAYERS, -1))
    assert {p.theirs for p in coverage.placed} | {item.name for item in coverage.left} == set(variables)
    assert {p.ours for p in coverage.placed} | {item.name for item in coverage.unfilled} == set(net.state_dict())
    assert not [item.name for item in coverage.left if item.name.startswith("synthesis/noise")]


def test_a_network_built_without_fusing_is_turned_round_where_ours_fuses(tmp_path: Path) -> None:
    variables = reference.official_variables(1)
    file = reference.write_pickle(tmp_path / "gs.pkl", variables, fused_scale=False)
    import_weights(file, tmp_path / "run", ORIGIN, "small")
    w = _styles(1)
    expected = reference.official_picture(variables, w, fused_from=10_000)
    assert (_picture(_net(tmp_path / "run"), w) - expected).abs().max() < MOST_DIFFERENCE
    # And the two are not the same thing.
    assert (reference.official_picture(variables, w) - expected).abs().max() > 0.01


@pytest.mark.parametrize("container", ["torch", "old torch", "safetensors"])
def test_lernapparats_port(tmp_path: Path, container: str) -> None:
    variables = reference.official_variables(2)
    state, file = reference.lernapparat_state(variables), tmp_path / "file"
    if container == "safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=container == "torch")
    coverage = import_weights(file, tmp_path / "run", ORIGIN, "small")
    net, w = _net(tmp_path / "run"), _styles(1)
    expected = reference.official_picture(variables, w, _noise(net))
    assert (_picture(net, w) - expected).abs().max() < MOST_DIFFERENCE
    assert {p.theirs for p in coverage.placed} | {item.name for item in coverage.left} == set(state)
    assert {item.name.split(".")[-1] for item in coverage.left} == {"kernel"}
    assert "noise" in " ".join(coverage.differences)


def test_the_mean_style_is_the_mean_of_what_the_mapping_network_draws(tmp_path: Path) -> None:
    variables = reference.official_variables(3)
    torch.save(reference.lernapparat_state(variables), tmp_path / "file.pt")
    import_weights(tmp_path / "file.pt", tmp_path / "run", ORIGIN, "small")
    x = torch.randn(20_000, reference.STYLE_DIM, generator=torch.Generator().manual_seed(5)).double()
    x = x / x.square().mean(1, keepdim=True).sqrt()
    for k in range(8):
        weight, bias = (torch.from_numpy(variables[f"mapping/Dense{k}/{n}"]).double() for n in ("weight", "bias"))
        x = torch.nn.functional.leaky_relu(x @ weight * (2 / 32) ** 0.5 * 0.01 + bias * 0.01, 0.2)
    mean = _net(tmp_path / "run").encoder.w_avg
    assert torch.equal(mean[:, 0], mean[:, -1])
    assert (mean[0, 0] - x.mean(0)).abs().max() < 6 * x.std() / 100
    assert x.mean(0).abs().max() > 12 * x.std() / 100


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("wrap", ["g_running", "flat", "data parallel"])
def test_rosinalitys_port_but_for_the_place_of_the_bias(tmp_path: Path, fused: bool, wrap: str) -> None:
    state, file = reference.rosinality_state(fused), tmp_path / "train_step-7.model"
    others = {"generator": {f"module.{k}": torch.zeros_like(t) for k, t in state.items()}, "g_optimizer": {"step": 3}}
    torch.save(
        {
            "g_running": {"g_running": state, **others},
            "flat": state,
            "data parallel": {"generator": {f"module.{k}": t for k, t in state.items()}},
        }[wrap],
        file,
    )
    coverage = import_weights(file, tmp_path / "run", ORIGIN, "small")
    net, w = _net(tmp_path / "run"), _styles(1)
    picture, noise = _picture(net, w), _noise(net)
    assert (
        picture - reference.rosinality_picture(state, w, noise, bias_before_blur=False)
    ).abs().max() < MOST_DIFFERENCE
    # What the report says: their bias is before the blur, and that shows.
    assert (picture - reference.rosinality_picture(state, w, noise)).abs().max() > MOST_DIFFERENCE
    assert "border" in " ".join(coverage.differences)
    without = {k: torch.zeros_like(t) if ".conv1." in k and k.endswith("bias") else t for k, t in state.items()}
    torch.save(without, file)
    # Over a base whose every number is another one: nothing of its decoder may be left in the picture.
    base = reference.write_pickle(tmp_path / "gs.pkl", reference.official_variables(7))
    import_weights(base, tmp_path / "base", ORIGIN, "small")
    coverage = import_weights(file, tmp_path / "plain", ORIGIN, "small", tmp_path / "base")
    assert [u.name for u in coverage.unfilled if u.why.startswith("zero")] == ["decoder.blocks.0.layer0.bias"]
    net = _net(tmp_path / "plain")
    expected = reference.rosinality_picture(without, w, _noise(net))
    assert (_picture(net, w) - expected).abs().max() < MOST_DIFFERENCE


def test_a_run_folder_that_training_starts_from(tmp_path: Path) -> None:
    file = reference.write_pickle(tmp_path / "gs.pkl", reference.official_variables())
    import_weights(file, tmp_path / "run", ORIGIN, "small")
    net = StyleSwap(reference.SMALL)
    heads = CodeHeads(CodeHeadsConfig(12, 32, 3, 4))
    assert start_from_run(net, heads, tmp_path / "run") == "run, step 0"
    for name, value in _net(tmp_path / "run").state_dict().items():
        assert torch.equal(net.state_dict()[name], value)
    record = json.loads((tmp_path / "run" / "preset.json").read_text())
    (source,) = record["derived_from"]
    assert source["name"] == "StyleGAN1, official pickle (gs.pkl)" and len(source["sha256"]) == 64
    assert (source["spdx"], source["commercial_use"], source["url"]) == ("CC-BY-NC-4.0", "no", ORIGIN.url)
    account = json.loads((tmp_path / "run" / "coverage.json").read_text())
    assert account["counts"]["placed"] == len(account["placed"]) and account["source"] == source
    row = next(r for r in account["placed"] if r["theirs"] == "synthesis/8x8/Conv0_up/weight")
    assert row["ours"] == "decoder.blocks.1.layer0.conv.weight" and row["change"] == "HWIO, scale"
    assert row["their_shape"] == [3, 3, 12, 12] and row["our_shape"] == [12, 12, 3, 3]


def test_weights_of_our_own_go_through_unchanged(tmp_path: Path) -> None:
    torch.manual_seed(4)
    net = StyleSwap(reference.SMALL)
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    coverage = import_weights(tmp_path / "model.safetensors", tmp_path / "run", ORIGIN, "small")
    assert not coverage.left and not coverage.unfilled
    for name, value in _net(tmp_path / "run").state_dict().items():
        assert torch.equal(net.state_dict()[name], value)


def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    variables, out = reference.official_variables(), tmp_path / "run"

    def refused(match: str, preset: str = "small", **changes: object) -> None:
        settings = changes.pop("settings", {})
        wrong = {k: v for k, v in {**variables, **changes}.items() if v is not None}
        file = reference.write_pickle(tmp_path / "wrong.pkl", wrong, **settings)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=match):
            import_weights(file, out, ORIGIN, preset)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["wrong.pkl"]

    at = "synthesis/16x16/Conv1"
    refused("lacks synthesis/16x16/Conv1/weight", **{f"{at}/weight": None})
    refused(r"another size(.|\n)*\(12,\), expected \(10,\)", **{f"{at}/bias": variables["synthesis/4x4/Conv/bias"]})
    refused("not of the form HWIO", **{f"{at}/weight": variables[f"{at}/bias"]})
    refused("has no place", **{"synthesis/256x256/Conv1/weight": variables[f"{at}/weight"]})
    refused("lacks dlatent_avg", dlatent_avg=None)
    refused("use_pixel_norm=True", settings={"use_pixel_norm": True})
    refused("blur_filter=None", settings={"blur_filter": None})
    refused("no file that can be imported", **{"synthesis/4x4/Const/const": None})
    refused("is no StyleGAN1: blur=False", preset="tiny")
    refused("no preset 'other'", preset="other")
    refused("not finite", **{f"{at}/bias": variables[f"{at}/bias"] * float("nan")})
