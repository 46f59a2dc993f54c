"""Engines of TensorRT that were built on this machine, for its own GPU, and that no other machine is given."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from facesdk.pack import EngineSpec
from facesdk.runtime.engine_device import Gpu
from facesdk.runtime.seal import Seal
from facesdk.settings import Settings

FOLDER = "engines"
SUFFIX = ".engine"
_log = logging.getLogger("facesdk.runtime")


@dataclass(frozen=True)
class EngineKey:
    """What an engine was built from and for; it runs nowhere else.

    Attributes:
        graph_sha256: of the pack's graph.
        gpu: the GPU's name.
        sm: its compute capability.
        driver: version of CUDA that its driver has.
        version: of TensorRT.
        profile: dynamic axis -> least, usual and greatest size.
    """

    graph_sha256: str
    gpu: str
    sm: str
    driver: str
    version: str
    profile: Mapping[str, tuple[int, int, int]]

    @classmethod
    def here(cls, graph_sha256: str, gpu: Gpu, version: str, profile: Mapping[str, tuple[int, int, int]]) -> EngineKey:
        """The key of an engine for this GPU."""
        return cls(graph_sha256, gpu.name, gpu.sm, gpu.driver, version, dict(profile))

    @property
    def file(self) -> str:
        """The name of its file: its graph, then everything."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self.graph_sha256[:16]}-{hashlib.sha256(text.encode()).hexdigest()}{SUFFIX}"

    def runs_on(self, gpu: Gpu, version: str) -> bool:
        """Whether it was built for this GPU, driver and version."""
        return (self.gpu, self.sm, self.driver, self.version) == (gpu.name, gpu.sm, gpu.driver, version)


@dataclass(frozen=True)
class CachedEngine:
    """An engine of the cache, its seal intact."""

    key: EngineKey
    data: bytes
    weights_bytes: int
    activation_bytes: int

    def spec(self, runtime: str) -> EngineSpec:
        """As an engine of a pack is described."""
        key = self.key
        return EngineSpec(
            key.file, runtime, key.version, (key.sm,), key.graph_sha256, key.profile,
            self.weights_bytes, self.activation_bytes,
        )  # fmt: skip


class EngineCache:
    """The folder of this machine's engines.

    Args:
        folder: of the files.
        seal: that they are written and read with.
    """

    def __init__(self, folder: Path, seal: Seal) -> None:
        self._folder, self._seal = folder, seal

    @classmethod
    def of(cls, settings: Settings) -> EngineCache:
        """This installation's own."""
        return cls(settings.state_folder / FOLDER, Seal.of(settings))

    def store(self, engine: CachedEngine) -> Path:
        """Seals an engine and writes it; one of the same key is replaced.

        Raises:
            BackendError: the seal's key cannot be made.
            OSError: it cannot be written.
        """
        head = {"key": asdict(engine.key), "weights": engine.weights_bytes, "activations": engine.activation_bytes}
        path = self._folder / engine.key.file
        self._seal.write(path, json.dumps(head).encode() + b"\n" + engine.data)
        return path

    def find(self, graph_sha256: str, gpu: Gpu, version: str) -> CachedEngine | None:
        """The newest engine of a graph that this machine can run.

        A file of this user whose seal is broken, or that has another name than its contents, is deleted with a line in
        the log.
        """
        for path in self._files(graph_sha256):
            engine = self._read(path)
            if engine is None and _is_foreign(path):
                # As where somebody looks with the rights of root: it is theirs to keep.
                _log.warning("%s: another user's. Not loaded.", path)
            elif engine is None:
                _log.warning("%s: not written by this version here, or changed since. Not loaded, and deleted.", path)
                with contextlib.suppress(OSError):
                    path.unlink()
            elif engine.key.graph_sha256 == graph_sha256 and engine.key.runs_on(gpu, version):
                return engine
        return None

    def _files(self, graph_sha256: str) -> list[Path]:
        found = [(_time(path), path) for path in self._folder.glob(f"{graph_sha256[:16]}-*{SUFFIX}")]
        return [path for _, path in sorted(found, reverse=True)]

    def _read(self, path: Path) -> CachedEngine | None:
        stored = self._seal.read(path)
        if stored is None:
            return None
        line, _, data = stored.partition(b"\n")
        # What the seal vouches for was written by this installation; nothing else is parsed.
        try:
            head = json.loads(line)
            fields = head["key"]
            profile = {axis: (sizes[0], sizes[1], sizes[2]) for axis, sizes in fields.pop("profile").items()}
            key = EngineKey(profile=profile, **fields)
            return CachedEngine(key, data, head["weights"], head["activations"]) if key.file == path.name else None
        except (ValueError, LookupError, TypeError, AttributeError):
            # By another version of it.
            return None


def _is_foreign(path: Path) -> bool:
    try:
        return hasattr(os, "getuid") and path.lstat().st_uid != os.getuid()
    except OSError:
        return False


def _time(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0
