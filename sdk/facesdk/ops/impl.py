"""The implementations that an op may have."""

from __future__ import annotations

from typing import Literal

from facesdk.errors import BackendError

Impl = Literal["numpy"]


def require_impl(op: str, impl: str, available: tuple[str, ...] = ("numpy",)) -> None:
    """Refuses an implementation that the op does not have.

    Args:
        op: the op's name.
        impl: what was asked for.
        available: what there is.

    Raises:
        BackendError: it is not there.
    """
    if impl not in available:
        raise BackendError(
            f"{op}: no implementation {impl!r}; there is: {', '.join(available)}.", f"Use impl={available[0]!r}."
        )
