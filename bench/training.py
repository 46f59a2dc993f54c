"""python -m bench training: samples a second of the swap's training step, against plain recipes on the same net."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from facesdk.errors import InputError
from facesdk.faces.align import TEMPLATES
from train.checkpoint import config_dict, save_weights
from train.data.face_world.vectors import ATTRIBUTE_FIELDS, IDENTITY_FIELDS
from train.loop import AveragedWeights, parameter_groups
from train.models.faces import recogniser
from train.models.style_swap import PRESETS, blending, shortcut, style_swap, synthesis
from train.recipes.style_swap import StyleSwapRecipe
from train.recipes.swap_settings import SETTINGS

GATE = ("tests/train/ops/test_adain.py", "tests/bench/test_training.py")
MUST, AIM = 2.0, 4.0
PEOPLE, MEMBERS, GROUPS = 16, 4, 24


@dataclass(frozen=True)
class StepSetting:
    """How a step runs; the losses and the net are the same for all.

    Attributes:
        name: in tables.
        precision: "bf16" or "no".
        channels_last: memory format of what the recipe lays out so; else NCHW everywhere.
        fused: AdaIN as one op with its own gradient, and this project's other ops for training; else standard ones.
        compile: torch.compile the net.
    """

    name: str
    precision: str
    channels_last: bool
    fused: bool
    compile: bool


PLAIN = StepSetting("float32, eager, NCHW, standard ops", "no", False, False, False)
# The recipe of the first calibration, which compiled its net, and the same uncompiled; AdamW fused as there.
EAGER_RIVAL = StepSetting("bf16, eager, channels last, standard ops", "bf16", True, False, False)
COMPILED_RIVAL = StepSetting("bf16, compiled, channels last, standard ops", "bf16", True, False, True)


@dataclass(frozen=True)
class TrainingBench:
    """What was measured.

    Attributes:
        timings: setting -> times of a step ("total") and of drawing its batch ("batch"), milliseconds.
        ours: name of this repository's own setting among them.
        preset: of the net.
        batch_size: samples a step.
        threads: of torch.
    """

    timings: Mapping[str, Timing]
    ours: str
    preset: str
    batch_size: int
    threads: int


class TrainingStep:
    """One optimiser step as the loop makes it, on pictures of noise: a step costs the same whatever they show.

    Args:
        preset: of the net and its losses.
        setting: how it runs.
        batch_size: samples a step.
        judge: run folder of a recogniser for the loss.
    """

    def __init__(self, preset: str, setting: StepSetting, batch_size: int, judge: Path) -> None:
        torch.manual_seed(0)
        self._setting = setting
        arrays = noise_arrays(PRESETS[preset].image_size)
        self._recipe = StyleSwapRecipe(preset, PRESETS[preset], arrays, None, {}, recogniser=judge)
        self._step = 0
        self._recipe.config = replace(self._recipe.config, batch_size=batch_size)
        if not setting.channels_last:
            for net in (self._recipe.network, self._recipe.module._frozen["recogniser"]):
                net.to(memory_format=torch.contiguous_format)
        if setting.compile:
            self._recipe.network.compile(dynamic=False)
        config = self._recipe.config
        self._optimizer = torch.optim.AdamW(
            parameter_groups(self._recipe.module, config.weight_decay),
            config.learning_rate,
            config.betas,
            fused=setting != PLAIN,
        )
        self._parameters = [p for p in self._recipe.module.parameters() if p.requires_grad]
        self._average = AveragedWeights(self._recipe.network, config.ema)

    def __call__(self) -> dict[str, float]:
        began = time.perf_counter()
        batch = self._recipe.batch(np.random.default_rng([0, self._step]), 0.5)
        drawn = time.perf_counter()
        with ops_of(self._setting), self._autocast():
            self._recipe.module.train()
            output = self._recipe.module(batch, 0.5)
            loss = torch.stack(list(output.losses.values())).sum()
        self._optimizer.zero_grad()
        with ops_of(self._setting):
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, self._recipe.config.clip)
        self._optimizer.step()
        self._average.update(self._recipe.network, self._step)
        self._step += 1
        done = time.perf_counter()
        self.loss = float(loss.detach())
        return {"total": 1e3 * (done - drawn), "batch": 1e3 * (drawn - began)}

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        on = self._setting.precision == "bf16"
        return torch.autocast("cpu", torch.bfloat16) if on else contextlib.nullcontext()


@contextlib.contextmanager
def ops_of(setting: StepSetting) -> Iterator[None]:
    """The ops as a setting wants them; the recipe itself always takes the fastest that are there."""
    if setting.fused:
        yield
        return
    composed = synthesis.adain

    def unfused(x: Any, gamma: Any, beta: Any, epsilon: float, fused: bool = False) -> Any:
        return composed(x, gamma, beta, epsilon, fused=False)

    standard = (
        (synthesis, "can_fuse", lambda x: False),
        (synthesis, "adain", unfused),
        (shortcut, "warp_in_training", shortcut.warp),
        (blending, "attend_in_training", functional.scaled_dot_product_attention),
        (style_swap, "first", lambda x, count: x[:count]),
    )
    with contextlib.ExitStack() as patches:
        for module, name, op in standard:
            patches.enter_context(mock.patch.object(module, name, op))
        yield


def measure_training(
    preset: str, rounds: int, threads: int, batch_size: int | None = None, compile: bool = False, warm_up: int = 2
) -> TrainingBench:
    """Times the steps in turns.

    Args:
        preset: of the net.
        rounds: measured steps of each setting.
        threads: of torch.
        batch_size: samples a step; by default the preset's.
        compile: also the compiled settings, which take minutes to compile.
        warm_up: steps before them that do not count.

    Raises:
        InputError: an unknown preset, or one whose stage decodes no picture.
    """
    if preset not in SETTINGS or preset not in PRESETS:
        known = ", ".join(name for name in SETTINGS if name in PRESETS)
        raise InputError(f"--preset {preset} has no training step to time.", f"Use one of {known}.")
    config = SETTINGS[preset]
    ours = StepSetting(f"this recipe ({config.precision}, eager)", config.precision, True, True, False)
    settings = [ours, PLAIN, EAGER_RIVAL]
    if compile:
        ours = StepSetting(f"this recipe ({config.precision}, compiled)", config.precision, True, True, True)
        settings += [ours, COMPILED_RIVAL]
    size = batch_size or config.batch_size
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            judge = untrained_recogniser(Path(folder), preset)
            steps = {setting.name: TrainingStep(preset, setting, size, judge) for setting in settings}
        timings = time_in_turns(steps, rounds, warm_up)
    finally:
        torch.set_num_threads(before)
    return TrainingBench(timings, ours.name, preset, size, threads)


def training_report(bench: TrainingBench, tests: str, rounds: int) -> BenchReport:
    """The figures."""
    ours = bench.timings[bench.ours]
    figures = []
    for rival in (PLAIN, EAGER_RIVAL, COMPILED_RIVAL):
        if rival.name in bench.timings:
            limits = (MUST, AIM) if rival == PLAIN else (None, None)
            ratio = paired_ratio(bench.timings[rival.name], ours)
            figures.append(Figure(f"samples a second of this recipe over: {rival.name}", ratio, "x", *limits))
    figures += [
        Figure(f"training: {name}", 1e3 * bench.batch_size / timing.median_ms(), "samples/s")
        for name, timing in bench.timings.items()
    ]
    drawn = 1e3 * bench.batch_size / ours.median_ms("batch")
    figures.append(Figure("batches drawn by one thread, off the step's path", drawn, "samples/s"))
    settings = {
        "preset": bench.preset, "batch_size": bench.batch_size, "threads": bench.threads, "rounds": rounds,
        "tests": tests,
    }  # fmt: skip
    details = {name: timing.document() for name, timing in bench.timings.items()}
    return BenchReport(f"Training of style_swap, preset {bench.preset}", figures, settings, details)


def noise_arrays(size: int) -> dict[str, NDArray[Any]]:
    """Swap arrays of pictures of noise: GROUPS groups of MEMBERS people each."""
    rng = np.random.default_rng(0)
    count = GROUPS * MEMBERS
    points = np.resize(TEMPLATES["canon"], (68, 2)) * size
    return {
        "rgb": rng.integers(0, 256, (count, size, size, 3), np.uint8),
        "parts": rng.integers(0, 8, (count, size, size), np.uint8),
        "landmarks": np.tile(points, (count, 1, 1)).astype(np.float32),
        "identity": np.arange(count, dtype=np.int64) % PEOPLE,
        "donor": np.arange(count, dtype=np.int64) // MEMBERS % PEOPLE,
        "group": np.arange(count, dtype=np.int64) // MEMBERS,
        "identity_vector": rng.normal(size=(count, len(IDENTITY_FIELDS))).astype(np.float32),
        "attribute_vector": rng.normal(size=(count, len(ATTRIBUTE_FIELDS))).astype(np.float32),
    }


def untrained_recogniser(folder: Path, preset: str) -> Path:
    """A run folder of a recogniser as before training: a step costs the same whatever it knows."""
    config = recogniser.PRESETS[preset if preset in recogniser.PRESETS else "nano"]
    net: nn.Module = recogniser.Recogniser(config)
    record = {"family": "faces", "net": "recogniser", "preset": preset, "config": config_dict(config), "step": 0}
    save_weights(folder, dict(net.state_dict()), record)
    return folder
