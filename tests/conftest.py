"""Settings of the whole test run."""

from __future__ import annotations

import os

# One thread per library: small tensors on many threads only spin. Before any of them is imported.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
