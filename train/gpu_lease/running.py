"""A training that ends with its time, and keeps what is worth bringing back in one small folder."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from facesdk.errors import InputError
from train.checkpoint import write_json
from train.data.bundle import unpack_bundle
from train.gpu_lease.packing import LEASE_FILE, RUNS
from train.loop import Trainer
from train.presets import load_recipe
from train.recipe import Recipe, with_steps

BACK = ("model.safetensors", "preset.json", "curve.jsonl", "validation.jsonl", LEASE_FILE, "samples.png")
TRIAL_STEPS = 60  # the first third pays for compilation and caches
STEADY_FROM = 20
RESERVE = 0.88  # of the time left is planned for steps: evaluations and states take the rest
EVALUATIONS = 5
COLLECT_SECONDS = 60.0


def run_lease(
    bundle: Path,
    out: Path,
    work: Path,
    minutes: float,
    preset: str = "nano",
    batch_size: int | None = None,
    learning_rate: float | None = None,
    workers: int = 0,
    compile: bool = False,
    max_bytes: int = 64_000_000,
    seed: int = 0,
    trial_steps: int = TRIAL_STEPS,
) -> dict[str, Any]:
    """Trains for some minutes and leaves what is worth bringing back in one small folder.

    The number of steps follows from the speed of a short trial, so that the learning rate has fallen when the time is
    up. The folder is brought up to date all the time: a machine that is taken away early has lost a minute.

    Args:
        bundle: what `pack_lease` wrote.
        out: folder for BACK.
        work: folder for the unpacked pictures and the run; the same call goes on with it.
        minutes: from now on, all included.
        preset: of the net.
        batch_size, learning_rate: other ones than the preset's.
        workers: processes that draw batches.
        compile: torch.compile the network.
        max_bytes: of all files of `out`.
        seed: of the run.
        trial_steps: of the trial.

    Returns:
        What lease.json says.

    Raises:
        InputError: no bundle, or weights that do not fit into the limit.
    """
    began = time.monotonic()
    if not (bundle / LEASE_FILE).is_file():
        raise InputError(f"{bundle} is no bundle: it has no {LEASE_FILE}.", "Make one: python -m train.gpu_lease pack")
    net = json.loads((bundle / LEASE_FILE).read_text())["net"]
    data = unpack_bundle(bundle, work / "data")
    runs = {name: bundle / "runs" / name for name in RUNS if (bundle / "runs" / name).is_dir()}
    changes = {"batch_size": batch_size, "learning_rate": learning_rate, "compile": compile}

    def recipe_of(**more: Any) -> Recipe:
        torch.manual_seed(seed)
        recipe = load_recipe(net, preset, data, **runs)
        recipe.config = replace(recipe.config, **{k: v for k, v in {**changes, **more}.items() if v is not None})
        return recipe

    run = work / "run"
    lease_path = run / LEASE_FILE
    if lease_path.is_file():
        lease = json.loads(lease_path.read_text())
        changes["batch_size"] = lease["batch_size"]  # the plan was made with it
    else:
        trial = recipe_of(warmup_steps=trial_steps)
        check_size(trial, max_bytes)
        rate = steps_per_second(trial, work / "trial", trial_steps, workers, seed)
        left = 60 * minutes - (time.monotonic() - began)
        lease = {
            "net": net, "preset": preset, "steps": max(1, int(RESERVE * rate * left)), "steps_per_second": rate,
            "batch_size": trial.config.batch_size, "minutes": minutes, "device": device_name(),
            "torch": torch.__version__, "pictures": json.loads((bundle / LEASE_FILE).read_text())["pictures"],
        }  # fmt: skip
        run.mkdir(parents=True, exist_ok=True)
        write_json(lease_path, lease)
        shutil.rmtree(work / "trial", ignore_errors=True)
    steps = int(lease["steps"])
    every = max(1, steps // EVALUATIONS)
    recipe = recipe_of(eval_every=every, save_every=every)
    recipe.config = with_steps(recipe.config, steps)
    trainer = Trainer(recipe, run, seed, workers=workers)
    # What is left is kept for one more evaluation and the state.
    end = threading.Timer(max(1.0, 60 * minutes - (time.monotonic() - began)) * 0.97, trainer.stop)
    end.daemon = True
    finished = threading.Event()
    keeper = threading.Thread(target=_keep, args=(run, out, finished), daemon=True)
    end.start()
    keeper.start()
    try:
        figures = trainer.train()
    finally:
        end.cancel()
        finished.set()
        keeper.join()
    lease |= {"figures": figures, "step": int(json.loads((run / "preset.json").read_text())["step"])}
    lease["wall_minutes"] = round((time.monotonic() - began) / 60, 2)
    write_json(lease_path, lease)
    collect(run, out)
    return dict(lease)


def collect(run: Path, out: Path) -> int:
    """Copies what is worth bringing back, each file whole or not at all.

    Args:
        run: run folder; what is not there yet is left out.
        out: made if missing.

    Returns:
        Bytes of all files of `out`.
    """
    out.mkdir(parents=True, exist_ok=True)
    samples = sorted((run / "samples").glob("*.png"))
    for name in BACK:
        source = samples[-1] if name == "samples.png" and samples else run / name
        if not source.is_file():
            continue
        target = out / name
        if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        temporary = out / f".{name}.tmp"
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    return sum(path.stat().st_size for path in out.iterdir())


def check_size(recipe: Recipe, max_bytes: int) -> None:
    """Says before anything is trained that the weights would not fit.

    Raises:
        InputError: they would not, with a tenth left for curves and the sample picture.
    """
    need = sum(value.numel() * 4 for value in recipe.network.state_dict().values())
    if need > 0.9 * max_bytes:
        raise InputError(
            f"the weights have {need / 1e6:.1f} MB, and {max_bytes / 1e6:.1f} MB may be brought back.",
            "Choose a smaller preset, or raise --max-mb.",
        )


def steps_per_second(recipe: Recipe, run: Path, steps: int, workers: int, seed: int) -> float:
    """Speed of a short trial once it runs steadily."""
    shutil.rmtree(run, ignore_errors=True)
    clock: list[float] = []
    draw = recipe.module.forward

    def timed(*arguments: Any, **named: Any) -> Any:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        clock.append(time.perf_counter())
        return draw(*arguments, **named)

    recipe.module.forward = timed  # type: ignore[method-assign]
    # Evaluated at the end of any training; a trial of one evaluation is short.
    Trainer(recipe, run, seed, stop_after=steps, workers=workers).train()
    first = min(STEADY_FROM, len(clock) // 3)
    return float((len(clock) - 1 - first) / max(clock[-1] - clock[first], 1e-9))


def device_name() -> str:
    """What is trained on."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _keep(run: Path, out: Path, finished: threading.Event) -> None:
    while not finished.wait(COLLECT_SECONDS):
        collect(run, out)
