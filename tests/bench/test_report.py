from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import BenchReport, Figure


@pytest.mark.parametrize(
    ("value", "must", "better", "ok"),
    [
        (3.5, 3.5, "higher", True),
        (3.4, 3.5, "higher", False),
        (8.0, 8.0, "lower", True),
        (8.1, 8.0, "lower", False),
        (8.1, None, "lower", None),
        (None, 1.0, "higher", False),
        (float("nan"), 1.0, "lower", False),
    ],
)
def test_a_bound_is_reached_on_its_side(value: float | None, must: float | None, better: str, ok: bool | None) -> None:
    figure = Figure("f", value, must=must, aim=must, better=better)  # type: ignore[arg-type]
    assert figure.ok is ok and figure.reaches_aim is ok


def test_json_holds_figures_machine_versions_and_commit(tmp_path: Path) -> None:
    figures = [Figure("gain", 4.25, "dB", must=3.5, aim=6.0), Figure("p95", float("inf"), "ms", better="lower")]
    path = tmp_path / "deep" / "out.json"
    BenchReport("t", figures, {"seed": 7}, {"raw": [1]}).write(path)
    document = json.loads(path.read_text())
    first, second = document["figures"]
    assert first == {
        "name": "gain", "value": 4.25, "unit": "dB", "must": 3.5, "aim": 6.0, "better": "higher", "ok": True,
    }  # fmt: skip
    assert second["value"] is None and second["ok"] is None
    assert set(document) == {"title", "figures", "settings", "details", "machine", "versions", "commit"}
    assert document["machine"]["usable_cores"] >= 1 and document["versions"]["numpy"]
    assert document["settings"] == {"seed": 7} and document["details"] == {"raw": [1]}
    assert [p.name for p in path.parent.iterdir()] == ["out.json"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        BenchReport("t", [], {"bad": object()}).write(tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_table_shows_value_and_bounds_and_report_sums_up() -> None:
    report = BenchReport("swap", [Figure("gain", 3.0, "dB", must=3.5, aim=6.0), Figure("lag", 8, "%", 8, 4, "lower")])
    console = Console(file=io.StringIO(), record=True, width=100)
    report.show(console)
    text = console.export_text()
    for part in ("swap", "3 dB", ">= 3.5", ">= 6", "8 %", "<= 8", "<= 4"):
        assert part in text
    assert not report.ok
    assert BenchReport("swap", [Figure("lag", 8, "%", 8, 4, "lower"), Figure("free", 1.0)]).ok
