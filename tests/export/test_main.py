from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from facesdk.errors import InputError
from facesdk.pack import open_pack
from tests.export.conftest import run_export
from train.checkpoint import config_dict, save_weights
from train.models.faces import PRESETS, Landmarks, Parser


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    nets = {"parser": Parser(PRESETS["parser"]["tiny"]), "landmarks": Landmarks(PRESETS["landmarks"]["tiny"])}
    for name, net in nets.items():
        record = {
            "family": "faces", "net": name, "preset": "tiny", "config": config_dict(net.config), "step": 3, "seed": 1,
            "data": {"world": str(root)}, "metrics": {"score": 0.5},
        }  # fmt: skip
        save_weights(root / name, net.state_dict(), record)
    return root


def test_faces_of_a_folder_with_some_of_the_nets(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "p"
    text = run_export("faces", "--preset", "tiny", "--weights", runs, "-o", out, "--backend", "onnxruntime")
    assert "faces.parser" in text and "faces.landmarks" in text and "of at most 40.00 MB" in text
    pack = open_pack(out)
    assert {s.precision for s in pack.graphs.values()} == {"fp16-weights"}
    assert set(pack.graphs["faces.parser"].parity) == {"onnxruntime"}
    record = pack.manifest.training["nets"]["parser"]
    assert record["data"] == {"world": runs.name} and record["metrics"] == {"score": 0.5}
    assert str(runs.parent) not in (out / "manifest.json").read_text() + (out / "MODEL_CARD.md").read_text()

    quality = tmp_path / "q.json"
    quality.write_text(json.dumps({"figures": [{"name": "iou", "value": 0.75}]}))
    run_export("card", "-o", out, "--quality", quality, "--version", "0.3.0")
    assert open_pack(out).manifest.version == "0.3.0" and "| iou | 0.75 |" in (out / "MODEL_CARD.md").read_text()


def test_a_preset_that_nobody_trained_can_be_measured(tmp_path: Path, traced_generator: None) -> None:
    out, figures = tmp_path / "p", tmp_path / "parity.json"
    command = ("latent_flow", "--random-weights", "--preset", "tiny", "-o", out, "--backend", "onnxruntime")
    text = run_export(*command, "--flow-precision", "fp16-weights", "--figures", figures)
    assert "latent_flow.sampler" in text
    pack = open_pack(out)
    assert pack.name == "untrained-tiny" and "never trained" in (out / "MODEL_CARD.md").read_text()
    precisions = {key.split(".")[1]: spec.precision for key, spec in pack.graphs.items()}
    assert precisions == {"encoder": "int8-weights", "decoder": "int8-weights", "velocity": "fp16-weights",
                          "sampler": "fp16-weights"}  # fmt: skip
    written = json.loads(figures.read_text())
    assert "random weights" in written["title"]
    image = next(f for f in written["figures"] if f["name"].startswith("decoder image"))
    assert image["unit"] == "dB" and image["value"] > image["must"] and image["ok"]
    run_export("card", "-o", out, "--quality", figures)
    assert "decoder image, onnxruntime, int8-weights" in (out / "MODEL_CARD.md").read_text()
    # Random weights never go into a pack that exists.
    with pytest.raises(InputError, match="a pack of its own"):
        run_export(*command)
    with pytest.raises(InputError, match="needs two runs"):
        run_export("latent_flow", "-o", tmp_path / "q")


def test_wrong_arguments_name_what_is_wrong(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "p"
    with pytest.raises(InputError, match="preset 'tiny', got --preset nano"):
        run_export("faces", "--weights", runs, "-o", out)
    with pytest.raises(InputError, match="none of the run folders"):
        run_export("faces", "--preset", "tiny", "--weights", tmp_path, "-o", out)
    with pytest.raises(InputError, match="holds a Parser, expected a StyleSwap"):
        run_export("style_swap", "--preset", "tiny", "--weights", runs / "parser", "-o", out)
    with pytest.raises(InputError, match="--precision int4"):
        run_export("faces", "--preset", "tiny", "--weights", runs, "-o", out, "--precision", "int4")
    with pytest.raises(InputError, match="is no pack"):
        run_export("card", "-o", out)
    assert not out.exists()


def test_an_error_on_the_command_line_is_a_message_and_a_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export", "faces", "--weights", str(tmp_path), "-o", str(tmp_path / "p")]
    root = Path(__file__).resolve().parents[2]
    environment = {"PYTHONPATH": f"{root}:{root / 'sdk'}", "PATH": "", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == InputError.exit_code
    assert "none of the run folders" in " ".join(result.stderr.split()) and "Traceback" not in result.stderr
