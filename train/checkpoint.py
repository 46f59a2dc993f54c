"""Run folders: weights as safetensors with the preset beside them, and the state that an exact resume needs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from facesdk.errors import InputError
from train.registry import build_network


def write_json(path: Path, value: Any) -> None:
    """Writes JSON in one step, so that a reader never sees half of it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1, default=str) + "\n")
    os.replace(temporary, path)


def save_weights(run: Path, state: dict[str, torch.Tensor], preset: dict[str, Any]) -> None:
    """Writes model.safetensors and preset.json into a run folder.

    Args:
        run: folder, made if missing.
        state: the state dict, any float dtype; saved as float32.
        preset: family, net, preset, config, step, seed, data, metrics.
    """
    run.mkdir(parents=True, exist_ok=True)
    tensors = {k: (v.float() if v.is_floating_point() else v).contiguous().cpu() for k, v in state.items()}
    temporary = run / "model.safetensors.tmp"
    save_file(tensors, temporary)
    os.replace(temporary, run / "model.safetensors")
    write_json(run / "preset.json", preset)


def load_model(run: Path) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Builds the network of a run folder and loads its weights.

    Returns:
        The module in eval mode and the contents of preset.json.

    Raises:
        InputError: the folder holds no run, or the weights do not fit the preset.
    """
    preset_path, weights_path = run / "preset.json", run / "model.safetensors"
    if not preset_path.is_file() or not weights_path.is_file():
        raise InputError(
            f"{run}: no run found (preset.json and model.safetensors expected).", "Train first: python -m train --help"
        )
    preset = json.loads(preset_path.read_text())
    network = build_network(preset["net"], preset["config"])
    missing, unexpected = network.load_state_dict(load_file(weights_path), strict=False)
    if missing or unexpected:
        raise InputError(f"{run}: weights do not fit the preset: missing {missing[:5]}, unexpected {unexpected[:5]}.")
    return network.eval(), preset


def start_from_weights(
    network: torch.nn.Module, run: Path, trained: Callable[[torch.nn.Module], torch.nn.Module] | None = None
) -> str:
    """Puts a run's weights into a network of the same class and sizes, for a new run that starts from there.

    Args:
        network: changed in place.
        run: run folder.
        trained: takes away what was added to the run's network after its training; None where nothing is.

    Returns:
        The run's name and step, for the new run's preset.json.

    Raises:
        InputError: no run, or one of another network.
    """
    found, preset = load_model(run)
    if trained is not None:
        found = trained(found)
    config, expected = getattr(found, "config", None), getattr(network, "config", None)
    if type(found) is not type(network) or config != expected:
        raise InputError(
            f"{run}: cannot start from this run: it holds a {type(found).__name__} of {config}, "
            f"expected a {type(network).__name__} of {expected}.",
            "Start from a run of the same net and preset.",
        )
    network.load_state_dict(found.state_dict())
    return f"{run.name}, step {preset['step']}"


def derived_from(preset: Mapping[str, Any]) -> list[dict[str, str]]:
    """Whose weights a run's are derived from: imported ones, and those that its training started from.

    Args:
        preset: contents of preset.json, or the manifest's record of the run.

    Returns:
        For each work its name, spdx, commercial_use and url.
    """
    imported, started = preset.get("derived_from") or [], (preset.get("data") or {}).get("derived_from") or []
    return [*imported, *(origin for origin in started if origin not in imported)]


def run_origins(run: Path) -> list[dict[str, str]]:
    """`derived_from` of a run folder, for a new run that starts from its weights."""
    return derived_from(json.loads((run / "preset.json").read_text()))


def save_state(run: Path, state: dict[str, Any]) -> None:
    """Writes the resume state, replacing the one before only when it is whole."""
    folder, temporary = run / "state", run / "state.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, value in state.items():
        if name == "step":
            write_json(temporary / "step.json", {"step": value})
        else:
            torch.save(value, temporary / f"{name}.pt")
    old = run / "state.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(temporary, folder)
    shutil.rmtree(old, ignore_errors=True)


def load_state(run: Path) -> dict[str, Any] | None:
    """Reads the resume state, or None when there is none."""
    folder = run / "state" if (run / "state" / "step.json").is_file() else run / "state.old"
    if not (folder / "step.json").is_file():
        return None
    state: dict[str, Any] = {"step": json.loads((folder / "step.json").read_text())["step"]}
    for path in sorted(folder.glob("*.pt")):
        # weights_only: a state folder holds tensors and plain containers, never code.
        state[path.stem] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def config_dict(config: Any) -> dict[str, Any]:
    """A frozen dataclass as JSON-ready values."""
    return json.loads(json.dumps(asdict(config)))  # tuples become lists, as they will after a round trip
