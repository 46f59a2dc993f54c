"""The tiny pack with an engine that no runtime loads: enough for everything that happens before it is loaded."""

from __future__ import annotations

from dataclasses import replace

from facesdk.pack import EngineSpec
from facesdk.pack.writer import EngineContent, PackContent

ENGINE_FILE = "engines/sm86-sm89-1.7.1.116/faces.edges.engine"
ENGINE_BYTES = b"an engine"


def tiny_engine(**changes: object) -> EngineSpec:
    """An engine of the tiny graph for sm86 and sm89."""
    spec = EngineSpec(
        file=ENGINE_FILE,
        runtime="tensorrt-rtx",
        version="1.7.1.116",
        gpus=("sm86", "sm89"),
        graph_sha256="",
        profile={"batch": (1, 1, 4), "height": (8, 16, 32), "width": (8, 16, 32)},
        weights_bytes=123,
        activation_bytes=456,
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def with_engine(content: PackContent, data: bytes = ENGINE_BYTES) -> PackContent:
    """The pack's content with the engine in it."""
    graph = content.graphs["faces", "edges"]
    engine = EngineContent(tiny_engine(), data)
    return replace(content, graphs={("faces", "edges"): replace(graph, engines=(engine,))})
