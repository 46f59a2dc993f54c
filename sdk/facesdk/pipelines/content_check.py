"""The content check: what a pack of the role "safety" says of a picture, before a face is put into it.

The role's contract. A pack has it when its manifest has the family "safety" with the one graph "check":
- input "image": (batch, 3, N, N) float32, RGB, the whole picture resized to N x N whatever its shape, as
  (value - mean) / scale of the 0..255 values. `preprocessing` has "color": "rgb", "layout": "nchw", "size": N, and
  "mean" and "scale", each one number or one for each colour.
- output "refuse": (batch, 1) float32: the probability that the picture is to be refused, 0 to 1.
- "threshold" of the family: from this probability on it is refused.
The pack called "safety" is taken if there is one, else the pack in use where it has the role itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError, ContentError, PackError, ProvenanceError
from facesdk.faces.crops import resize
from facesdk.pack import Pack, list_packs, open_pack
from facesdk.provenance.audit import AuditLog
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.runtime.backend_rule import cpu_choice, wish
from facesdk.runtime.select import open_session
from facesdk.settings import Settings
from facesdk.types import F32, RgbImage

ROLE = "safety"
"""Name of the family, and of the pack that is looked for."""
GRAPH, INPUT, OUTPUT = "check", "image", "refuse"
MAX_SIZE = 1024
NOT_FOR_CHECKS = ("tensorrt-rtx", "tensorrt", "fastest")
_log = logging.getLogger("facesdk.provenance")


class ContentCheck:
    """Looks at pictures. Safe to call from several threads.

    Args:
        pack: one with the role.
        backend: a backend's name. Such packs have no engines and no probe: where an engine's or "fastest" is asked for,
            here or by FACESDK_BACKEND, it is a CPU's.
        threads: threads for a run, or None.

    Raises:
        PackError: the pack has not got the role, or not as the contract says.
        BackendError: the backend is not there.
    """

    def __init__(self, pack: Pack, backend: str = "auto", threads: int | None = None) -> None:
        family = pack.manifest.family(ROLE)
        spec = pack.manifest.graph(ROLE, GRAPH)
        facts = _Facts(pack.name, family.preprocessing)
        self.size = facts.size()
        self._mean, self._scale = facts.colors("mean"), facts.colors("scale", positive=True)
        self.threshold = facts.number("threshold", family.extra)
        edges = [(tensor.name, tensor.dtype, tensor.shape[1:]) for tensor in (*spec.inputs, *spec.outputs)]
        expected = [(INPUT, "float32", (3, self.size, self.size)), (OUTPUT, "float32", (1,))]
        if edges != expected:
            raise facts.fault(f"graph {GRAPH!r} has the tensors {edges}; {expected} behind the batch are expected")
        self.name = f"{pack.name} {pack.manifest.version}"
        """The pack and its version."""
        if wish(backend, Settings.from_environment()) in NOT_FOR_CHECKS:
            backend = cpu_choice(spec)
        self._session = open_session(pack, ROLE, GRAPH, backend, threads)

    @classmethod
    def installed(cls, pack: Pack, backend: str = "auto", threads: int | None = None) -> ContentCheck | None:
        """The check that is in force here, or None if none is installed.

        One that is there and cannot be opened is an error: nothing goes on without it.

        Args:
            pack: the pack in use.
            backend, threads: as of the class.

        Raises:
            PackError, BackendError: as of the class.
        """
        if not cls.is_installed(pack):
            return None
        return cls(open_pack(ROLE) if _has_own_pack() else pack, backend, threads)

    @staticmethod
    def is_installed(pack: Pack) -> bool:
        """Whether there is a check, without opening it."""
        return _has_own_pack() or ROLE in pack.manifest.families

    def probability(self, image: RgbImage) -> float:
        """How probable it is that the picture is to be refused.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            0 to 1.

        Raises:
            BackendError: the network returned something else.
        """
        small = resize(image, self.size, self.size)
        planes = ((small.astype(np.float32) - self._mean) / self._scale).transpose(2, 0, 1)[None]
        value = float(self._session.run({INPUT: np.ascontiguousarray(planes)})[OUTPUT][0, 0])
        # A comparison with NaN is false, and would let everything through.
        if not 0.0 <= value <= 1.0:
            raise BackendError(
                f"the content check of pack {self.name} gave {value}; 0 to 1 expected.",
                "Try another backend: facesdk doctor says which work here.",
            )
        return value

    def require(self, image: RgbImage, use: str, work: Work = UNKNOWN) -> None:
        """Refuses a picture, and writes into the audit log that it did: of the picture itself nothing.

        Args:
            image: (H, W, 3) uint8 RGB.
            use: "still", "film" or "live".
            work: whose faces were to be put into it.

        Raises:
            ContentError: it is refused.
            BackendError: as of `probability`.
        """
        if self.probability(image) < self.threshold:
            return
        try:
            AuditLog().append({"kind": "refused", "use": use, "check": self.name, **work.people()})
        except ProvenanceError as error:
            _log.warning("%s The picture is refused all the same.", error)
        raise ContentError(
            f"the content check refuses this {'picture' if use == 'still' else use} (pack {self.name}).",
            "Use another one. If the check is wrong about it, tell the pack's maker.",
        )


def _has_own_pack() -> bool:
    return any(entry.name == ROLE for entry in list_packs())


class _Facts:
    """Reads what the manifest says of the role."""

    def __init__(self, pack: str, preprocessing: Mapping[str, Any]) -> None:
        self._pack = pack
        self._values = preprocessing
        for key, expected in (("color", "rgb"), ("layout", "nchw")):
            if preprocessing.get(key) != expected:
                raise self.fault(f"preprocessing.{key} is {preprocessing.get(key)!r}; {expected!r} is expected")

    def fault(self, what: str) -> PackError:
        return PackError(f"pack {self._pack}: {ROLE}: {what}. Not opened.", "Ask its maker, or remove the pack.")

    def size(self) -> int:
        value = self._values.get("size")
        if type(value) is not int or not 1 <= value <= MAX_SIZE:
            raise self.fault(f"preprocessing.size is {value!r}; a whole number up to {MAX_SIZE} is expected")
        return value

    def number(self, key: str, values: Mapping[str, Any]) -> float:
        value: Any = values.get(key)
        if type(value) not in (int, float) or not 0.0 < value <= 1.0:
            raise self.fault(f"{key} is {value!r}; a number above 0 and up to 1 is expected")
        return float(value)

    def colors(self, key: str, positive: bool = False) -> F32:
        value = self._values.get(key)
        numbers: list[Any] = value if isinstance(value, list) else [value]
        plain = len(numbers) in (1, 3) and all(type(number) in (int, float) for number in numbers)
        out: NDArray[np.float32] = np.array(numbers if plain else [np.nan], np.float32)
        if not np.isfinite(out).all() or (positive and (out <= 0).any()):
            raise self.fault(f"preprocessing.{key} is {value!r}; one number or three are expected")
        return out
