"""Too little memory: smaller batches, then another backend, then a typed error; and nothing dies."""

from __future__ import annotations

import gc
import logging
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facesdk.errors import BackendError, InputError, OutOfMemoryError
from facesdk.pack import GraphSpec, Pack
from facesdk.runtime.residency import CONTEXT_BYTES, Residency, Tenant, rank
from facesdk.runtime.resilient_session import Choice, ResilientSession
from facesdk.runtime.session import Session
from tests.facesdk.tiny_pack import tiny_convolution

MB = 1_000_000


class Allocator:
    """Fails at the n-th call, or above some rows; counts the calls."""

    def __init__(self, fails_at: int = 0, most_rows: int = 1000) -> None:
        self.fails_at, self.most_rows, self.calls = fails_at, most_rows, 0

    def take(self, rows: int) -> None:
        self.calls += 1
        if self.calls == self.fails_at or rows > self.most_rows:
            raise OutOfMemoryError(f"CUDA: {rows} rows failed: out of memory.")


class FakeSession(Session):
    """The tiny convolution; every input and output asks the allocator."""

    def __init__(self, spec: GraphSpec, backend: str, allocator: Allocator) -> None:
        super().__init__("faces.edges", spec, backend, 1)
        self.allocator, self.closed, self.batches = allocator, False, list[int]()
        allocator.take(0)

    def close(self) -> None:
        self.closed = True

    def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        if self.closed:
            raise BackendError("it was closed")
        image = feeds["image"]
        for _ in range(2):
            self.allocator.take(len(image))
        self.batches.append(len(image))
        return {"edges": tiny_convolution(image)}


def open_fake(
    pack: Pack, gpu: Allocator, cpu: Allocator | None, residency: Residency | None = None, name: str = "faces.edges"
) -> tuple[ResilientSession, list[FakeSession]]:
    spec, opened = pack.graphs["faces.edges"], list[FakeSession]()

    def opener(backend: str, allocator: Allocator) -> Any:
        def open_one() -> Session:
            opened.append(FakeSession(spec, backend, allocator))
            return opened[-1]

        return open_one

    choices = [Choice("tensorrt", opener("tensorrt", gpu), 100 * MB, 50 * MB)]
    if cpu is not None:
        choices.append(Choice("onnxruntime", opener("onnxruntime-cpu", cpu)))
    return ResilientSession(name, spec, choices, residency or Residency()), opened


def picture(batch: int) -> NDArray[np.float32]:
    return np.random.default_rng(batch).uniform(-1, 1, (batch, 3, 8, 6)).astype(np.float32)


@pytest.mark.parametrize("fails_at", range(1, 51))
def test_an_allocation_that_fails_once_is_survived(tiny_pack: Pack, fails_at: int) -> None:
    """R11: at the n-th call, n = 1..50: right results, no error, on whatever is left."""
    gpu = Allocator(fails_at)
    session, _ = open_fake(tiny_pack, gpu, Allocator())
    for batch in (8, 1, 3) * 9:
        image = picture(batch)
        np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    assert gpu.calls >= fails_at and session.backend in ("tensorrt", "onnxruntime-cpu")


@pytest.mark.parametrize("fails_at", range(1, 51))
def test_when_nothing_has_room_the_error_is_typed(tiny_pack: Pack, fails_at: int) -> None:
    gpu, cpu = Allocator(fails_at, most_rows=2), Allocator(fails_at, most_rows=0)
    try:
        session, _ = open_fake(tiny_pack, gpu, cpu)
        for batch in (4, 1, 2) * 8:
            image = picture(batch)
            np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    except OutOfMemoryError as error:
        assert "out of memory" in str(error)
    else:
        assert session.backend == "tensorrt"


def test_the_batch_is_halved_until_it_fits_and_stays_so(tiny_pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    session, (inner,) = open_fake(tiny_pack, Allocator(most_rows=3), Allocator())
    with caplog.at_level(logging.WARNING, "facesdk.runtime"):
        for _ in range(2):
            image = picture(11)
            np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
    assert inner.batches == [2] * 5 + [1] + [2] * 5 + [1] and session.backend == "tensorrt"
    assert [record.message.split(":")[1] for record in caplog.records] == [
        " no room on tensorrt, batches of 5 from now on",
        " no room on tensorrt, batches of 2 from now on",
    ]


def test_then_the_next_backend_takes_over_and_says_so(tiny_pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    residency = Residency()
    session, opened = open_fake(tiny_pack, Allocator(most_rows=0), Allocator(), residency)
    assert residency.used_bytes() == CONTEXT_BYTES + 150 * MB
    with caplog.at_level(logging.WARNING, "facesdk.runtime"):
        assert session.run({"image": picture(1)})["edges"].shape == (1, 4, 8, 6)
    assert session.backend == "onnxruntime-cpu" and opened[0].closed
    assert "runs on onnxruntime-cpu and no longer on tensorrt: CUDA: 1 rows failed" in caplog.text
    assert residency.used_bytes() == CONTEXT_BYTES


def test_asked_for_by_name_the_gpu_is_not_left(tiny_pack: Pack) -> None:
    session, _ = open_fake(tiny_pack, Allocator(most_rows=0), None)
    for _ in range(2):
        with pytest.raises(OutOfMemoryError, match="1 rows failed"):
            session.run({"image": picture(4)})


def test_other_errors_are_not_met_with_another_backend(tiny_pack: Pack) -> None:
    session, (inner,) = open_fake(tiny_pack, Allocator(), Allocator())
    inner.closed = True
    with pytest.raises(BackendError, match="it was closed"):
        session.run({"image": picture(1)})


def test_threads_meet_the_lack_together(tiny_pack: Pack) -> None:
    session, opened = open_fake(tiny_pack, Allocator(fails_at=9, most_rows=1), Allocator())
    wrong = list[object]()

    def work(batch: int) -> None:
        image = picture(batch)
        try:
            for _ in range(20):
                np.testing.assert_allclose(session.run({"image": image})["edges"], tiny_convolution(image), atol=1e-6)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in (1, 2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and 1 <= len(opened) <= 2


def test_who_lets_go_of_it_gives_back_what_it_holds(tiny_pack: Pack) -> None:
    residency = Residency()
    for cpu in (Allocator(), None):
        session, opened = open_fake(tiny_pack, Allocator(), cpu, residency)
        assert residency.used_bytes() == CONTEXT_BYTES + 150 * MB and not opened[0].closed
        del session
        gc.collect()
        assert residency.used_bytes() == CONTEXT_BYTES and opened[0].closed


def test_a_run_waits_while_another_thread_moves_the_graph_on(tiny_pack: Pack) -> None:
    opening, go_on, met = threading.Event(), threading.Event(), threading.Event()
    spec = tiny_pack.graphs["faces.edges"]

    class Told(FakeSession):
        def _run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
            if self.closed:
                met.set()
            return super()._run(feeds)

    def open_slowly() -> Session:
        opening.set()
        assert go_on.wait(60)
        return FakeSession(spec, "onnxruntime-cpu", Allocator())

    choices = [
        Choice("tensorrt", lambda: Told(spec, "tensorrt", Allocator()), 100 * MB),
        Choice("onnxruntime", open_slowly),
    ]
    session = ResilientSession("faces.edges", spec, choices, Residency())
    answers = list[object]()

    def work() -> None:
        try:
            answers.append(session.run({"image": picture(2)})["edges"].shape)
        except BackendError as error:
            answers.append(error)

    mover, runner = threading.Thread(target=session.leave_gpu), threading.Thread(target=work)
    mover.start()
    assert opening.wait(60)
    # The session is closed by now, and the next one is not there yet.
    runner.start()
    assert met.wait(60)
    go_on.set()
    mover.join()
    runner.join()
    assert answers == [(2, 4, 8, 6)]


def test_when_one_that_had_to_go_finds_no_place_the_books_are_right() -> None:
    residency = Residency(CONTEXT_BYTES + 200 * MB)

    def fails() -> None:
        raise BackendError("no other backend works")

    asked = list[str]()
    residency.admit(Tenant("faces.parser", 100 * MB, leave=lambda: asked.append("parser")))
    residency.admit(Tenant("style_swap.blending", 100 * MB, leave=fails))
    with pytest.raises(BackendError, match="no other backend works"):
        residency.admit(Tenant("style_swap.decoder", 200 * MB))
    # The first one to be asked left the GPU before it failed; the second one was not asked.
    assert asked == [] and residency.used_bytes() == CONTEXT_BYTES + 100 * MB


def test_under_a_limit_the_graph_that_gains_most_stays(tiny_pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    # Room for two: the weights of each, and the one buffer that all share.
    residency = Residency(CONTEXT_BYTES + 250 * MB)
    landmarks, first = open_fake(tiny_pack, Allocator(), Allocator(), residency, "faces.landmarks")
    parser, second = open_fake(tiny_pack, Allocator(), Allocator(), residency, "faces.parser")
    assert [first[0].closed, second[0].closed] == [False, False] and residency.room_bytes() == 0
    with caplog.at_level(logging.WARNING, "facesdk.runtime"):
        decoder, _ = open_fake(tiny_pack, Allocator(), Allocator(), residency, "style_swap.decoder")
    assert (decoder.backend, parser.backend, landmarks.backend) == ("tensorrt", "tensorrt", "onnxruntime-cpu")
    assert "faces.landmarks: runs on onnxruntime-cpu and no longer on tensorrt: another graph needs" in caplog.text
    # One that stands lower gets no room, and says why.
    blending, _ = open_fake(tiny_pack, Allocator(), Allocator(), residency, "style_swap.blending")
    assert blending.backend == "onnxruntime-cpu" and "style_swap.blending needs 150 MB on the GPU" in caplog.text
    with pytest.raises(OutOfMemoryError, match=r"0 MB are left(.|\n)*FACESDK_VRAM_LIMIT"):
        open_fake(tiny_pack, Allocator(), None, residency, "style_swap.blending")
    decoder.close()
    assert residency.room_bytes() == 100 * MB
    for session in (landmarks, parser, blending):
        assert session.run({"image": picture(2)})["edges"].shape == (2, 4, 8, 6)


def test_limits() -> None:
    residency = Residency()
    assert residency.room_bytes() is None
    for limit in (None, 900 * MB, 2000 * MB, None):
        residency.limit(limit)
    assert residency.limit_bytes == 900 * MB and residency.room_bytes() == 900 * MB - CONTEXT_BYTES
    with pytest.raises(InputError, match="limit_bytes=-1"):
        residency.limit(-1)
    fixed = Tenant("faces.landmarks", 300 * MB)
    residency.admit(fixed)
    # It was asked for by name, so it is not sent away.
    with pytest.raises(OutOfMemoryError, match="100 MB are left"):
        residency.admit(Tenant("style_swap.decoder", 200 * MB, leave=lambda: None))
    residency.dismiss(fixed)
    residency.dismiss(fixed)
    assert residency.used_bytes() == CONTEXT_BYTES
    assert rank("style_swap.decoder") == 0 < rank("faces.landmarks") < rank("some.other")
