"""Settings of the whole test run."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# One thread per library: small tensors on many threads only spin. Before any of them is imported.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# The key and the audit log of whoever runs the tests are left alone.
if "FACESDK_HOME" not in os.environ:
    os.environ["FACESDK_HOME"] = tempfile.mkdtemp(prefix="facesdk-tests-")
    atexit.register(shutil.rmtree, os.environ["FACESDK_HOME"], ignore_errors=True)
