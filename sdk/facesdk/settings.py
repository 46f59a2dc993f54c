"""Settings from the environment: the only place in facesdk that reads or sets an environment variable."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import InputError

PACK_PATH = "FACESDK_PACK_PATH"
BACKEND = "FACESDK_BACKEND"
THREADS = "FACESDK_THREADS"
CPU = "FACESDK_CPU"
LEVELS = ("baseline", "avx2", "avx512")
ORT_TELEMETRY = "ORT_DISABLE_TELEMETRY"


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes:
        pack_path: folders that are searched for named packs before the packs that ship with facesdk.
        backend: what backend="auto" means; "auto" leaves the choice to the rule in runtime.select.
        threads: threads per session, or None for the number of usable cores.
        cpu: highest instruction set that the native ops may use, or None for the best one that the CPU has.
    """

    pack_path: tuple[Path, ...] = ()
    backend: str = "auto"
    threads: int | None = None
    cpu: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Reads FACESDK_PACK_PATH (folders, separated as in PATH), FACESDK_BACKEND, FACESDK_THREADS and FACESDK_CPU.

        Args:
            environment: read this mapping and not the process's environment.

        Raises:
            InputError: FACESDK_THREADS is no whole number of at least 1, or FACESDK_CPU is not in LEVELS.
        """
        env = os.environ if environment is None else environment
        folders = tuple(Path(part).expanduser() for part in env.get(PACK_PATH, "").split(os.pathsep) if part)
        text = env.get(THREADS, "").strip()
        if text and (not text.isdecimal() or int(text) < 1):
            raise InputError(
                f"{THREADS}={text!r}: a whole number of at least 1 expected.", f"Correct or unset {THREADS}."
            )
        level = env.get(CPU, "").strip() or None
        if level is not None and level not in LEVELS:
            raise InputError(f"{CPU}={level!r}: one of {', '.join(LEVELS)} expected.", f"Correct or unset {CPU}.")
        return cls(folders, env.get(BACKEND, "").strip() or "auto", int(text) if text else None, level)


def disable_onnxruntime_telemetry() -> bool:
    """Sets ORT_DISABLE_TELEMETRY=1 for this process; to be called before onnxruntime is imported.

    ONNX Runtime reports home by default from 1.29 on, and reads the variable once, while it is imported.

    Returns:
        False if onnxruntime was imported before without the variable, so that the report cannot be stopped any more.
    """
    in_time = "onnxruntime" not in sys.modules or os.environ.get(ORT_TELEMETRY) == "1"
    os.environ[ORT_TELEMETRY] = "1"
    return in_time
