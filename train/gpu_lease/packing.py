"""Everything that a training elsewhere needs, in one folder within a limit of bytes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file

from facesdk.errors import InputError
from train.checkpoint import load_model, load_state, save_state, write_json
from train.data.bundle import write_bundle
from train.presets import RECIPES

LEASE_FILE = "lease.json"
RUNS = ("recogniser", "landmarks", "start")  # run folders that a recipe may need


def pack_lease(
    net: str, data: list[Path], out: Path, max_bytes: int, runs: dict[str, Path | None], seed: int = 0
) -> str:
    """Writes a folder with all that a training needs, within a limit.

    Args:
        net: name in RECIPES.
        data: folders of shards.
        out: new folder.
        max_bytes: of everything in it.
        runs: name in RUNS -> run folder or None.
        seed: which shards.

    Returns:
        What is in it, one line.

    Raises:
        InputError: unknown net, no shards, or the limit is too small; nothing is left then.
    """
    if net not in RECIPES:
        raise InputError(f"no net {net!r} to train: expected one of {', '.join(RECIPES)}.")
    if out.exists():
        raise InputError(f"{out} exists.", "Name a new folder.")
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "runs"
        for name, run in runs.items():
            if run is not None:
                copy_run(run, kept / name)
        taken = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
        _, _, kind, fields = RECIPES[net]
        report = write_bundle(data, kind, fields, out, max_bytes - taken - 4096, seed)
        try:
            if kept.exists():
                shutil.copytree(kept, out / "runs")
            write_json(out / LEASE_FILE, {"net": net, "pictures": report.pictures, "shards": report.shards})
        except BaseException:
            shutil.rmtree(out, ignore_errors=True)
            raise
    return f"{report.pictures['train']} + {report.pictures['validation']} pictures, {report.bytes + taken:,} bytes"


def copy_run(run: Path, out: Path) -> None:
    """A run folder as a later run reads it: half precision, and of the state only the readers of the codes."""
    load_model(run)
    out.mkdir(parents=True)
    shutil.copyfile(run / "preset.json", out / "preset.json")
    weights = load_file(run / "model.safetensors")
    save_file(
        {name: value.half() if value.is_floating_point() else value for name, value in weights.items()},
        out / "model.safetensors",
    )
    state = load_state(run)
    heads = {k: v for k, v in (state or {}).get("module", {}).items() if k.startswith("heads.")}
    if heads:
        save_state(out, {"step": 0, "module": heads})
