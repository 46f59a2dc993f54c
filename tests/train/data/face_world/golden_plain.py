"""What the plain world looked like before there was a rich one.

`python -m tests.train.data.face_world.golden_plain` writes the record anew. Data sets and the bench's test pictures are
rendered again from their options, so the plain world may not change by a bit. Bits depend on the compiler, so the
digests count only where it and the processor are those of the record.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np

from train.data.face_world.shard_options import ShardOptions
from train.data.face_world.shards import render_shard

RECORD = Path(__file__).with_suffix(".json")
_CELLS = 8  # blocks of a picture, across and down


def machine() -> str:
    """Who compiled the renderer for which processor."""
    return f"{llvmlite.binding.get_host_cpu_name()} numba {numba.__version__} numpy {np.__version__}"


def measure(kind: str) -> dict[str, Any]:
    """A tiny shard of the plain world: block means, areas of the parts, landmarks and digests.

    Args:
        kind: swap or portrait.
    """
    options = ShardOptions(
        kind=kind,  # type: ignore[arg-type]
        size=64,
        identities=8,
        members=2,
        settings_per_set=2,
        sets_per_shard=1,
        supersample=1,
        hair_strands=400,
        truth="full",
    )
    arrays = render_shard(options, 1)
    rgb = arrays["rgb"].astype(np.float64)
    count, size = rgb.shape[:2]
    side = size // _CELLS
    means = rgb.reshape(count, _CELLS, side, _CELLS, side, 3).mean((2, 4))
    areas = [np.bincount(parts.ravel(), minlength=32).tolist() for parts in arrays["parts"]]
    digests = {
        name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16] for name, values in arrays.items()
    }
    return {
        "means": np.round(means, 1).tolist(),
        "areas": areas,
        "landmarks": np.round(arrays["landmarks"].astype(np.float64), 2).tolist(),
        "captions": arrays["caption"].tolist(),
        "digests": digests,
    }


if __name__ == "__main__":
    record = {"machine": machine(), **{kind: measure(kind) for kind in ("swap", "portrait")}}
    RECORD.write_text(json.dumps(record, separators=(",", ":")) + "\n")
