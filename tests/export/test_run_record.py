from __future__ import annotations

import json
import subprocess
from pathlib import Path

from export.run_record import CURVE_POINTS, commit_id, portable, run_record


def test_absolute_paths_lose_their_folders() -> None:
    value = {
        "dir": "/a/b/world",
        "win": "C:\\data\\x",
        "home": "~/w",
        "list": ["/tmp/z/"],
        "rate": "1/s",
        "n": 3,
        "t": (1, 2),
    }
    assert portable(value) == {
        "dir": "world", "win": "x", "home": "w", "list": ["z"], "rate": "1/s", "n": 3, "t": [1, 2],
    }  # fmt: skip


def test_curve_is_thinned_to_its_ends_and_takes_the_later_of_two_lines(tmp_path: Path) -> None:
    lines = [{"step": i, "loss": float(i)} for i in range(0, 1000, 10)] + [{"step": 990, "loss": -1.0}]
    (tmp_path / "validation.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    curve = run_record(tmp_path, {"net": "x", "other": 1})["curve"]
    assert len(curve) == CURVE_POINTS
    assert curve[0] == {"step": 0, "loss": 0.0} and curve[-1] == {"step": 990, "loss": -1.0}
    assert [p["step"] for p in curve] == sorted(p["step"] for p in curve)


def test_record_keeps_the_known_keys_and_no_empty_curve(tmp_path: Path) -> None:
    record = run_record(tmp_path, {"net": "x", "seed": 4, "data": {"dir": "/q/w"}, "host": "secret"})
    assert record == {"net": "x", "seed": 4, "data": {"dir": "w"}}


def test_commit_says_whether_files_were_changed(tmp_path: Path) -> None:
    assert commit_id(tmp_path / "nowhere") is None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "m")
    head = git("rev-parse", "HEAD")
    assert commit_id(tmp_path) == head
    (tmp_path / "a").write_text("2")
    assert commit_id(tmp_path) == f"{head}+changes"
