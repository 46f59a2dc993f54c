"""facesdk: swap a face, make a face, ask about a face, on hardware that people own.

The public names are loaded when they are first used, so that `import facesdk` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from facesdk.version import __version__

if TYPE_CHECKING:
    from facesdk.consent import Consent
    from facesdk.edited_picture import EditedPicture
    from facesdk.errors import (
        BackendError,
        ConsentError,
        ContentError,
        FacesdkError,
        InputError,
        MediaError,
        OutOfMemoryError,
        PackError,
        ProvenanceError,
    )
    from facesdk.faces.analyze import FaceAnalyzer
    from facesdk.faces.select import Rule
    from facesdk.generated_face import GeneratedFace
    from facesdk.generator import FaceGenerator
    from facesdk.identity import Identity
    from facesdk.pack import Pack, open_pack
    from facesdk.runtime.residency import limit_vram
    from facesdk.swap_result import SwapResult
    from facesdk.swapper import FaceSwapper
    from facesdk.types import Face, Pose, Timings


_HOME = {
    "FaceAnalyzer": "facesdk.faces.analyze",
    "FaceGenerator": "facesdk.generator",
    "FaceSwapper": "facesdk.swapper",
    "GeneratedFace": "facesdk.generated_face",
    "EditedPicture": "facesdk.edited_picture",
    "SwapResult": "facesdk.swap_result",
    "Identity": "facesdk.identity",
    "Consent": "facesdk.consent",
    "Rule": "facesdk.faces.select",
    "Pack": "facesdk.pack",
    "open_pack": "facesdk.pack",
    "limit_vram": "facesdk.runtime.residency",
    "Face": "facesdk.types",
    "Pose": "facesdk.types",
    "Timings": "facesdk.types",
    "FacesdkError": "facesdk.errors",
    "InputError": "facesdk.errors",
    "MediaError": "facesdk.errors",
    "PackError": "facesdk.errors",
    "BackendError": "facesdk.errors",
    "ConsentError": "facesdk.errors",
    "ContentError": "facesdk.errors",
    "OutOfMemoryError": "facesdk.errors",
    "ProvenanceError": "facesdk.errors",
}

__all__ = [
    "BackendError",
    "Consent",
    "ConsentError",
    "ContentError",
    "EditedPicture",
    "Face",
    "FaceAnalyzer",
    "FaceGenerator",
    "FaceSwapper",
    "FacesdkError",
    "GeneratedFace",
    "Identity",
    "InputError",
    "MediaError",
    "OutOfMemoryError",
    "Pack",
    "PackError",
    "Pose",
    "ProvenanceError",
    "Rule",
    "SwapResult",
    "Timings",
    "__version__",
    "limit_vram",
    "open_pack",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'facesdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
