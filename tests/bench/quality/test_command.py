from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import bench.__main__ as command
from bench.quality.command import parse_heads
from bench.quality.style_swap import SwapQuality
from bench.report import BenchReport, Figure
from facesdk.errors import InputError, MediaError, ProvenanceError
from facesdk.pack import Pack
from facesdk.provenance.label import SOURCE_TYPES, read_label

runner = CliRunner()


def _run(*arguments: object) -> str:
    result = runner.invoke(command.app, ["quality", *(str(a) for a in arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_style_swap_writes_table_json_and_a_labelled_sheet(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    report = BenchReport("Quality", [Figure("gain", 2.0, "dB", 3.5, 6), Figure("equal", 1.0, "", 1)])

    def measure(*arguments: object) -> SwapQuality:
        asked.extend(arguments)
        return SwapQuality(report, np.full((40, 60, 3), 90, np.uint8))

    monkeypatch.setattr("bench.quality.style_swap.measure_swaps", measure)
    monkeypatch.setattr("bench.quality.judge.load_judge", lambda run: ("judge", run))
    out, sheet = tmp_path / "out.json", tmp_path / "sheet.png"
    options = ["--heads", "own", "--judge", tmp_path / "run", "--triplets", 5, "--identities", 12]
    text = _run("style_swap", "--pack", pack.path, *options, "--data", tmp_path, "--json", out, "--sheet", sheet)
    assert "1 of 2 musts are missed" in text and ">= 3.5" in text
    assert json.loads(out.read_text())["figures"][0]["ok"] is False
    # The sheet shows what a network made.
    assert read_label(sheet.read_bytes()) == SOURCE_TYPES["swap"]
    chosen = asked[2]
    assert (chosen.heads, chosen.identities, chosen.triplets) == (("own",), 12, 5)  # type: ignore[attr-defined]
    assert asked[3] == ("judge", tmp_path / "run")


def test_what_cannot_be_written_is_said_before_any_work(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.quality.style_swap.measure_swaps", lambda *a: pytest.fail("measured all the same"))
    monkeypatch.setattr("bench.quality.faces.measure_faces", lambda *a: pytest.fail("measured all the same"))
    for family in ("style_swap", "faces"):
        with pytest.raises((MediaError, ProvenanceError)):
            _run(family, "--pack", pack.path, "--sheet", tmp_path / "none" / "sheet.png")
    with pytest.raises(InputError, match="no run found"):
        _run("style_swap", "--pack", pack.path, "--heads", "own", "--judge", tmp_path)


def test_heads() -> None:
    assert parse_heads("facekit, own") == ("own", "facekit") and parse_heads("own") == ("own",)
    assert "own" in parse_heads(None)
    with pytest.raises(InputError, match="--heads clay"):
        parse_heads("own,clay")
