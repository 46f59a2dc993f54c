"""Fuzzes a front with atheris, where it is installed: PYTHONPATH=.:sdk python -m tests.fuzz image

New inputs are kept in a folder of their own, "fuzz-NAME" here; what breaks the front is written as crash-*.
Source: github.com/google/atheris; the layout is that of Pillow's Tests/oss-fuzz.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fuzz.fronts import FRONTS
from tests.fuzz.seeds import CORPUS


def main(arguments: list[str]) -> int:
    """Runs until it is stopped, something breaks, or -runs or -max_total_time end it."""
    if not arguments or arguments[0] not in FRONTS:
        print(f"usage: python -m tests.fuzz {'|'.join(FRONTS)} [-max_total_time=60 ...]", file=sys.stderr)
        return 2
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris (Linux and macOS, CPython).", file=sys.stderr)
        return 2
    name, *options = arguments
    front = FRONTS[name]
    found = Path(f"fuzz-{name}")
    found.mkdir(exist_ok=True)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *options, str(found), str(CORPUS / name)], lambda data: front(bytes(data)) and None)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
