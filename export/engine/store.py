"""Engines of a pack into this machine's own cache, for a runtime whose engines no other machine may load."""

from __future__ import annotations

from export.engine.pack import EngineOptions, EngineRow, Reporter, build_engines
from facesdk.errors import BackendError
from facesdk.pack import Pack
from facesdk.runtime.engine_cache import CachedEngine, EngineCache, EngineKey
from facesdk.runtime.engine_device import Gpu


def store_engines(
    pack: Pack, options: EngineOptions, reporter: Reporter, cache: EngineCache, gpu: Gpu
) -> list[EngineRow]:
    """Builds the engines of a pack's graphs and keeps each, sealed, as soon as it is built.

    Args:
        pack: where the graphs are from; it is not changed.
        options: how.
        reporter: told of each build.
        cache: this machine's.
        gpu: of this machine.

    Returns:
        What was built.

    Raises:
        InputError: an unknown graph or GPU.
        BackendError: a build failed or went over a limit, or the cache cannot be written; what was kept before stays.
        PackError: a graph loses too much in float16.
    """
    rows = []
    for row in build_engines(pack, options, reporter):
        spec, built = row.spec, row.built
        key = EngineKey.here(spec.graph_sha256, gpu, spec.version, spec.profile)
        try:
            cache.store(CachedEngine(key, built.data, built.weights_bytes, built.activation_bytes))
        except OSError as error:
            raise BackendError(f"{row.graph}: its engine cannot be kept: {error}.", "Check FACESDK_HOME.") from error
        rows.append(row)
    return rows
