"""The native module: how it is chosen, and that its threads neither spin nor hold Python up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import facesdk
from facesdk.errors import BackendError, InputError
from facesdk.ops import native as loader
from facesdk.ops.adain import adain
from facesdk.ops.nms import nms
from facesdk.settings import LEVELS, Settings

SDK = Path(facesdk.__file__).parents[1]
BOXES, SCORES = np.array([[0, 0, 4, 4]], np.float32), np.ones(1, np.float32)
LARGE = np.random.default_rng(0).random((1, 16, 256, 256), np.float32)


def run(x: np.ndarray, threads: int) -> np.ndarray:
    ones = np.ones(x.shape[:2], np.float32)
    return adain(x, ones, ones, threads=threads, impl="native")


def test_levels_are_known_and_the_best_one_runs(module: ModuleType) -> None:
    levels = module.levels()
    assert levels[0] == "baseline" and levels == [name for name in LEVELS if name in levels]
    if Settings.from_environment().cpu is None:
        assert module.level() == levels[-1]
    with pytest.raises(ValueError, match="level sse9 cannot run here; there is: baseline"):
        module.set_level("sse9")


def test_the_environment_chooses_the_level(module: ModuleType) -> None:
    code = "from facesdk.ops.native import describe_native; print(describe_native())"
    for wanted in module.levels():
        environment = {**os.environ, "PYTHONPATH": str(SDK), "FACESDK_CPU": wanted}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=True)
        assert done.stdout.startswith(f"{wanted} (can run baseline"), done.stdout


def test_a_wrong_level_is_an_error(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    with pytest.raises(InputError, match="FACESDK_CPU='avx9': one of baseline, avx2, avx512"):
        Settings.from_environment({"FACESDK_CPU": "avx9"})
    loader._load.cache_clear()
    monkeypatch.setattr(loader.Settings, "from_environment", staticmethod(lambda: Settings(cpu="sve")))
    with pytest.raises(InputError, match="FACESDK_CPU=sve: this CPU cannot run it"):
        loader.native()
    monkeypatch.undo()
    loader._load.cache_clear()
    assert loader.native() is module


def test_without_the_module_the_references_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_load", lambda: (None, "No module named 'facesdk._native'"))
    assert nms(BOXES, SCORES).tolist() == [0]
    assert "NumPy references run" in loader.describe_native()
    with pytest.raises(BackendError, match=r"native ops are not there(.|\n)*C\+\+17 compiler"):
        nms(BOXES, SCORES, impl="native")


def test_more_threads_give_the_same_bits(module: ModuleType) -> None:
    one = run(LARGE, 1)
    for threads in (2, 3, 8, 1000):
        np.testing.assert_array_equal(run(LARGE, threads), one)


def test_calls_from_several_threads(module: ModuleType) -> None:
    one, wrong = run(LARGE, 1), []

    def work() -> None:
        for _ in range(5):
            wrong.extend([] if np.array_equal(run(LARGE, 3), one) else [1])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not wrong and not any(worker.is_alive() for worker in workers)


def test_idle_threads_sleep(module: ModuleType) -> None:
    run(LARGE, 8)
    before = time.process_time()
    time.sleep(0.3)
    # Seven spinning helpers would take all the time that the cores have.
    assert time.process_time() - before < 0.06


def test_python_goes_on_meanwhile(module: ModuleType) -> None:
    count, stop = [0], threading.Event()

    def tick() -> None:
        while not stop.wait(0.0005):
            count[0] += 1

    other = threading.Thread(target=tick)
    other.start()
    x = np.tile(LARGE, (8, 1, 1, 1))
    seen = 0
    for _ in range(10):
        before = count[0]
        module.adain(x, *[np.ones(x.shape[:2], np.float32)] * 2, None, None, None, 0.2, 1e-5, x, 1)
        seen += count[0] - before
    stop.set()
    other.join()
    assert seen >= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_starts_its_own_threads(module: ModuleType) -> None:
    one = run(LARGE, 4)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(run(LARGE, 4), one) else 1)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise AssertionError("the child hangs")
    assert status == 0


def test_memory_is_not_trusted_to_the_caller(module: ModuleType) -> None:
    x, c = np.zeros((1, 2, 4, 4), np.float32), np.zeros((1, 2), np.float32)
    with pytest.raises(ValueError, match=r"noise: \(H, W\)"):
        module.adain(x, c, c, np.zeros((4, 3), np.float32), None, None, 0.2, 1e-5, x, 1)
    with pytest.raises(TypeError):
        module.adain(x[..., ::2], c, c, None, None, None, 0.2, 1e-5, x[..., ::2], 1)
    with pytest.raises(ValueError, match="indices of boxes"):
        module.nms(np.zeros((1, 4)), np.array([7], np.intp), 0.5)
    with pytest.raises(ValueError, match="out"):
        module.warp_crop(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 2, 3)), 4, False, 1.0, 0.0, x, 1)
    with pytest.raises(ValueError, match="soft"):
        rgb, mask = np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.float32)
        module.paste([(np.zeros((5, 4, 3), np.uint8), rgb, mask, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0], True, mask)], 0.1, 1)
