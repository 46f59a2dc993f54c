"""Memory that stays flat over hours of pictures."""

from __future__ import annotations

import ctypes
import sys

# Source: glibc's malloc.h, and mallopt(3): a threshold that is set by hand grows no more.
_M_MMAP_THRESHOLD = -3
_BYTES = 512 << 10


def keep_memory_flat() -> bool:
    """Makes glibc give picture-sized memory back to the system at once, in the whole process.

    By itself it keeps what was freed in heaps of each thread; pictures that are made on one thread and freed on another
    leave holes there, and the process grows by some ten MiB over its first thousands of pictures.

    Returns:
        Whether it was done; elsewhere than on Linux with glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _BYTES))
