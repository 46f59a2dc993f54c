"""StyleGAN1's synthesis from its variables alone, in float64, and files that hold such variables.

Written after NVlabs/stylegan training/networks_stylegan.py and rosinality/style-based-gan-pytorch model.py; nothing of
train.models is used, so that what is compared with it is an own opinion.
"""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from train.models.style_swap import BlendingConfig, DecoderConfig, EncoderConfig, StyleSwapConfig

Arrays = dict[str, NDArray[Any]]

CHANNELS = (12, 12, 10, 8, 8, 6)
STYLE_DIM = 32
LAYERS = 2 * len(CHANNELS)
# Pictures are then about in [-1, 1], as a trained network's are.
IN_RANGE = 0.15
SMALL = StyleSwapConfig(
    image_size=32,
    encoder=EncoderConfig(
        stage_depths=(1, 2, 1, 1),
        widths=(16, 32, 32, 32),
        styles_per_level=(4, 4, 4),
        style_dim=STYLE_DIM,
        head_width=32,
    ),
    blending=BlendingConfig(layers=1, heads=2),
    decoder=DecoderConfig(channels=CHANNELS, shortcuts=(4, 8)),
)
"""The paper preset's structure, to 128 px: the smallest side at which StyleGAN1 fuses upsampling and convolution."""


def official_variables(seed: int = 0) -> Arrays:
    """Variables of Gs by "part/name", none of them at a value where a wrong place would go unnoticed."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int, size: float = 1.0) -> NDArray[Any]:
        return (rng.standard_normal(shape) * size).astype(np.float32)

    found: Arrays = {"lod": np.float32(0.0), "dlatent_avg": normal(STYLE_DIM), "synthesis/lod": np.float32(0.0)}
    found["synthesis/4x4/Const/const"] = normal(1, CHANNELS[0], 4, 4)
    for i, channels in enumerate(CHANNELS):
        r, below = 4 << i, CHANNELS[max(i - 1, 0)]
        for n, name in enumerate(("Const", "Conv") if i == 0 else ("Conv0_up", "Conv1")):
            at = f"synthesis/{r}x{r}/{name}"
            if name != "Const":
                found[f"{at}/weight"] = normal(3, 3, below if n == 0 else channels, channels)
            found[f"{at}/Noise/weight"] = normal(channels, size=0.3)
            found[f"{at}/bias"] = normal(channels, size=0.3)
            found[f"{at}/StyleMod/weight"] = normal(STYLE_DIM, 2 * channels)
            found[f"{at}/StyleMod/bias"] = normal(2 * channels, size=0.3)
            found[f"synthesis/noise{2 * i + n}"] = normal(1, 1, r, r)
        lod = len(CHANNELS) - 1 - i
        found[f"synthesis/ToRGB_lod{lod}/weight"] = normal(1, 1, channels, 3, size=IN_RANGE)
        found[f"synthesis/ToRGB_lod{lod}/bias"] = normal(3, size=IN_RANGE)
    for k in range(8):
        found[f"mapping/Dense{k}/weight"] = normal(STYLE_DIM, STYLE_DIM, size=100.0)
        found[f"mapping/Dense{k}/bias"] = normal(STYLE_DIM, size=10.0)
    return found


def official_picture(
    variables: Mapping[str, NDArray[Any]], w: Tensor, noise: Sequence[Tensor] | None = None, fused_from: int = 128
) -> Tensor:
    """The picture of G_synthesis; (B, L, D) to (B, 3, S, S), float64. `noise` in place of the variables'."""
    v = {k: torch.from_numpy(np.asarray(a, np.float64)) for k, a in variables.items()}
    w = w.double()

    def epilogue(x: Tensor, at: str, n: int) -> Tensor:
        grain = v[f"synthesis/noise{n}"] if noise is None else noise[n].double()
        x = x + grain * v[f"{at}/Noise/weight"].reshape(1, -1, 1, 1) + v[f"{at}/bias"].reshape(1, -1, 1, 1)
        style = w[:, n] @ (v[f"{at}/StyleMod/weight"] / np.sqrt(STYLE_DIM)) + v[f"{at}/StyleMod/bias"]
        scale, shift = style.reshape(len(w), 2, -1, 1, 1).unbind(1)
        return _normalised(torch.maximum(x, 0.2 * x), 1e-8) * (scale + 1) + shift

    x = epilogue(v["synthesis/4x4/Const/const"].repeat(len(w), 1, 1, 1), "synthesis/4x4/Const", 0)
    x = epilogue(_same(x, _oihw(v["synthesis/4x4/Conv/weight"], 2.0)), "synthesis/4x4/Conv", 1)
    for i in range(1, len(CHANNELS)):
        r = 4 << i
        at = f"synthesis/{r}x{r}/Conv0_up"
        kernel = _oihw(v[f"{at}/weight"], 2.0)
        up = _fused_up(x, kernel) if r >= fused_from else _same(_repeated(x), kernel)
        x = epilogue(_blurred(up), at, 2 * i)
        at = f"synthesis/{r}x{r}/Conv1"
        x = epilogue(_same(x, _oihw(v[f"{at}/weight"], 2.0)), at, 2 * i + 1)
    return _same(x, _oihw(v["synthesis/ToRGB_lod0/weight"], 1.0)) + v["synthesis/ToRGB_lod0/bias"].reshape(1, 3, 1, 1)


def _oihw(weight: Tensor, gain_squared: float) -> Tensor:
    return weight.permute(3, 2, 0, 1) * np.sqrt(gain_squared / np.prod(weight.shape[:3]))


def _same(x: Tensor, kernel: Tensor) -> Tensor:
    return F.conv2d(x, kernel, padding=kernel.shape[-1] // 2)


def _repeated(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def _blurred(x: Tensor) -> Tensor:
    for axis in (2, 3):
        zero = torch.zeros_like(x.narrow(axis, 0, 1))
        wide = torch.cat([zero, x, zero], axis)
        size = x.shape[axis]
        x = (wide.narrow(axis, 0, size) + 2 * wide.narrow(axis, 1, size) + wide.narrow(axis, 2, size)) / 4
    return x


def _fused_up(x: Tensor, kernel: Tensor) -> Tensor:
    """TensorFlow defines conv2d_transpose as the gradient of conv2d, so that is what is taken."""
    wide = F.pad(kernel, (1, 1, 1, 1))
    four = wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]
    with torch.enable_grad():
        big = torch.zeros(len(x), kernel.shape[0], 2 * x.shape[2], 2 * x.shape[3], dtype=x.dtype, requires_grad=True)
        small = F.conv2d(big, four.transpose(0, 1), stride=2, padding=1)
        return torch.autograd.grad(small, big, x)[0]


def _normalised(x: Tensor, epsilon: float) -> Tensor:
    x = x - x.mean((2, 3), keepdim=True)
    return x / torch.sqrt((x * x).mean((2, 3), keepdim=True) + epsilon)


def write_pickle(
    path: Path, variables: Mapping[str, Any], protocol: int = 4, networks: int = 3, **settings: object
) -> Path:
    """A pickle as dnnlib writes it: (G, D, Gs) of Network objects with their state."""
    modules = {
        name: types.ModuleType(name) for name in ("dnnlib", "dnnlib.tflib", "dnnlib.tflib.network", "dnnlib.util")
    }
    network = type("Network", (), {"__module__": "dnnlib.tflib.network", "__qualname__": "Network"})
    easy = type("EasyDict", (dict,), {"__module__": "dnnlib.util", "__qualname__": "EasyDict"})
    modules["dnnlib.tflib.network"].Network, modules["dnnlib.util"].EasyDict = network, easy  # type: ignore[attr-defined]

    def make(name: str, prefix: str, parts: Mapping[str, Any]) -> Any:
        own = [
            (name.removeprefix(prefix), array)
            for name, array in variables.items()
            if (name.startswith(prefix) if prefix else "/" not in name)
        ]
        made = network()
        made.__dict__.update(
            version=3, name=name, static_kwargs={"resolution": 4 << (len(CHANNELS) - 1), **settings},
            components=easy(parts), build_module_src="import os; os.abort()", build_func_name="G_style", variables=own,
        )  # fmt: skip
        return made

    parts = {part: make(f"G_{part}", f"{part}/", {}) for part in ("synthesis", "mapping")}
    other, averaged = make("D", "none/", {}), make("Gs", "", parts)
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        document = (other, other, averaged) if networks == 3 else averaged
        path.write_bytes(pickle.dumps(document, protocol=protocol))
    return path


def lernapparat_state(variables: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The official variables under lernapparat's names and axes."""
    v = {k: torch.from_numpy(np.asarray(a)) for k, a in variables.items()}
    state: dict[str, Tensor] = {}
    for k in range(8):
        state[f"g_mapping.dense{k}.weight"] = v[f"mapping/Dense{k}/weight"].T.contiguous()
        state[f"g_mapping.dense{k}.bias"] = v[f"mapping/Dense{k}/bias"]
    for i in range(len(CHANNELS)):
        block = f"g_synthesis.blocks.{4 << i}x{4 << i}"
        for n, (tf, torch_name) in enumerate(
            (("Const", ""), ("Conv", "conv.")) if i == 0 else (("Conv0_up", "conv0_up."), ("Conv1", "conv1."))
        ):
            at = f"synthesis/{4 << i}x{4 << i}/{tf}"
            state[f"{block}.{torch_name}{'weight' if torch_name else 'const'}"] = (
                v[f"{at}/weight"].permute(3, 2, 0, 1).contiguous() if torch_name else v[f"{at}/const"]
            )
            state[f"{block}.{torch_name}bias"] = v[f"{at}/bias"]
            epilogue = f"{block}.epi{n + 1}"
            state[f"{epilogue}.top_epi.noise.weight"] = v[f"{at}/Noise/weight"]
            state[f"{epilogue}.style_mod.lin.weight"] = v[f"{at}/StyleMod/weight"].T.contiguous()
            state[f"{epilogue}.style_mod.lin.bias"] = v[f"{at}/StyleMod/bias"]
        if i:
            state[f"{block}.conv0_up.intermediate.kernel"] = torch.tensor([[[[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]]]) / 16
    state["g_synthesis.torgb.weight"] = v["synthesis/ToRGB_lod0/weight"].permute(3, 2, 0, 1).contiguous()
    state["g_synthesis.torgb.bias"] = v["synthesis/ToRGB_lod0/bias"]
    return state


def rosinality_state(fused: bool = True, seed: int = 0) -> dict[str, Tensor]:
    """A state dict as rosinality's StyledGenerator has it."""
    torch.manual_seed(seed)
    state: dict[str, Tensor] = {}
    for k in range(1, 17, 2):
        state[f"style.{k}.linear.weight_orig"] = torch.randn(STYLE_DIM, STYLE_DIM)
        state[f"style.{k}.linear.bias"] = torch.randn(STYLE_DIM) * 0.1
    for i, channels in enumerate(CHANNELS):
        at, below = f"generator.progression.{i}", CHANNELS[max(i - 1, 0)]
        if i == 0:
            state[f"{at}.conv1.input"] = torch.randn(1, channels, 4, 4)
        elif fused and 4 << i >= 128:
            state[f"{at}.conv1.0.weight"] = torch.randn(below, channels, 3, 3)
            state[f"{at}.conv1.0.bias"] = torch.randn(channels) * 0.3
        else:
            state[f"{at}.conv1.1.conv.weight_orig"] = torch.randn(channels, below, 3, 3)
            state[f"{at}.conv1.1.conv.bias"] = torch.randn(channels) * 0.3
        if i:
            blur = f"{at}.conv1.{1 if fused and 4 << i >= 128 else 2}"
            state[f"{blur}.weight"] = state[f"{blur}.weight_flip"] = torch.ones(channels, 1, 3, 3) / 16
        state[f"{at}.conv2.conv.weight_orig"] = torch.randn(channels, channels, 3, 3)
        state[f"{at}.conv2.conv.bias"] = torch.randn(channels) * 0.3
        for n in (1, 2):
            state[f"{at}.noise{n}.weight_orig"] = torch.randn(1, channels, 1, 1)
            state[f"{at}.adain{n}.style.linear.weight_orig"] = torch.randn(2 * channels, STYLE_DIM)
            bias = torch.randn(2 * channels) * 0.3
            state[f"{at}.adain{n}.style.linear.bias"] = bias + torch.tensor([1.0] * channels + [0.0] * channels)
        state[f"generator.to_rgb.{i}.conv.weight_orig"] = torch.randn(3, channels, 1, 1) * IN_RANGE
        state[f"generator.to_rgb.{i}.conv.bias"] = torch.randn(3) * IN_RANGE
    return state


def rosinality_picture(
    state: Mapping[str, Tensor], w: Tensor, noise: Sequence[Tensor], bias_before_blur: bool = True
) -> Tensor:
    """The picture of its Generator.forward at the last step; noise per layer, bias where it has it or after blur."""
    v = {k: t.double() for k, t in state.items()}

    def equal(name: str) -> Tensor:
        weight = v[name]
        return weight * np.sqrt(2 / (weight.shape[1] * weight[0, 0].numel()))

    def adain(x: Tensor, at: str, n: int, layer: int) -> Tensor:
        x = x + equal(f"{at}.noise{n}.weight_orig") * noise[layer].double()
        style = w[:, layer].double() @ equal(f"{at}.adain{n}.style.linear.weight_orig").T
        gamma, beta = (style + v[f"{at}.adain{n}.style.linear.bias"])[:, :, None, None].chunk(2, 1)
        return gamma * _normalised(F.leaky_relu(x, 0.2), 1e-5) + beta

    x = v["generator.progression.0.conv1.input"].repeat(len(w), 1, 1, 1)
    for i in range(len(CHANNELS)):
        at = f"generator.progression.{i}"
        if i:
            if f"{at}.conv1.0.weight" in v:
                weight = v[f"{at}.conv1.0.weight"]
                kernel = weight.transpose(0, 1) * np.sqrt(2 / (weight.shape[0] * 9)) / 4
                up, bias = _fused_up(x, kernel), v[f"{at}.conv1.0.bias"]
            else:
                up = _same(_repeated(x), equal(f"{at}.conv1.1.conv.weight_orig"))
                bias = v[f"{at}.conv1.1.conv.bias"]
            bias = bias.reshape(1, -1, 1, 1)
            x = _blurred(up + bias) if bias_before_blur else _blurred(up) + bias
        x = adain(x, at, 1, 2 * i)
        x = _same(x, equal(f"{at}.conv2.conv.weight_orig")) + v[f"{at}.conv2.conv.bias"].reshape(1, -1, 1, 1)
        x = adain(x, at, 2, 2 * i + 1)
    last = len(CHANNELS) - 1
    weight, bias = equal(f"generator.to_rgb.{last}.conv.weight_orig"), v[f"generator.to_rgb.{last}.conv.bias"]
    return _same(x, weight) + bias.reshape(1, 3, 1, 1)
