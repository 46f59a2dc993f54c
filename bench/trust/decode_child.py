"""The process that decodes hostile pictures: if it dies, the one that watches it counts a crash.

Reads files from standard input, each behind its length (8 bytes, little endian), and writes a line of JSON for each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from bench.trust.hostile_images import seeds
from facesdk.errors import MediaError
from facesdk.media.image import load_image


def decode(data: bytes) -> str:
    """ "picture", "refused", or the name of an exception that should not come out."""
    try:
        load_image(data)
    except MediaError:
        return "refused"
    except BaseException as error:
        return type(error).__name__
    return "picture"


def peak_mib() -> float:
    """This process's greatest resident memory. What getrusage says would be the parent's, if that was greater."""
    with open("/proc/self/status", encoding="ascii") as stream:
        line = next(line for line in stream if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _files() -> Iterator[bytes]:
    stream = sys.stdin.buffer
    while head := stream.read(8):
        yield stream.read(int.from_bytes(head, "little"))


def main() -> None:
    """Decodes until there is no more."""
    # Each format's module is imported by its first picture; that is not what is measured.
    for seed in seeds().values():
        decode(seed)
    for data in _files():
        start = time.perf_counter()
        outcome = decode(data)
        seconds = time.perf_counter() - start
        print(json.dumps([outcome, seconds, peak_mib()]), flush=True)


if __name__ == "__main__":
    main()
