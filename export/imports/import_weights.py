"""A file of weights into a run folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from export.imports.coverage import Coverage
from export.imports.layout import Layout
from export.imports.layouts import find_layout
from export.imports.place import place
from export.imports.weights_file import WeightsFile, read_weights_file
from export.origins import origin_record
from facesdk.errors import InputError
from facesdk.pack.licence import Origin
from train.checkpoint import config_dict, derived_from, load_model, save_weights, write_json
from train.models.faces import PRESETS as FACES_PRESETS
from train.models.style_swap import PRESETS as SWAP_PRESETS
from train.registry import NETWORKS

PRESETS: dict[str, dict[str, Any]] = {"style_swap": SWAP_PRESETS, "recogniser": FACES_PRESETS["recogniser"]}
FAMILIES = {"style_swap": "style_swap", "recogniser": "faces"}
COVERAGE_FILE = "coverage.json"


def import_weights(
    file: Path, out: Path, origin: Origin, preset: str = "paper", base: Path | None = None, seed: int = 0
) -> Coverage:
    """Imports a file.

    Args:
        file: weights in one of the known layouts.
        out: run folder to make.
        origin: whose weights they are, and under which licence; its name is completed by the layout's.
        preset: sizes of the network.
        base: run folder whose weights fill what the file does not; by default the start of training.
        seed: of that start.

    Returns:
        What became of every tensor, which coverage.json in the folder says too.

    Raises:
        InputError: the folder is there already, or the file or the base cannot be used. Nothing is written then.
    """
    if out.exists():
        raise InputError(f"{out} exists already. Not written.", "Name another folder for -o.")
    weights = read_weights_file(file)
    layout, prefix = find_layout(weights.tensors, weights.name)
    network, record, kept = _network(layout, prefix, weights, preset, base, seed)
    coverage = place(network, layout, prefix, weights.tensors, weights.settings, kept)
    named = origin.name or f"{layout.name} ({weights.name})"
    source = {
        **origin_record(Origin(named, origin.spdx, origin.commercial, origin.url)),
        "file": weights.name,
        "sha256": weights.sha256,
    }
    record["derived_from"] = [*derived_from(record), source]
    record["notes"] = [
        *record.get("notes", ()),
        f"{layout.name}, {weights.name}: {len(coverage.placed)} tensors placed, {len(coverage.left)} left; "
        f"{len(coverage.unfilled)} of the network's own not filled.",
        *coverage.differences,
    ]
    _write(out, network, record, {"source": source, **coverage.document()})
    return coverage


def _network(
    layout: Layout, prefix: str, weights: WeightsFile, preset: str, base: Path | None, seed: int
) -> tuple[nn.Module, dict[str, Any], str]:
    """The network before the file, its record, and why what the file does not fill stays."""
    if base is not None:
        network, record = load_model(base)
        if record["net"] != layout.net or record["preset"] != preset:
            raise InputError(
                f"{base} holds a {record['net']} of the preset {record['preset']!r}, the file is for a {layout.net} of "
                f"{preset!r}.",
                "Name another run with --base, or another --preset.",
            )
        # The run's figures are not those of what is made of it.
        notes = [*record.get("notes", ()), f"The rest is from the run {base.name}, step {record['step']}."]
        fresh = {**record, "step": 0, "metrics": {}, "notes": notes}
        fresh.pop("train", None)
        return network, fresh, f"as the run {base.name} has it"
    presets = PRESETS[layout.net]
    if preset not in presets:
        raise InputError(f"{layout.net} has no preset {preset!r}: expected one of {', '.join(presets)}.")
    config = presets[preset]
    if layout.adapt is not None:
        config = layout.adapt(
            config, {n.removeprefix(prefix): t for n, t in weights.tensors.items() if n.startswith(prefix)}
        )
    kind, _ = NETWORKS[layout.net]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = kind(config)
    record = {
        "family": FAMILIES[layout.net], "net": layout.net, "preset": preset, "config": config_dict(config), "step": 0,
        "seed": seed, "data": {}, "metrics": {},
    }  # fmt: skip
    return network, record, "left at its start"


def _write(out: Path, network: nn.Module, record: dict[str, Any], coverage: dict[str, Any]) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise InputError(
            f"{out.parent} cannot be written ({error.strerror}).", "Name another folder for -o."
        ) from error
    try:
        save_weights(staged, network.state_dict(), record)
        write_json(staged / COVERAGE_FILE, coverage)
        staged.chmod(0o755)
        os.rename(staged, out)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}). Nothing was left there.", "") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
