"""Which graphs stay on the GPU when its memory, or the part of it that the user grants, is not enough for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from facesdk.errors import InputError, OutOfMemoryError

CONTEXT_BYTES = 500_000_000
"""What a process takes of a GPU before its first graph: an estimate, as in `python -m export budget`."""

ORDER = (
    "style_swap.decoder",
    "latent_flow.sampler",
    "latent_flow.decoder",
    "style_swap.encoder",
    "latent_flow.velocity",
    "latent_flow.encoder",
    "faces.parser",
    "faces.detector",
    "faces.recogniser",
    "faces.landmarks",
    "style_swap.blending",
)
"""The first stay longest: a graph stands the higher, the more a CPU takes for it in a swap or for a new face. Those
that are not named come last."""


@dataclass(frozen=True)
class Tenant:
    """A graph on the GPU.

    Attributes:
        name: "family.graph".
        resident_bytes: what it holds as long as it is there: weights, inputs and outputs.
        shared_bytes: of the buffer that all share while they run.
        leave: makes it go; None if it may not be asked.
    """

    name: str
    resident_bytes: int
    shared_bytes: int = 0
    leave: Callable[[], None] | None = None


class Residency:
    """The books of one GPU: who is there, and who goes when another one needs the room.

    Args:
        limit_bytes: of this process, its context included; None for no limit.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        self._limit = limit_bytes
        self._tenants: list[Tenant] = []
        # Reentrant: a session that nobody holds any more leaves the books wherever Python notices it.
        self._lock = threading.RLock()

    @property
    def limit_bytes(self) -> int | None:
        """The limit that counts."""
        return self._limit

    def limit(self, limit_bytes: int | None) -> None:
        """Sets a limit; of several the smallest counts, and None says nothing. Who is there already stays.

        Raises:
            InputError: a limit below 0.
        """
        if limit_bytes is None:
            return
        if limit_bytes < 0:
            raise InputError(f"limit_bytes={limit_bytes}: a number of bytes of at least 0 expected.")
        with self._lock:
            self._limit = limit_bytes if self._limit is None else min(self._limit, limit_bytes)

    def used_bytes(self) -> int:
        """What is in the books, with the context."""
        with self._lock:
            return _used(self._tenants)

    def room_bytes(self) -> int | None:
        """What is left under the limit; None without one."""
        with self._lock:
            return None if self._limit is None else max(0, self._limit - _used(self._tenants))

    def admit(self, tenant: Tenant) -> None:
        """Takes a graph into the books; graphs that stand lower in ORDER go for it, the lowest first.

        Raises:
            OutOfMemoryError: there is no room even so. Nobody was sent away.
            FacesdkError: one that had to go found no other place; the graph is not in the books then.
        """
        with self._lock:
            gone = self._who_goes(tenant)
            self._tenants = [other for other in self._tenants if other not in gone] + [tenant]
        # Without the lock: who leaves may wait for its own run, and takes itself out of the books.
        for number, other in enumerate(gone):
            assert other.leave is not None
            try:
                other.leave()
            except BaseException:
                # Those behind it were not asked, and are still there.
                with self._lock:
                    self._tenants = [t for t in self._tenants if t is not tenant] + gone[number + 1 :]
                raise

    def dismiss(self, tenant: Tenant) -> None:
        """Takes a graph out of the books, if it is there."""
        with self._lock:
            self._tenants = [other for other in self._tenants if other is not tenant]

    def _who_goes(self, tenant: Tenant) -> list[Tenant]:
        limit, gone = self._limit, list[Tenant]()
        if limit is None or _used([*self._tenants, tenant]) <= limit:
            return gone
        lower = [t for t in self._tenants if t.leave is not None and rank(t.name) > rank(tenant.name)]
        for other in sorted(lower, key=lambda t: rank(t.name), reverse=True):
            gone.append(other)
            if _used([t for t in self._tenants if t not in gone] + [tenant]) <= limit:
                return gone
        needed = tenant.resident_bytes + tenant.shared_bytes
        raise OutOfMemoryError(
            f"{tenant.name} needs {needed / 1e6:.0f} MB on the GPU; of the limit of {limit / 1e6:.0f} MB "
            f"{max(0, limit - _used(self._tenants)) / 1e6:.0f} MB are left.",
            "Raise FACESDK_VRAM_LIMIT (facesdk.limit_vram), or take a CPU backend.",
        )


def rank(name: str) -> int:
    """A graph's place in ORDER, 0 for the one that stays longest."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _used(tenants: list[Tenant]) -> int:
    shared = max((t.shared_bytes for t in tenants), default=0)
    return CONTEXT_BYTES + sum(t.resident_bytes for t in tenants) + shared


GPU = Residency()
"""That of this process on its one GPU."""


def limit_vram(limit_bytes: int) -> None:
    """Says how much GPU memory this process may take with everything that it opens from now on.

    Of several limits, FACESDK_VRAM_LIMIT among them, the smallest counts.

    Args:
        limit_bytes: the context of CUDA included; 0 keeps every graph off the GPU.

    Raises:
        InputError: a limit below 0.
    """
    GPU.limit(limit_bytes)
