"""Memory that stays flat over hours of pictures."""

from __future__ import annotations

import ctypes
import sys

# Source: glibc's malloc.h, and mallopt(3): a threshold that is set by hand grows no more.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_BYTES = 512 << 10
_ARENAS = 2


def keep_memory_flat() -> bool:
    """Makes glibc give picture-sized memory back to the system at once, and share its heaps, in the whole process.

    By itself it keeps what was freed in heaps of each thread; pictures that are made on one thread and freed on another
    leave holes there, and the process grows by some ten MiB over its first thousands of pictures. Smaller pieces do the
    same more slowly: a film of six frames for a camera, opened 4,000 times, took 28 MiB, and 4 to 7 with two heaps.

    Returns:
        Whether it was done; elsewhere than on Linux with glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _BYTES)) and bool(mallopt(_M_ARENA_MAX, _ARENAS))
