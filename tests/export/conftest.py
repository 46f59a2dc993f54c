"""A network that is traced in a second and has what the real ones have: statistics, attention, noise, two inputs."""

from __future__ import annotations

import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typer.testing import CliRunner

from export.__main__ import app
from export.families.latent_flow import latent_flow_family
from export.families.untrained import untrained_generator
from export.to_onnx import to_onnx
from export.torch_graph import Floor, TorchGraph, float32


def run_export(*arguments: object) -> str:
    """What `python -m export ARGUMENTS` prints; its errors are raised."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


class SmallNet(nn.Module):
    """Convolution, hand-written normalisation, noise, upsampling; attention over codes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3, padding=1)
        self.deep = nn.Conv2d(32, 32, 3, padding=1)
        self.out = nn.Conv2d(32, 3, 3, padding=1)
        self.style = nn.Linear(64, 32)
        self.query = nn.Linear(64, 64)
        self.register_buffer("noise", torch.randn(1, 1, 16, 16))
        self.noise_weight = nn.Parameter(torch.randn(32))

    def forward(self, image: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        x = self.deep(torch.relu(self.conv(image))) + self.noise * self.noise_weight[None, :, None, None]
        centred = x - x.mean((2, 3), keepdim=True)
        x = centred * torch.rsqrt((centred * centred).mean((2, 3), keepdim=True) + 1e-5)
        x = x * self.style(codes[:, 0])[:, :, None, None]
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        mixed = torch.softmax(self.query(codes) @ codes.transpose(1, 2) / 8.0, -1) @ codes
        return torch.tanh(self.out(x)), mixed


def small_graph(net: SmallNet, **changes: object) -> TorchGraph:
    """The graph of a SmallNet; codes are made of the picture's own values."""

    def inputs(pictures: Tensor) -> tuple[Tensor, ...]:
        return pictures, pictures.flatten(1)[:, : 4 * 64].unflatten(1, (4, 64))

    values: dict[str, object] = {
        "family": "test",
        "name": "small",
        "function": lambda image, codes: net(image, codes),
        "inputs": (float32("image", "batch", 3, 16, 16), float32("codes", "batch", 4, 64)),
        "outputs": (float32("picture", "batch", 3, 32, 32), float32("mixed", "batch", 4, 64)),
        "owners": (net,),
        "picture": float32("image", "batch", 3, 16, 16),
        "from_pictures": inputs,
        "exact": {"*": Floor(cosine=0.9995)},
        "reduced": {"*": Floor(cosine=0.99)},
    }
    return TorchGraph(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def graph() -> TorchGraph:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return small_graph(SmallNet().eval())


@pytest.fixture(scope="session")
def model(graph: TorchGraph) -> onnx.ModelProto:
    return to_onnx(graph)


class GeneratorTraces:
    """Traces of the untrained tiny generator, each made when it is first asked for."""

    def __init__(self) -> None:
        vae, net, records = untrained_generator("tiny")
        self.vae, self.net = vae, net
        self.family = latent_flow_family(vae, net, records)
        self.graphs = {graph.name: graph for graph in self.family.graphs}
        self._models: dict[str, onnx.ModelProto] = {}

    def model(self, name: str) -> onnx.ModelProto:
        if name not in self._models:
            self._models[name] = to_onnx(self.graphs[name])
        return self._models[name]


@pytest.fixture(scope="session")
def generator() -> GeneratorTraces:
    torch.set_num_threads(1)
    return GeneratorTraces()


@pytest.fixture
def traced_generator(generator: GeneratorTraces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of the untrained tiny generator take its traces: tracing takes most of the time."""
    monkeypatch.setattr("export.assemble.to_onnx", lambda graph: generator.model(graph.name))
