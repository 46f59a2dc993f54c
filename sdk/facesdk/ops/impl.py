"""The implementations that an op may have, and the rule that chooses one."""

from __future__ import annotations

from typing import Literal

from facesdk.errors import BackendError
from facesdk.ops.native import has_native, native

Impl = Literal["auto", "numpy", "native"]
"""auto: native where the module is there, else numpy. `facesdk doctor` says which."""
BOTH = ("numpy", "native")


def choose_impl(op: str, impl: str, available: tuple[str, ...] = BOTH) -> str:
    """Turns "auto" into an implementation, and refuses one that is not there.

    Args:
        op: the op's name.
        impl: what was asked for.
        available: those that the op has; "numpy" is the reference.

    Returns:
        "numpy" or "native".

    Raises:
        BackendError: the op has no such implementation, or the native module is not there.
        InputError: FACESDK_CPU is wrong.
    """
    if impl == "auto":
        return "native" if "native" in available and has_native() else "numpy"
    if impl not in available:
        raise BackendError(
            f"{op}: no implementation {impl!r}; there is: {', '.join(available)}.", f"Use impl={available[0]!r}."
        )
    if impl == "native":
        native()
    return impl


def require_impl(op: str, impl: str, available: tuple[str, ...] = ("numpy",)) -> None:
    """As `choose_impl`, for an op that has its reference only."""
    choose_impl(op, impl, available)
