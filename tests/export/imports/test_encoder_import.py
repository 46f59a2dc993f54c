from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from export.imports.import_weights import import_weights
from export.origins import asked_origin
from facesdk.errors import InputError
from tests.export.imports.stylegan_reference import SMALL
from train.checkpoint import load_model
from train.models.style_swap import PRESETS, StyleSwap

ORIGIN = asked_origin("pSp", "MIT", "https://example.org/licence")
# pSp splits its 18 styles 3 + 4 + 11 over the levels; these 12 likewise: by convolutions per head.
SPLIT = (1,) * 2 + (2,) * 3 + (3,) * 7
UNITS = ((16, 16, 2), (16, 32, 2), (32, 32, 1), (32, 32, 2), (32, 32, 2))


@pytest.fixture(autouse=True)
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setitem(PRESETS, "small", SMALL)


def _norm(state: dict[str, Tensor], at: str, width: int) -> None:
    state[f"{at}.weight"], state[f"{at}.bias"] = torch.rand(width) + 0.5, torch.randn(width)
    state[f"{at}.running_mean"], state[f"{at}.running_var"] = torch.randn(width), torch.rand(width) + 0.5
    state[f"{at}.num_batches_tracked"] = torch.tensor(7)


def ir_se_state() -> dict[str, Tensor]:
    """A small IR-SE-50 as TreB1eN's model_ir_se50.pth names it."""
    torch.manual_seed(0)
    state: dict[str, Tensor] = {
        "input_layer.0.weight": torch.randn(16, 3, 3, 3),
        "input_layer.2.weight": torch.rand(16),
    }
    _norm(state, "input_layer.1", 16)
    for k, (below, width, _) in enumerate(UNITS):
        at = f"body.{k}"
        if below != width:
            state[f"{at}.shortcut_layer.0.weight"] = torch.randn(width, below, 1, 1) * 0.1
            _norm(state, f"{at}.shortcut_layer.1", width)
        _norm(state, f"{at}.res_layer.0", below)
        state[f"{at}.res_layer.1.weight"] = torch.randn(width, below, 3, 3) * 0.1
        state[f"{at}.res_layer.2.weight"] = torch.rand(width)
        state[f"{at}.res_layer.3.weight"] = torch.randn(width, width, 3, 3) * 0.1
        _norm(state, f"{at}.res_layer.4", width)
        state[f"{at}.res_layer.5.fc1.weight"] = torch.randn(4, width, 1, 1)
        state[f"{at}.res_layer.5.fc2.weight"] = torch.randn(width, 4, 1, 1)
    _norm(state, "output_layer.0", 32)
    state["output_layer.3.weight"], state["output_layer.3.bias"] = torch.randn(8, 128), torch.randn(8)
    return state


def psp_state() -> dict[str, Tensor]:
    """A small GradualStyleEncoder."""
    state = {k: v for k, v in ir_se_state().items() if not k.startswith("output_layer")}
    for n in (1, 2):
        state[f"latlayer{n}.weight"], state[f"latlayer{n}.bias"] = torch.randn(32, 32, 1, 1) * 0.1, torch.randn(32)
    for k, convs in enumerate(SPLIT):
        for c in range(convs):
            state[f"styles.{k}.convs.{2 * c}.weight"] = torch.randn(32, 32, 3, 3) * 0.1
            state[f"styles.{k}.convs.{2 * c}.bias"] = torch.randn(32)
        state[f"styles.{k}.linear.weight"], state[f"styles.{k}.linear.bias"] = torch.randn(32, 32), torch.randn(32)
    return state


def _bn(x: Tensor, state: dict[str, Tensor], at: str) -> Tensor:
    mean, var, weight, bias = (
        state[f"{at}.{n}"][:, None, None] for n in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def _levels(state: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """c3, c2, c1 of psp_encoders.py."""
    x = F.prelu(
        _bn(F.conv2d(x, state["input_layer.0.weight"], padding=1), state, "input_layer.1"),
        state["input_layer.2.weight"],
    )
    outputs = []
    for k, (below, width, stride) in enumerate(UNITS):
        at = f"body.{k}"
        y = F.conv2d(_bn(x, state, f"{at}.res_layer.0"), state[f"{at}.res_layer.1.weight"], padding=1)
        y = F.prelu(y, state[f"{at}.res_layer.2.weight"])
        y = _bn(F.conv2d(y, state[f"{at}.res_layer.3.weight"], stride=stride, padding=1), state, f"{at}.res_layer.4")
        gate = F.relu(F.conv2d(y.mean((2, 3), keepdim=True), state[f"{at}.res_layer.5.fc1.weight"]))
        y = y * torch.sigmoid(F.conv2d(gate, state[f"{at}.res_layer.5.fc2.weight"]))
        if below == width:
            x = x[:, :, ::stride, ::stride]
        else:
            x = _bn(F.conv2d(x, state[f"{at}.shortcut_layer.0.weight"], stride=stride), state, f"{at}.shortcut_layer.1")
        x = x + y
        outputs.append(x)
    return outputs[4], outputs[3], outputs[2]


@torch.no_grad()
def test_psp_gives_the_levels_and_the_styles_that_read_the_same_level(tmp_path: Path) -> None:
    state = psp_state()
    file = {"state_dict": {**{f"encoder.{k}": v for k, v in state.items()}, "decoder.input.input": torch.ones(1)},
            "latent_avg": torch.ones(12, 32), "opts": {"exp_dir": "x"}}  # fmt: skip
    torch.save(file, tmp_path / "psp.pt")
    coverage = import_weights(tmp_path / "psp.pt", tmp_path / "run", ORIGIN, "small")
    net, _ = load_model(tmp_path / "run")
    assert isinstance(net, StyleSwap)
    picture = torch.randn(2, 3, 32, 32)
    codes, features = net.encoder(picture)

    p3, c2, c1 = _levels(state, picture)
    p2, p1 = p3, p3
    p2 = F.interpolate(p3, c2.shape[2:], mode="bilinear", align_corners=True) + F.conv2d(
        c2, state["latlayer1.weight"], state["latlayer1.bias"]
    )
    p1 = F.interpolate(p2, c1.shape[2:], mode="bilinear", align_corners=True) + F.conv2d(
        c1, state["latlayer2.weight"], state["latlayer2.bias"]
    )
    for found, expected in zip(features, (p2, p1), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-3)
    ours = (1,) * 4 + (2,) * 4 + (3,) * 4
    same = [k for k in range(12) if ours[k] == SPLIT[k]]
    assert same == [0, 1, 4, 8, 9, 10, 11]
    for k in same:
        x = (p3, p2, p1)[SPLIT[k] - 1]
        for c in range(SPLIT[k]):
            name = f"styles.{k}.convs.{2 * c}"
            x = F.leaky_relu(F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1), 0.01)
        expected = x.flatten(1) @ (state[f"styles.{k}.linear.weight"] / 32**0.5).T + state[f"styles.{k}.linear.bias"]
        torch.testing.assert_close(codes[:, k], expected, rtol=1e-3, atol=2e-3)
    why = {item.name: item.why for item in coverage.left}
    assert "another level" in why["state_dict.encoder.styles.2.linear.bias"]
    assert "not under" in why["state_dict.decoder.input.input"] and "not under" in why["latent_avg"]
    whole = {f"state_dict.encoder.{k}" for k in state} | {"state_dict.decoder.input.input", "latent_avg"}
    assert {p.theirs for p in coverage.placed} | set(why) == whole
    assert "StyleGAN2" in " ".join(coverage.differences)


@torch.no_grad()
def test_ir_se_50_fills_the_body_onto_a_base_and_its_licence_is_added(tmp_path: Path) -> None:
    torch.save({f"encoder.{k}": v for k, v in psp_state().items()}, tmp_path / "psp.pt")
    import_weights(tmp_path / "psp.pt", tmp_path / "first", ORIGIN, "small")
    state = {k: v + 1 if v.is_floating_point() else v for k, v in ir_se_state().items()}
    torch.save(state, tmp_path / "ir.pth")
    other = asked_origin("", "LicenseRef-own", "https://example.org/own", "no")
    coverage = import_weights(tmp_path / "ir.pth", tmp_path / "second", other, "small", tmp_path / "first")
    first, second = (load_model(tmp_path / name)[0].state_dict() for name in ("first", "second"))
    assert torch.equal(second["encoder.body.3.res_layer.3.weight"], state["body.3.res_layer.3.weight"])
    assert torch.equal(second["encoder.styles.0.linear.weight"], first["encoder.styles.0.linear.weight"])
    assert {item.why for item in coverage.unfilled} == {"as the run first has it"}
    assert all("embedding" in item.why for item in coverage.left) and len(coverage.left) == 7
    record = load_model(tmp_path / "second")[1]
    assert [o["spdx"] for o in record["derived_from"]] == ["MIT", "LicenseRef-own"]
    assert [o["commercial_use"] for o in record["derived_from"]] == ["yes", "no"]
    assert any("first, step 0" in note for note in record["notes"])


def test_a_deeper_body_and_another_encoder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = ir_se_state()
    torch.save({**state, "body.5.res_layer.1.weight": torch.ones(1)}, tmp_path / "deep.pth")
    with pytest.raises(InputError, match="body.5.res_layer.1.weight has no place"):
        import_weights(tmp_path / "deep.pth", tmp_path / "run", ORIGIN, "small")
    torch.save({k: v for k, v in state.items() if "num_batches" not in k}, tmp_path / "older.pth")
    import_weights(tmp_path / "older.pth", tmp_path / "older", ORIGIN, "small")
    monkeypatch.setitem(PRESETS, "leaky", replace(SMALL, encoder=replace(SMALL.encoder, activation="leaky")))
    with pytest.raises(InputError, match="no IR-SE-50: activation=leaky"):
        import_weights(tmp_path / "older.pth", tmp_path / "run", ORIGIN, "leaky")
    with pytest.raises(InputError, match="holds a style_swap of the preset 'small'"):
        import_weights(tmp_path / "older.pth", tmp_path / "run", ORIGIN, "tiny", tmp_path / "older")
    with pytest.raises(InputError, match="exists already"):
        import_weights(tmp_path / "older.pth", tmp_path / "older", ORIGIN, "small")
    assert not (tmp_path / "run").exists()
