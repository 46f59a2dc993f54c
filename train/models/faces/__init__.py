"""Face analysis nets: detector, landmarks, recogniser, parser."""

from __future__ import annotations

from train.models.faces import detector, landmarks, parser, recogniser
from train.models.faces.detector import Detector, DetectorConfig
from train.models.faces.identity_head import IdentityHead
from train.models.faces.landmarks import Landmarks, LandmarksConfig
from train.models.faces.parser import Parser, ParserConfig
from train.models.faces.recogniser import Recogniser, RecogniserConfig

# net -> preset -> config
PRESETS = {
    "detector": detector.PRESETS,
    "landmarks": landmarks.PRESETS,
    "recogniser": recogniser.PRESETS,
    "parser": parser.PRESETS,
}

__all__ = [
    "PRESETS",
    "Detector",
    "DetectorConfig",
    "IdentityHead",
    "Landmarks",
    "LandmarksConfig",
    "Parser",
    "ParserConfig",
    "Recogniser",
    "RecogniserConfig",
]
