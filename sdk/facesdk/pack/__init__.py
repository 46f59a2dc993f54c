"""Packs: folders of ONNX graphs with a manifest that says what they are and proves that they are whole."""

from facesdk.pack.engine_entries import EngineSpec
from facesdk.pack.manifest import FORMAT, FamilySpec, FileSpec, GraphSpec, Manifest, TensorSpec, parse_manifest
from facesdk.pack.reader import Pack
from facesdk.pack.store import PackEntry, list_packs, open_pack

__all__ = [
    "FORMAT",
    "EngineSpec",
    "FamilySpec",
    "FileSpec",
    "GraphSpec",
    "Manifest",
    "Pack",
    "PackEntry",
    "TensorSpec",
    "list_packs",
    "open_pack",
    "parse_manifest",
]
