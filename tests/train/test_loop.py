"""The loop: exact resume, averaged weights, schedule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facesdk.errors import InputError
from train import checkpoint, loop
from train.models.faces.parser import PRESETS, Parser
from train.recipe import StepOutput, TrainConfig, with_steps

CURVE, VALIDATION = "curve.jsonl", "validation.jsonl"


class _Training(nn.Module):
    def __init__(self, network: Parser) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor], progress: float) -> StepOutput:
        logits = self.network(batch["image"])
        # A draw inside the step, as decoder noise and dropout make them.
        noise = torch.randn(()) * 0.1
        loss = nn.functional.cross_entropy(logits, batch["classes"]) * (1 + noise)
        return StepOutput({"loss": loss}, {}, fake=logits[:, :3], real=batch["image"])


class _Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 3)

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return (torch.relu(1 - self.layer(real)) + torch.relu(1 + self.layer(fake))).mean()


class _Recipe:
    family, net, preset = "faces", "parser", "tiny"
    data_options: dict[str, Any] = {"seed": 1}

    def __init__(self, critic: bool = False) -> None:
        self.config = TrainConfig(
            steps=6, batch_size=2, learning_rate=1e-2, warmup_steps=2, eval_every=3, save_every=1, precision="no"
        )
        self.network_config = PRESETS["tiny"]
        self.network = Parser(self.network_config)
        self.module: nn.Module = _Training(self.network)
        self.discriminator: nn.Module | None = _Critic() if critic else None

    def batch(self, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        image = rng.normal(size=(2, 3, 64, 64)).astype(np.float32)
        return {"image": torch.from_numpy(image), "classes": torch.from_numpy(rng.integers(0, 5, (2, 64, 64)))}

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        return {"mean": float(network(torch.ones(1, 3, 64, 64)).mean())}

    def grid(self, network: nn.Module) -> np.ndarray:
        return np.zeros((8, 8, 3), np.uint8)


def _run(path: Path, critic: bool, stop_after: int | None = None) -> None:
    torch.manual_seed(0)
    recipe = _Recipe(critic)
    loop.Trainer(recipe, path, seed=3, stop_after=stop_after).train()


@pytest.mark.parametrize("critic", [False, True])
def test_a_stopped_run_goes_on_exactly(tmp_path: Path, critic: bool) -> None:
    _run(tmp_path / "whole", critic)
    _run(tmp_path / "broken", critic, stop_after=3)
    assert json.loads((tmp_path / "broken/state/step.json").read_text())["step"] == 3
    _run(tmp_path / "broken", critic)
    whole, _ = checkpoint.load_model(tmp_path / "whole")
    broken, preset = checkpoint.load_model(tmp_path / "broken")
    assert preset["step"] == 6 and preset["data"] == {"seed": 1}
    for (name, a), b in zip(whole.state_dict().items(), broken.state_dict().values()):
        assert torch.equal(a, b), name
    lines = [(tmp_path / run / "curve.jsonl").read_text().splitlines()[-1] for run in ("whole", "broken")]
    last = [{k: v for k, v in json.loads(line).items() if k != "samples_per_second"} for line in lines]
    assert last[0] == last[1]


@pytest.mark.parametrize("moment", ["_log", "_evaluate", "_save"])
def test_a_stop_at_any_moment_leaves_a_whole_run(tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    recipe = _Recipe()
    recipe.config = replace(recipe.config, steps=60)
    trainer = loop.Trainer(recipe, tmp_path, seed=3)
    kept = getattr(trainer, moment)

    def stopped_within(*arguments: Any) -> Any:
        trainer.stop()
        return kept(*arguments)

    monkeypatch.setattr(trainer, moment, stopped_within)
    trainer.train()
    ends = [json.loads((tmp_path / name).read_text().splitlines()[-1])["step"] for name in (CURVE, VALIDATION)]
    _, preset = checkpoint.load_model(tmp_path)
    ends += [preset["step"], json.loads((tmp_path / "state/step.json").read_text())["step"]]
    # What was due after the stop is not left to chance: the next step is the last one, in every file.
    assert ends == [{"_save": 2, "_evaluate": 4, "_log": 21}[moment]] * 4


def test_a_run_whose_optimizer_was_not_fused_goes_on(tmp_path: Path) -> None:
    for name in ("fused", "plain"):
        _run(tmp_path / name, False, stop_after=3)
    state = checkpoint.load_state(tmp_path / "plain")
    assert state is not None and all(group["fused"] for group in state["optimizer"]["param_groups"])
    for group in state["optimizer"]["param_groups"]:
        group["fused"] = None
    checkpoint.save_state(tmp_path / "plain", state)
    for name in ("fused", "plain"):
        _run(tmp_path / name, False)
    fused, plain = (checkpoint.load_model(tmp_path / name)[0].state_dict() for name in ("fused", "plain"))
    for name, value in fused.items():
        torch.testing.assert_close(value, plain[name], rtol=1e-4, atol=1e-6)


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    for seed in (1, 2):
        torch.manual_seed(0)
        loop.Trainer(_Recipe(), tmp_path / str(seed), seed=seed, stop_after=2).train()
    a, b = (checkpoint.load_model(tmp_path / str(s))[0].state_dict() for s in (1, 2))
    assert any(not torch.equal(x, y) for x, y in zip(a.values(), b.values()))


def test_half_written_state_is_never_read(tmp_path: Path) -> None:
    checkpoint.save_state(tmp_path, {"step": 4, "module": {"a": torch.ones(2)}})
    (tmp_path / "state.tmp").mkdir()
    (tmp_path / "state.tmp/step.json").write_text("{")
    state = checkpoint.load_state(tmp_path)
    assert state is not None and state["step"] == 4
    # A stop between the two renames leaves only the old one.
    (tmp_path / "state").rename(tmp_path / "state.old")
    state = checkpoint.load_state(tmp_path)
    assert state is not None and torch.equal(state["module"]["a"], torch.ones(2))


def test_learning_rate_warms_up_and_falls() -> None:
    config = TrainConfig(steps=100, batch_size=1, learning_rate=1.0, warmup_steps=10, final_share=0.1)
    assert loop.learning_rate_at(0, config) == pytest.approx(0.1)
    assert loop.learning_rate_at(50, config) == pytest.approx(0.55)
    assert loop.learning_rate_at(100, config) == pytest.approx(0.1)


def test_a_shorter_training_is_warm_sooner() -> None:
    config = TrainConfig(steps=3600, batch_size=1, learning_rate=1.0, warmup_steps=300)
    short, long, least = (with_steps(config, steps) for steps in (1050, 9000, 4))
    assert (short.steps, short.warmup_steps) == (1050, 105) and (long.steps, long.warmup_steps) == (9000, 300)
    assert (least.steps, least.warmup_steps) == (4, 1) and short.learning_rate == 1.0


def test_average_is_an_exponential_one() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    average = loop.AveragedWeights(layer, decay=0.9)
    nn.init.ones_(layer.weight)
    average.update(layer, step=1000)
    assert average.state["weight"].item() == pytest.approx(0.1)
    average.update(layer, step=1000)
    assert average.state["weight"].item() == pytest.approx(0.19)


def test_weight_decay_spares_vectors() -> None:
    groups = loop.parameter_groups(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), 0.1)
    assert all(p.ndim >= 2 for p in groups[0]["params"]) and groups[0]["weight_decay"] == 0.1
    assert all(p.ndim < 2 for p in groups[1]["params"]) and groups[1]["weight_decay"] == 0.0
    assert len(groups[0]["params"]) == 1 and len(groups[1]["params"]) == 3


def test_a_run_starts_from_the_averaged_weights_of_another(tmp_path: Path) -> None:
    first = _Recipe()
    loop.Trainer(first, tmp_path / "first", seed=0).train()
    network = Parser(PRESETS["tiny"])
    assert checkpoint.start_from_weights(network, tmp_path / "first") == "first, step 6"
    averaged, _ = checkpoint.load_model(tmp_path / "first")
    for name, value in averaged.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    with pytest.raises(InputError, match="cannot start from this run"):
        checkpoint.start_from_weights(Parser(PRESETS["nano"]), tmp_path / "first")
    with pytest.raises(InputError, match="no run found"):
        checkpoint.start_from_weights(network, tmp_path / "second")


def test_processes_draw_the_same_batches_as_one_thread() -> None:
    drawn = [list(loop._batches(_Recipe(), 3, 0, 2, 5, workers)) for workers in (0, 2)]
    assert [len(batches) for batches in drawn] == [3, 3]
    for mine, theirs in zip(*drawn):
        assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
