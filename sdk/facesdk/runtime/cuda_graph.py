"""A run of an engine recorded once and replayed: one launch in place of one for each of its kernels."""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

# cudaStreamCaptureModeThreadLocal: other threads may allocate meanwhile.
THREAD_LOCAL = 1
MOST_GRAPHS = 8
"""Shapes and addresses for which a recording is kept; each holds its kernels' arguments on the GPU."""


class CudaGraphs:
    """Recordings of one stream, by what they were recorded for; the one that was not used for longest goes first.

    Args:
        cuda: the CUDA runtime.
        stream: that is recorded.

    Source: CUDA runtime API, docs.nvidia.com/cuda/cuda-runtime-api, "Graph Management"; TensorRT's documentation,
    "CUDA Graphs": one ordinary run after a change of shapes, then the recording.
    """

    def __init__(self, cuda: Any, stream: int) -> None:
        self._cuda, self._stream = cuda, ctypes.c_void_p(stream)
        self._known: OrderedDict[Hashable, ctypes.c_void_p | None] = OrderedDict()
        self._last: Hashable = None

    def run(self, key: Hashable, enqueue: Callable[[], bool]) -> bool:
        """Runs once: as it is the first time, recorded the second time in a row, replayed from then on.

        What cannot be recorded runs as it is for ever.

        Args:
            key: shapes and addresses of everything that the run touches.
            enqueue: puts the run into the stream; False if it cannot.
        """
        in_a_row, self._last = key == self._last, key
        if key not in self._known:
            while len(self._known) >= MOST_GRAPHS:
                self._destroy(self._known.popitem(last=False)[1])
            self._known[key] = None
            return enqueue()
        self._known.move_to_end(key)
        recorded = self._known[key]
        if recorded is None:
            recorded = self._record(enqueue) if in_a_row else None
            if recorded is None:
                return enqueue()
            self._known[key] = recorded
        return int(self._cuda.cudaGraphLaunch(recorded, self._stream)) == 0

    def clear(self) -> None:
        """Forgets all recordings, as when memory that they use is about to go."""
        for recorded in self._known.values():
            self._destroy(recorded)
        self._known.clear()
        self._last = None

    def _record(self, enqueue: Callable[[], bool]) -> ctypes.c_void_p | None:
        graph, runnable = ctypes.c_void_p(), ctypes.c_void_p()
        if self._cuda.cudaStreamBeginCapture(self._stream, THREAD_LOCAL) != 0:
            return None
        good = enqueue()
        ended = self._cuda.cudaStreamEndCapture(self._stream, ctypes.byref(graph)) == 0
        if not (good and ended and graph.value):
            # The error of a recording that failed must not be taken for one of the next call.
            self._cuda.cudaGetLastError()
            return None
        made = self._cuda.cudaGraphInstantiateWithFlags(ctypes.byref(runnable), graph, ctypes.c_ulonglong(0)) == 0
        self._cuda.cudaGraphDestroy(graph)
        return runnable if made else None

    def _destroy(self, recorded: ctypes.c_void_p | None) -> None:
        if recorded is not None:
            self._cuda.cudaGraphExecDestroy(recorded)
