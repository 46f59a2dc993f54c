"""No speed without correctness: a bench names its tests, and prints nothing when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from facesdk.errors import FacesdkError

REPOSITORY = Path(__file__).resolve().parents[1]
TIMEOUT_SECONDS = 600


class GateError(FacesdkError):
    """What is to be timed does not do what it should."""


def require_tests(files: Sequence[str], root: Path = REPOSITORY) -> str:
    """Runs test files and lets nothing through unless each of them ran and passed.

    Args:
        files: paths below `root`, "/" between folders.
        root: where pytest starts.

    Returns:
        pytest's last line, such as "12 passed in 1.2s".

    Raises:
        GateError: a file is missing, a test fails, or none ran.
    """
    missing = [name for name in files if not (root / name).is_file()]
    if missing or not files:
        raise GateError(
            f"No speed is printed: the tests {missing or '(none named)'} are not there.", "Name other tests."
        )
    paths = [str(root), str(root / "sdk"), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *files]
    try:
        result = subprocess.run(
            command,
            cwd=root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GateError(f"No speed is printed: {', '.join(files)} took over {TIMEOUT_SECONDS} s.") from error
    lines = [line for line in result.stdout.strip().splitlines() if line.strip()]
    last = lines[-1].strip("= ") if lines else ""
    # Exit code 5: pytest found no test, which proves nothing.
    if result.returncode != 0:
        shown = "\n".join(lines[-15:]) or result.stderr.strip()[-2000:]
        raise GateError(f"No speed is printed, since its tests fail (pytest exit code {result.returncode}):\n{shown}")
    return last
