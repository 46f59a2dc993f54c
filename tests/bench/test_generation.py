from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.gate import REPOSITORY, GateError
from bench.generation import (
    GATE,
    PLAIN,
    PLAIN_STEPS,
    WISH,
    GenerationBench,
    PlainEuler,
    _plain_call,
    check_same_face,
    generation_report,
    measure_generation,
)
from bench.timing import Timing
from facesdk.errors import InputError
from facesdk.generator import FaceGenerator
from facesdk.pack import Pack
from facesdk.pipelines.latent_flow import FaceRequest
from facesdk.sampling.guidance import Condition
from facesdk.sampling.noise import normal_noise
from tests.facesdk.tiny_generator import (
    GUIDANCE,
    IDENTITY,
    LATENT,
    PULL,
    RATE,
    SIDE,
    WORDS,
    family_with_prior,
    write_generator_pack,
)

NOISE = normal_noise(1, 0, LATENT)[None]


def _request(noise: np.ndarray, wish: dict[str, float], base: dict[str, float], weight: float) -> FaceRequest:
    nobody = np.zeros(IDENTITY, np.float32)
    return FaceRequest(noise, Condition(WORDS.vector(wish), nobody), Condition(WORDS.vector(base), nobody), weight)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_generator_pack(tmp_path_factory.mktemp("packs") / "people", entry=family_with_prior())


def _cells(latent: np.ndarray) -> np.ndarray:
    """What the fake decoder paints: (2, 2, 3) levels."""
    return np.rint((np.clip(latent, -1, 1).reshape(3, 2, 2).transpose(1, 2, 0) + 1) * 127.5)


def test_plain_is_eulers_method_of_the_velocity(pack: Pack) -> None:
    plain = PlainEuler(pack, 1)
    face = plain.face(_request(NOISE, {}, {}, GUIDANCE), PLAIN_STEPS)
    assert face.shape == (SIDE, SIDE, 3)
    # dx/dt = -RATE x in 20 steps: each leaves 1 - RATE / 20 of x.
    assert np.abs(face[:: SIDE // 2, :: SIDE // 2] - _cells(NOISE * (1 - RATE / 20) ** 20)).max() <= 1
    base = {"yaw": 30.0}
    target = WORDS.vector(base) @ PULL + GUIDANCE * (WORDS.vector(WISH) - WORDS.vector(base)) @ PULL
    pulled = np.zeros(LATENT)
    for _ in range(5):
        pulled = pulled + RATE / 5 * (target - pulled)
    wished = plain.face(_request(np.zeros_like(NOISE), WISH, base, GUIDANCE), 5)
    assert np.abs(wished[:: SIDE // 2, :: SIDE // 2] - _cells(pulled)).max() <= 1


def test_plain_runs_on_float32_weights(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[bytes] = []
    monkeypatch.setattr("bench.generation.float32_graph", lambda data: unpacked.append(data) or data)
    PlainEuler(pack, 1)
    assert unpacked == [pack.graph("latent_flow", "velocity"), pack.graph("latent_flow", "decoder")]


def test_plain_runs_two_rows_only_for_a_wish(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    face = PlainEuler.face

    def watched(self: PlainEuler, request: FaceRequest, steps: int, mean: bool = False) -> np.ndarray:
        rows = 1 if request.guidance == 1.0 or request.wanted.equals(request.base) else 2
        seen.append((rows, steps))
        return face(self, request, steps, mean)

    plain = PlainEuler(pack, 1)
    monkeypatch.setattr(PlainEuler, "face", watched)
    _plain_call(plain, {})()
    _plain_call(plain, WISH)()
    assert seen == [(1, PLAIN_STEPS), (2, PLAIN_STEPS)]


def test_the_same_face_or_no_time(pack: Pack, tmp_path: Path) -> None:
    plain = PlainEuler(pack, 1)
    with FaceGenerator(pack, "onnxruntime") as generator:
        for wish in ({}, WISH):
            check_same_face(generator, plain, wish, "onnxruntime")
    marked = write_generator_pack(tmp_path / "marked", sampler="marked", entry=family_with_prior())
    with FaceGenerator(marked, "onnxruntime") as generator, pytest.raises(GateError, match="makes another face"):
        check_same_face(generator, plain, WISH, "onnxruntime")


def test_both_ways_are_timed_in_turns(pack: Pack) -> None:
    bench = measure_generation(pack, ("onnxruntime",), rounds=5, threads=1)
    assert {request: set(by) for request, by in bench.timings.items()} == {
        request: {PLAIN, "onnxruntime"} for request in ("open", "wish")
    }
    assert bench.steps == 4 and bench.fastest("open") == "onnxruntime"
    report = generation_report(bench, pack, "3 passed", 5)
    document = report.document()
    assert document["settings"]["generation"]["tests"] == "3 passed"
    assert document["settings"]["generation"]["precision"]["velocity"] == "fp32"
    assert set(document["details"]["generation"]["open"]) == {PLAIN, "onnxruntime"}
    with pytest.raises(InputError, match="no backend"):
        measure_generation(pack, (), rounds=5)


def test_the_bound_is_of_the_request_without_a_wish(pack: Pack) -> None:
    times = {PLAIN: Timing({"total": (80.0, 60.0)}), "fast": Timing({"total": (8.0, 10.0)})}
    slow = {**times, "slow": Timing({"total": (20.0, 20.0)})}
    figures = generation_report(GenerationBench({"open": slow, "wish": times}, 2, 4), pack, "ok", 2).figures
    found = {figure.name: (figure.value, figure.must, figure.aim) for figure in figures}
    assert found["one face, fast, times faster than plain ONNX Runtime"] == (8, 4, 10)
    assert found["one face with a wish, fast, times faster than plain ONNX Runtime"] == (8, None, None)
    assert found["one face, slow, times faster than plain"] == (3.5, None, None)
    assert found["one face, plain, 20 steps, median"][0] == 70 and found["one face, fast, 4 steps, median"][0] == 9


def test_the_tests_of_the_gate_exist() -> None:
    assert all((REPOSITORY / name).is_file() for name in GATE)
