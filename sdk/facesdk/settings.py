"""Settings from the environment: the only place in facesdk that reads or sets an environment variable."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from facesdk.errors import InputError

PACK_PATH = "FACESDK_PACK_PATH"
BACKEND = "FACESDK_BACKEND"
THREADS = "FACESDK_THREADS"
CPU = "FACESDK_CPU"
HOME = "FACESDK_HOME"
UNSIGNED = "FACESDK_ALLOW_UNSIGNED"
COMMERCIAL = "FACESDK_COMMERCIAL"
VRAM_LIMIT = "FACESDK_VRAM_LIMIT"
CUDA_GRAPH = "FACESDK_CUDA_GRAPH"
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
        config_folder: holds the key that signs C2PA manifests, and keys of packs; made when it is needed.
        state_folder: holds the audit log; made when it is needed.
        allow_unsigned: whether packs are opened that nobody signed whom this machine trusts.
        commercial: whether packs are refused whose licence does not allow commercial use.
        vram_limit_bytes: the most GPU memory that this process takes, or None for all that there is.
        cuda_graph: whether ONNX Runtime records its runs on a GPU.
    """

    pack_path: tuple[Path, ...] = ()
    backend: str = "auto"
    threads: int | None = None
    cpu: str | None = None
    config_folder: Path = field(default_factory=lambda: _user_folder({}, "config"))
    state_folder: Path = field(default_factory=lambda: _user_folder({}, "state"))
    allow_unsigned: bool = False
    commercial: bool = False
    vram_limit_bytes: int | None = None
    cuda_graph: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Reads FACESDK_PACK_PATH (folders, separated as in PATH), FACESDK_BACKEND, FACESDK_THREADS and FACESDK_CPU.

        FACESDK_HOME is a folder for the key and the audit log, in place of the user's own configuration and state
        folders (XDG_CONFIG_HOME and XDG_STATE_HOME, or what the system has for them). FACESDK_ALLOW_UNSIGNED,
        FACESDK_COMMERCIAL and FACESDK_CUDA_GRAPH are 1 or 0. FACESDK_VRAM_LIMIT is in GB of 10^9 bytes, such as 1.5.

        Args:
            environment: read this mapping and not the process's environment.

        Raises:
            InputError: FACESDK_THREADS is no whole number of at least 1, FACESDK_CPU is not in LEVELS,
                FACESDK_VRAM_LIMIT is no number of at least 0, or a switch is neither 1 nor 0.
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
        backend, threads = env.get(BACKEND, "").strip() or "auto", int(text) if text else None
        config, state = _user_folder(env, "config"), _user_folder(env, "state")
        return cls(
            folders,
            backend,
            threads,
            level,
            config,
            state,
            _switch(env, UNSIGNED),
            _switch(env, COMMERCIAL),
            _gigabytes(env, VRAM_LIMIT),
            _switch(env, CUDA_GRAPH),
        )


def _switch(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").strip()
    if text not in ("", "0", "1"):
        raise InputError(f"{name}={text!r}: 1 or 0 expected.", f"Correct or unset {name}.")
    return text == "1"


def _gigabytes(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise InputError(f"{name}={text!r}: a number of GB of at least 0 expected.", f"Correct or unset {name}.")
    return int(size * 1e9)


def _user_folder(env: Mapping[str, str], what: str) -> Path:
    """Where the user's configuration or state is kept. Source: XDG Base Directory Specification 0.8."""
    if env.get(HOME, "").strip():
        return Path(env[HOME].strip()).expanduser() / what
    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA") or "~/AppData/Local").expanduser() / "facesdk" / what
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/facesdk").expanduser() / what
    variable, usual = {
        "config": ("XDG_CONFIG_HOME", "~/.config"),
        "state": ("XDG_STATE_HOME", "~/.local/state"),
    }[what]
    return Path(env.get(variable) or usual).expanduser() / "facesdk"


def has_display() -> bool:
    """Whether a program under X11 or Wayland can open a window here."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def allow_unsigned_packs() -> None:
    """Sets FACESDK_ALLOW_UNSIGNED=1 for this process and those that it starts, as the flag --allow-unsigned means."""
    os.environ[UNSIGNED] = "1"


def disable_onnxruntime_telemetry() -> bool:
    """Sets ORT_DISABLE_TELEMETRY=1 for this process; to be called before onnxruntime is imported.

    ONNX Runtime reports home by default from 1.29 on, and reads the variable once, while it is imported.

    Returns:
        False if onnxruntime was imported before without the variable, so that the report cannot be stopped any more.
    """
    in_time = "onnxruntime" not in sys.modules or os.environ.get(ORT_TELEMETRY) == "1"
    os.environ[ORT_TELEMETRY] = "1"
    return in_time
