"""A build in another process: what it reports comes through, and over a limit nothing is left of it."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import onnx
import pytest

from export.engine import process as engine_process
from export.engine.process import MARK, build_apart, resident_bytes, run_child
from export.engine.to_engine import EngineLimits, EngineRequest, check_gpus, find_target, make_request
from export.torch_graph import float32
from facesdk.errors import BackendError, InputError

LIMITS = EngineLimits(memory_bytes=4 << 30, seconds=60.0)
FIGURES = {"version": "1", "weights_bytes": 3, "activation_bytes": 4, "half_share": 1.0, "seconds": 0.5}


def _script(body: str) -> list[str]:
    return [sys.executable, "-c", f"import json, os, sys, time, pathlib\n{body}"]


def _alive(pid: int) -> bool:
    try:
        # A process that was waited for is gone from /proc altogether.
        return Path(f"/proc/{pid}/statm").exists() and resident_bytes(pid) > 0
    except OSError:
        return False


def test_progress_and_result_come_through(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    body = (
        f"print('noise of a library'); print({MARK!r} + json.dumps(['Parsing', 1, 7]), flush=True)\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        f"(folder / 'engine').write_bytes(b'abc'); (folder / 'result.json').write_text(json.dumps({FIGURES!r}))"
    )
    built = run_child(_script(body), tmp_path, "g", LIMITS, lambda *step: seen.append(step))
    assert (built.data, built.weights_bytes, built.activation_bytes, built.version) == (b"abc", 3, 4, "1")
    assert seen == [("Parsing", 1, 7)]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory of processes is read from /proc")
def test_over_its_memory_it_is_ended(tmp_path: Path) -> None:
    pids: list[tuple[str, int, int]] = []
    body = f"print({MARK!r} + json.dumps(['pid', os.getpid(), 0]), flush=True)\n"
    body += "x = bytearray(b'x') * (300 << 20)\ntime.sleep(60)"
    start = time.monotonic()
    with pytest.raises(BackendError, match=r"g: the build took 0\.\d+ GB, at most 0\.10 GB(.|\n)*--memory-gb"):
        run_child(_script(body), tmp_path, "g", EngineLimits(100_000_000, 60.0), lambda *step: pids.append(step))
    assert time.monotonic() - start < 30 and not _alive(pids[0][1])


def test_over_its_time_it_is_ended(tmp_path: Path) -> None:
    pids: list[tuple[str, int, int]] = []
    body = f"print({MARK!r} + json.dumps(['pid', os.getpid(), 0]), flush=True)\ntime.sleep(60)"
    start = time.monotonic()
    with pytest.raises(BackendError, match=r"longer than 0\.5 s(.|\n)*--seconds"):
        run_child(_script(body), tmp_path, "g", EngineLimits(4 << 30, 0.5), lambda *step: pids.append(step))
    assert time.monotonic() - start < 30 and not (pids and _alive(pids[0][1]))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit('the parser gave up')", "the parser gave up"),
        ("os.kill(os.getpid(), 11)", "it ended with code -11"),
        (
            "pathlib.Path(sys.argv[1], 'result.json').write_text(json.dumps({'error': 'refused', 'cure': 'C'}))",
            "refused",
        ),
    ],
)
def test_a_child_that_fails_gives_its_reason(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(BackendError, match=f"g: the engine was not built: {reason}"):
        run_child([*_script(body), str(tmp_path)], tmp_path, "g", LIMITS, lambda *step: None)


def test_the_temporary_folder_goes_when_a_limit_ends_the_build(
    model: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(engine_process, "PERIOD_SECONDS", 0.01)
    request = EngineRequest("test.small", ("sm89",), {}, {})
    with pytest.raises(BackendError, match="longer than 0.05 s"):
        build_apart(
            model.SerializeToString(), request, find_target("rtx"), EngineLimits(4 << 30, 0.05), lambda *s: None
        )
    assert list(tmp_path.iterdir()) == []


def test_requests() -> None:
    inputs = (float32("image", "batch", 3, "height", 16), float32("codes", "batch", 4))
    request = make_request("f.g", inputs, ("sm86",), {"batch": (1, 2, 4), "height": (8, 16, 32), "other": (1, 1, 1)})
    assert request.profile == {"batch": (1, 2, 4), "height": (8, 16, 32)}
    assert [request.shape_at("image", place) for place in range(3)] == [(1, 3, 8, 16), (2, 3, 16, 16), (4, 3, 32, 16)]
    with pytest.raises(InputError, match="no range of sizes for height"):
        make_request("f.g", inputs, ("sm86",), {"batch": (1, 1, 1)})


def test_gpus_and_targets() -> None:
    rtx = find_target("rtx")
    assert check_gpus(rtx, ["SM120", " sm86", "sm86"]) == ("sm86", "sm120")
    assert rtx.groups(("sm75", "sm86", "sm120")) == [("sm75",), ("sm86", "sm120")] and rtx.groups(("sm75",)) == [
        ("sm75",)
    ]
    for wrong in (["sm90"], [""], ["sm86", "ada"]):
        with pytest.raises(InputError, match="none that rtx builds for"):
            check_gpus(rtx, wrong)
    with pytest.raises(InputError, match="--target trt is not known"):
        find_target("trt")
