"""The layer through which tests and the bench break networks: answers of NaN, infinity or one constant, or no room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from facesdk.runtime.session import Session

Answers = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class AnswerFault:
    """How a network's answer is broken.

    Attributes:
        output: which tensor.
        value: what stands in it: NaN, infinity or a number.
        everywhere: in all of it; else in one place, somewhere.
    """

    output: str
    value: float
    everywhere: bool = True

    def put_into(self, answers: Answers, dice: np.random.Generator) -> Answers:
        """The answers with the fault in a copy of one of them."""
        broken = np.array(answers[self.output])
        if self.everywhere:
            broken[...] = self.value
        else:
            broken.reshape(-1)[int(dice.integers(broken.size))] = self.value
        return {**answers, self.output: broken}


@contextmanager
def broken_answers(session: Session, fault: AnswerFault, seed: int = 0) -> Iterator[None]:
    """Breaks every answer of a session: what the runtime returned, before anybody looks at it.

    Args:
        session: an open one.
        fault: what becomes of its answers.
        seed: of the place of the fault.
    """
    dice = np.random.default_rng(seed)

    def broken(name: str) -> Any:
        real = getattr(session, name)
        return patch.object(session, name, lambda feeds: fault.put_into(real(feeds), dice))

    with broken("_run"), broken("_run_alike"):
        yield


@contextmanager
def no_room(sessions: Sequence[Session], call: int, count: int | None = None) -> Iterator[None]:
    """Lets the runtime find no memory at a call, counted over all sessions.

    Args:
        sessions: open ones.
        call: the first one that fails, from 1 on.
        count: how many fail from there on; None for all.
    """
    calls = 0

    def failing(session: Session) -> Any:
        real = session._run

        def run(feeds: dict[str, NDArray[Any]]) -> Answers:
            nonlocal calls
            calls += 1
            if call <= calls and (count is None or calls < call + count):
                raise session._failed(MemoryError("failed to allocate"))
            return real(feeds)

        return run

    with ExitStack() as stack:
        for session in sessions:
            stack.enter_context(patch.object(session, "_run", failing(session)))
        yield
