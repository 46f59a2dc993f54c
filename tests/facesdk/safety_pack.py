"""A pack of the role "safety" whose answer can be worked out by hand: the share of red in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facesdk.pack.manifest import FamilySpec
from facesdk.pack.reader import Pack
from facesdk.pack.writer import GraphContent, PackContent, write_pack
from tests.facesdk.fake_pack import GraphMaker

SIZE = 16
PREPROCESSING: dict[str, Any] = {"color": "rgb", "layout": "nchw", "size": SIZE, "mean": 0, "scale": 255}


def red_share(times: float = 1.0) -> GraphContent:
    """Gives the mean of the first channel; `times` NaN makes a broken network."""
    g = GraphMaker()
    mean = g.op("ReduceMean", "image", g.constant([2, 3], np.int64), keepdims=0)
    red = g.op("MatMul", mean, g.constant([[1.0], [0.0], [0.0]]))
    g.op("Mul", red, g.constant(times), out="refuse")
    return g.content({"image": ("batch", 3, SIZE, SIZE)}, {"refuse": ("batch", 1)})


def write_safety_pack(path: Path, times: float = 1.0, threshold: Any = 0.5, **preprocessing: Any) -> Pack:
    """Writes it, signed by the tests' own machine; keywords replace what the manifest says."""
    facts = {key: value for key, value in {**PREPROCESSING, **preprocessing}.items() if value is not None}
    content = PackContent(
        name="safety",
        version="1.0",
        preset="nano",
        license_spdx="Apache-2.0",
        families={"safety": FamilySpec(("check",), {}, facts, extra={"threshold": threshold})},
        graphs={("safety", "check"): red_share(times)},
        files={"LICENSE": b"Apache-2.0"},
    )
    return write_pack(path, content)
