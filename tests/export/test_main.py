from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from export.__main__ import app
from facesdk.errors import InputError
from facesdk.pack import open_pack
from train.checkpoint import config_dict, save_weights
from train.models.faces import PRESETS, Landmarks, Parser

runner = CliRunner()


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


def _run(*arguments: object) -> str:
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_faces_of_a_folder_with_some_of_the_nets(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "p"
    text = _run("faces", "--preset", "tiny", "--weights", runs, "-o", out, "--backend", "onnxruntime")
    assert "faces.parser" in text and "faces.landmarks" in text and "of at most 25.00 MB" in text
    pack = open_pack(out)
    assert {s.precision for s in pack.graphs.values()} == {"fp16-weights"}
    assert set(pack.graphs["faces.parser"].parity) == {"onnxruntime"}
    record = pack.manifest.training["nets"]["parser"]
    assert record["data"] == {"world": runs.name} and record["metrics"] == {"score": 0.5}
    assert str(runs.parent) not in (out / "manifest.json").read_text() + (out / "MODEL_CARD.md").read_text()

    quality = tmp_path / "q.json"
    quality.write_text(json.dumps({"figures": [{"name": "iou", "value": 0.75}]}))
    _run("card", "-o", out, "--quality", quality, "--version", "0.3.0")
    assert open_pack(out).manifest.version == "0.3.0" and "| iou | 0.75 |" in (out / "MODEL_CARD.md").read_text()


def test_wrong_arguments_name_what_is_wrong(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "p"
    with pytest.raises(InputError, match="preset 'tiny', got --preset nano"):
        _run("faces", "--weights", runs, "-o", out)
    with pytest.raises(InputError, match="none of the run folders"):
        _run("faces", "--preset", "tiny", "--weights", tmp_path, "-o", out)
    with pytest.raises(InputError, match="holds a Parser, expected a StyleSwap"):
        _run("style_swap", "--preset", "tiny", "--weights", runs / "parser", "-o", out)
    with pytest.raises(InputError, match="--precision int4"):
        _run("faces", "--preset", "tiny", "--weights", runs, "-o", out, "--precision", "int4")
    with pytest.raises(InputError, match="is no pack"):
        _run("card", "-o", out)
    assert not out.exists()


def test_an_error_on_the_command_line_is_a_message_and_a_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export", "faces", "--weights", str(tmp_path), "-o", str(tmp_path / "p")]
    root = Path(__file__).resolve().parents[2]
    environment = {"PYTHONPATH": f"{root}:{root / 'sdk'}", "PATH": "", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == InputError.exit_code
    assert "none of the run folders" in " ".join(result.stderr.split()) and "Traceback" not in result.stderr
