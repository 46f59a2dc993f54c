"""The training loop, one for every net: Accelerate for devices, exact resume, TensorBoard, sample grids."""

from __future__ import annotations

import copy
import json
import math
import queue
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter

from train.checkpoint import config_dict, load_state, save_state, save_weights
from train.recipe import Recipe, TrainConfig


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine to `final_share` of the peak."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    progress = min(1.0, step / max(1, config.steps))
    cosine = config.final_share + (1 - config.final_share) * 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * warm * cosine


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on kernels and matrices, none on biases, norms and other vectors."""
    decayed = [p for p in module.parameters() if p.requires_grad and p.ndim >= 2]
    others = [p for p in module.parameters() if p.requires_grad and p.ndim < 2]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


class AveragedWeights:
    """Exponential moving average of a network's floating-point state; the decay warms up so that early steps count."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def to(self, device: torch.device) -> None:
        """Moves the average to where the network lies."""
        self.state = {k: v.to(device) for k, v in self.state.items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Moves the average one step towards the network."""
        weight = max(1 - self.decay, 1 / (step + 2))
        averaged, current = [], []
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                averaged.append(self.state[key])
                current.append(value)
            else:
                self.state[key].copy_(value)
        torch._foreach_lerp_(averaged, current, weight)


class _Steps(Dataset[dict[str, Tensor]]):
    """The batches of a recipe by step."""

    def __init__(self, recipe: Recipe, seed: int, rank: int, first: int, last: int) -> None:
        self._recipe, self._seed, self._rank, self._first, self._last = recipe, seed, rank, first, last

    def __len__(self) -> int:
        return self._last - self._first

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        step = self._first + index
        rng = np.random.default_rng([self._seed, step, self._rank])
        return self._recipe.batch(rng, step / self._recipe.config.steps)


def _start_worker(number: int) -> None:
    # OpenCV's threads do not survive a fork.
    cv2.setNumThreads(0)


def _batches(
    recipe: Recipe, seed: int, rank: int, first: int, last: int, workers: int = 0
) -> Iterator[dict[str, Tensor]]:
    steps = _Steps(recipe, seed, rank, first, last)
    if workers and last > first:
        # Forked, so that the pictures are shared; the same batches in the same order as one thread draws.
        yield from DataLoader(
            steps, batch_size=None, num_workers=workers, multiprocessing_context="fork", worker_init_fn=_start_worker
        )
        return
    # The batch of a step depends on (seed, step, rank) alone: a resumed run sees what an unbroken one would have seen.
    ready: queue.Queue[dict[str, Tensor] | BaseException] = queue.Queue(maxsize=3)
    stop = threading.Event()

    def fill() -> None:
        try:
            for index in range(len(steps)):
                if stop.is_set():
                    return
                ready.put(steps[index])
        except BaseException as error:  # handed to the loop, which raises it
            ready.put(error)

    threading.Thread(target=fill, daemon=True).start()
    try:
        for _ in range(first, last):
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        while not ready.empty():
            ready.get_nowait()


class Trainer:
    """Runs a recipe into a run folder.

    Args:
        recipe: what to train.
        run: folder for weights, state, curves and sample grids.
        seed: of weights, batches and noise.
        stop_after: stop, resumable, after this many steps in all; None runs to the end.
        workers: processes that draw batches; 0 draws them in a thread.
    """

    def __init__(
        self, recipe: Recipe, run: Path, seed: int = 0, stop_after: int | None = None, workers: int = 0
    ) -> None:
        self.recipe, self.run, self.seed, self.workers = recipe, run, seed, workers
        self.config = recipe.config
        self.stop_after = min(stop_after or self.config.steps, self.config.steps)
        self.accelerator = Accelerator(mixed_precision=self.config.precision)
        self._stopped = False

    def train(self) -> dict[str, float]:
        """Trains to the end, or to `stop_after`, or until SIGTERM or Ctrl-C; the state is saved each time.

        Returns:
            The last evaluation's figures.
        """
        config, recipe, accelerator = self.config, self.recipe, self.accelerator
        set_seed(self.seed, device_specific=False)
        optimizer = torch.optim.AdamW(
            parameter_groups(recipe.module, config.weight_decay), config.learning_rate, config.betas, fused=True
        )
        average = AveragedWeights(recipe.network, config.ema)
        critic = recipe.discriminator
        critic_optimizer = torch.optim.AdamW(critic.parameters(), config.learning_rate, (0.5, 0.99)) if critic else None
        start = self._resume(optimizer, average, critic_optimizer)
        # Evaluated uncompiled and apart, so that other batch sizes cost no compilation and training is not disturbed.
        self._shadow = copy.deepcopy(recipe.network).eval()
        if config.compile:
            recipe.network.compile(dynamic=False)  # in place: names of the state stay
        module, optimizer = accelerator.prepare(recipe.module, optimizer)
        if critic is not None:
            critic, critic_optimizer = accelerator.prepare(critic, critic_optimizer)
        average.to(accelerator.device)
        self.run.mkdir(parents=True, exist_ok=True)
        writer = SummaryWriter(str(self.run / "tensorboard")) if accelerator.is_main_process else None
        old_handler = (
            signal.signal(signal.SIGTERM, self._stop) if threading.current_thread() is threading.main_thread() else None
        )
        figures: dict[str, float] = {}
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        ]
        began, step = time.perf_counter(), start
        parameters = [p for p in recipe.module.parameters() if p.requires_grad]
        try:
            with Progress(*columns, disable=not accelerator.is_main_process) as bar:
                task = bar.add_task(f"{recipe.net} {recipe.preset}", total=config.steps, completed=start, note="")
                batches = _batches(recipe, self.seed, accelerator.process_index, start, self.stop_after, self.workers)
                for step, batch in enumerate(batches, start):
                    torch.manual_seed((self.seed << 32) + step * 1024 + accelerator.process_index)
                    for group in optimizer.param_groups:
                        group["lr"] = learning_rate_at(step, config)
                    batch = {k: v.to(accelerator.device) for k, v in batch.items()}
                    module.train()
                    output = module(batch, step / config.steps)
                    loss = torch.stack(list(output.losses.values())).sum()
                    optimizer.zero_grad()
                    accelerator.backward(loss)
                    norm = accelerator.clip_grad_norm_(parameters, config.clip)
                    optimizer.step()
                    average.update(recipe.network, step)
                    logs = {**output.losses, **output.logs, "gradient_norm": norm}
                    if critic is not None and output.fake is not None:
                        logs["critic"] = self._critic_step(critic, critic_optimizer, output.real, output.fake.detach())
                    done = step + 1
                    # Read once: a stop that arrives while this step is written down ends the next one, whole.
                    last = self._stopped or done == self.stop_after
                    if writer and (done % 20 == 0 or last):
                        rate = (done - start) * config.batch_size / (time.perf_counter() - began)
                        self._log(writer, done, logs, rate)
                        bar.update(task, completed=done, note=f"loss {loss.item():.3f}  {rate:.0f}/s")
                    if writer and (done % config.eval_every == 0 or last):
                        figures = self._evaluate(writer, done, average)
                        bar.console.print(
                            f"{recipe.net} step {done}: " + "  ".join(f"{k} {v:.4g}" for k, v in figures.items())
                        )
                    if writer and (done % config.save_every == 0 or last):
                        self._save(done, optimizer, average, critic_optimizer)
                    if last:
                        break
        finally:
            if old_handler is not None:
                signal.signal(signal.SIGTERM, old_handler)
            if writer:
                writer.close()
        return figures

    def stop(self) -> None:
        """Lets the step that runs be the last one; the state is saved."""
        self._stopped = True

    def _stop(self, *_: object) -> None:
        self.stop()

    def _critic_step(self, critic: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, fake: Tensor) -> Tensor:
        loss = critic(real, fake)
        optimizer.zero_grad()
        self.accelerator.backward(loss)
        optimizer.step()
        return loss.detach()

    def _log(self, writer: SummaryWriter, step: int, logs: dict[str, Tensor], rate: float) -> None:
        values = {k: float(v.detach()) for k, v in logs.items()}
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.add_scalar("samples_per_second", rate, step)
        with (self.run / "curve.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **values, "samples_per_second": rate}) + "\n")

    def _evaluate(self, writer: SummaryWriter, step: int, average: AveragedWeights) -> dict[str, float]:
        self._shadow.load_state_dict(average.state)
        with torch.no_grad(), self.accelerator.autocast():
            figures = self.recipe.evaluate(self._shadow)
            grid = self.recipe.grid(self._shadow)
        for name, value in figures.items():
            writer.add_scalar(f"validation/{name}", value, step)
        with (self.run / "validation.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        if grid is not None:
            folder = self.run / "samples"
            folder.mkdir(exist_ok=True)
            Image.fromarray(grid).save(folder / f"{step:07d}.png")
        preset = {
            "family": self.recipe.family, "net": self.recipe.net, "preset": self.recipe.preset,
            "config": config_dict(self.recipe.network_config), "train": config_dict(self.config), "step": step,
            "seed": self.seed, "data": self.recipe.data_options, "metrics": figures,
        }  # fmt: skip
        save_weights(self.run, average.state, preset)
        return figures

    def _save(self, step: int, optimizer: Any, average: AveragedWeights, critic_optimizer: Any) -> None:
        state: dict[str, Any] = {
            "step": step, "module": self.recipe.module.state_dict(), "optimizer": optimizer.state_dict(),
            "average": average.state,
        }  # fmt: skip
        if self.recipe.discriminator is not None:
            state["critic"] = self.recipe.discriminator.state_dict()
            state["critic_optimizer"] = critic_optimizer.state_dict()
        save_state(self.run, state)

    def _resume(self, optimizer: Any, average: AveragedWeights, critic_optimizer: Any) -> int:
        state = load_state(self.run)
        if state is None:
            return 0
        self.recipe.module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        average.state = state["average"]
        if self.recipe.discriminator is not None:
            self.recipe.discriminator.load_state_dict(state["critic"])
            critic_optimizer.load_state_dict(state["critic_optimizer"])
        return int(state["step"])
