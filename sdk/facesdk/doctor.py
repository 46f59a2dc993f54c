"""What works on this machine: versions, CPU, runtimes, and whether packs give here what they gave at export."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import statistics
import time
from collections.abc import Sequence

from facesdk.doctor_report import PackReport, ProbeResult, Report
from facesdk.errors import FacesdkError
from facesdk.ops.native import describe_native
from facesdk.pack import GraphSpec, Pack, list_packs, open_pack
from facesdk.pack.reader import Arrays
from facesdk.runtime.agreement import difference, probe_of, tolerance
from facesdk.runtime.backend_rule import candidates, choose_backend, engines_here, runs_reduced, wish
from facesdk.runtime.device import default_threads, read_cpu
from facesdk.runtime.diagnosis import find_faults, look_around
from facesdk.runtime.engine_choice import describe_engines
from facesdk.runtime.measured_choice import FOLDER as MEASURED
from facesdk.runtime.measured_choice import Measured
from facesdk.runtime.openvino_extension import describe_extension
from facesdk.runtime.select import Concrete, available_backends, open_session
from facesdk.settings import Settings

PACKAGES = (
    "facesdk",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "pillow",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt-rtx-cu13-bindings",
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu13",
)
REPEATS = 5


def examine(packs: Sequence[str | Pack] | None = None, settings: Settings | None = None, threads: int = 1) -> Report:
    """Looks at the machine and at packs, and runs each pack's probe in every backend. Nothing is written or sent.

    Args:
        packs: names, folders or open packs; by default every pack that has a name.
        settings: read from the environment by default.
        threads: threads per session while probing.

    Returns:
        The report. What is broken is in it: nothing is raised for a faulty pack or runtime.

    Raises:
        InputError: an environment variable is wrong.
    """
    chosen = settings or Settings.from_environment()
    fault = ""
    backends: tuple[Concrete, ...] = ()
    try:
        backends = available_backends()
    except FacesdkError as error:
        fault = str(error)
    if not backends and not fault:
        fault = "No runtime is installed: pip install facesdk[cpu]"
    wanted: list[tuple[str | Pack, str]]
    if packs is None:
        wanted = [(str(entry.path), entry.origin) for entry in list_packs(chosen)]
    else:
        wanted = [(pack, "asked for") for pack in packs]
    around = look_around()
    reports = tuple(_examine_pack(pack, origin, backends, chosen, threads) for pack, origin in wanted)
    return Report(
        versions(PACKAGES),
        read_cpu(),
        tuple(backends),
        fault,
        chosen,
        reports,
        describe_native(),
        describe_extension(),
        describe_engines(),
        around,
        find_faults(around),
    )


def probe_pack(pack: Pack, backends: Sequence[Concrete], threads: int = 1) -> tuple[ProbeResult, ...]:
    """Runs a pack's probe.

    Args:
        pack: an open pack with a probe.
        backends: those to try.
        threads: threads per session.

    Returns:
        One result for each graph in each backend, and in its engines where they fit.

    Raises:
        PackError: the pack has no probe, or it is damaged.
    """
    inputs, expected = pack.probe()
    signed = pack.signer is not None
    # What no swap runs in bfloat16, whoever asks, is not judged by it.
    taken = {
        key: [b for b in backends if b != "openvino-bf16" or runs_reduced(key.partition(".")[2])] for key in pack.graphs
    }
    settings = Settings.from_environment()
    for key, spec in pack.graphs.items():
        engines = engines_here(spec, settings, signed)
        taken[key] = [backend for backend in engines if backend not in backends] + taken[key]
    return tuple(_probe(pack, key, backend, inputs, expected, threads) for key in taken for backend in taken[key])


def _probe(pack: Pack, key: str, backend: Concrete, inputs: Arrays, expected: Arrays, threads: int) -> ProbeResult:
    family, _, graph = key.partition(".")
    spec = pack.graphs[key]
    try:
        feeds, wanted = probe_of(key, spec, inputs, expected)
        session = open_session(pack, family, graph, backend, threads)
        worst = difference(session.run(feeds), wanted)
        durations = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            session.run(feeds)
            durations.append((time.perf_counter() - start) * 1e3)
        session.close()
    except FacesdkError as error:
        return ProbeResult(key, backend, math.nan, math.nan, math.nan, str(error).splitlines()[0])
    return ProbeResult(key, backend, worst, tolerance(spec, backend, wanted), statistics.median(durations))


def _examine_pack(
    wanted: str | Pack, origin: str, backends: Sequence[Concrete], settings: Settings, threads: int
) -> PackReport:
    try:
        pack = wanted if isinstance(wanted, Pack) else open_pack(wanted, settings)
        files = pack.verify()
        has_probe = "probe/input.npz" in pack.manifest.files
        probes = probe_pack(pack, backends, threads) if has_probe else ()
        signed = pack.signer is not None
        specs = pack.graphs.items() if backends else ()
        chosen = {key: _choice(pack, key, spec, settings, signed) for key, spec in specs}
    except FacesdkError as error:
        name = wanted.name if isinstance(wanted, Pack) else wanted
        return PackReport(name, "", "", str(wanted), origin, 0, (), {}, str(error))
    manifest = pack.manifest
    return PackReport(
        pack.name,
        manifest.version,
        manifest.license_spdx,
        str(pack.path),
        origin,
        files,
        probes,
        {key: backend for key, (backend, _) in chosen.items()},
        "",
        describe_engines(pack),
        {key: reason for key, (_, reason) in chosen.items()},
    )


def _choice(pack: Pack, key: str, spec: GraphSpec, settings: Settings, signed: bool) -> tuple[str, str]:
    """What backend="auto" takes for a graph, and why."""
    if wish("auto", settings) != "fastest":
        return choose_backend("auto", spec, settings, signed)
    measured = Measured(settings.state_folder / MEASURED, pack, settings.threads or default_threads())
    best = measured.remembered(key, candidates(spec, settings, signed))
    if best is None:
        return "fastest", "FACESDK_BACKEND=fastest; it is measured when the graph is opened"
    return best, "FACESDK_BACKEND=fastest; it was measured before"


def versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Versions of Python and of packages; None = not installed."""
    out: dict[str, str | None] = {"python": platform.python_version()}
    for name in packages:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = None
    return out
