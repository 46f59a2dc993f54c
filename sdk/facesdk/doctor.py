"""What works on this machine: versions, CPU, runtimes, and whether packs give here what they gave at export."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from facesdk.errors import FacesdkError
from facesdk.ops.native import describe_native
from facesdk.pack import GraphSpec, Pack, list_packs, open_pack
from facesdk.pack.reader import Arrays
from facesdk.runtime.agreement import difference, probe_of, tolerance
from facesdk.runtime.backend_rule import candidates, choose_backend, engines_here, wish
from facesdk.runtime.device import Cpu, default_threads, read_cpu
from facesdk.runtime.diagnosis import Fault, Surroundings, find_faults, look_around
from facesdk.runtime.engine_choice import describe_engines
from facesdk.runtime.engine_device import Gpu
from facesdk.runtime.measured_choice import FOLDER as MEASURED
from facesdk.runtime.measured_choice import Measured
from facesdk.runtime.openvino_extension import describe_extension
from facesdk.runtime.select import Concrete, available_backends, open_session
from facesdk.runtime.tensorrt_library import version_fault
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


@dataclass(frozen=True)
class ProbeResult:
    """One graph of a pack in one backend, against what torch gave at export.

    Attributes:
        graph: "family.graph".
        backend: the backend.
        mean_abs: mean absolute difference over all outputs; NaN if it did not run.
        tolerance: greatest mean_abs that counts as agreement.
        duration_ms: median time of a run on the probe's inputs; NaN if it did not run.
        fault: why it did not run, or "".
    """

    graph: str
    backend: str
    mean_abs: float
    tolerance: float
    duration_ms: float
    fault: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ran and agrees."""
        return not self.fault and self.mean_abs <= self.tolerance


@dataclass(frozen=True)
class PackReport:
    """What became of a pack.

    Attributes:
        name, version, license_spdx, path, origin: of the pack; version and licence are "" if it cannot be opened.
        files: how many files match the manifest.
        probes: one result for each graph and backend; empty if the pack has no probe.
        fault: why it cannot be used, or "".
        auto: what backend="auto" takes, by graph.
        why: the reason for that, by graph.
        engines: what becomes of its engines here; "" if it has none.
    """

    name: str
    version: str
    license_spdx: str
    path: str
    origin: str
    files: int
    probes: tuple[ProbeResult, ...]
    auto: Mapping[str, str]
    fault: str = ""
    engines: str = ""
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it opens and every probe agrees."""
        return not self.fault and all(probe.ok for probe in self.probes)


@dataclass(frozen=True)
class Report:
    """What works on this machine.

    Attributes:
        versions: of Python and the packages that count, by name; None = not installed.
        cpu: as this process sees it.
        backends: those that work, "auto" takes the first one; empty if none.
        backend_fault: why the runtimes cannot be asked, or "".
        settings: what the environment says.
        packs: those that were looked at.
        native: which ops run, and on which instruction set.
        own_layers: what runs inside OpenVINO's graphs, or why nothing does.
        engines: what runs engines that were built ahead of time, or why nothing does.
        around: GPU, providers and packages.
        faults: of the installation.
    """

    versions: Mapping[str, str | None]
    cpu: Cpu
    backends: tuple[str, ...]
    backend_fault: str
    settings: Settings
    packs: tuple[PackReport, ...]
    native: str = ""
    own_layers: str = ""
    engines: str = ""
    around: Surroundings | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is a backend, nothing that was installed is broken, and every pack that was looked at works."""
        broken = any(fault.severe for fault in self.faults)
        return bool(self.backends) and not broken and all(pack.ok for pack in self.packs)

    def text(self) -> str:
        """The report for people, without a final newline."""
        return "\n".join(_lines(self))


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
    taken = {key: list(backends) for key in pack.graphs}
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


def _lines(report: Report) -> list[str]:
    installed = [f"{name} {version}" for name, version in report.versions.items() if version]
    # The wheel for CUDA holds the CPU's provider too.
    has = {name for name, version in report.versions.items() if version}
    missing = [name for name in ("onnxruntime", "openvino") if name not in has and f"{name}-gpu" not in has]
    lines = ["versions   " + " · ".join(installed)]
    if missing:
        lines.append(f"missing    {', '.join(missing)} (pip install facesdk[cpu])")
    cpu = report.cpu
    flags = " ".join(cpu.flags) or "instruction sets unknown"
    lines.append(f"cpu        {cpu.name} ({cpu.machine}) · {cpu.usable_cores} usable cores · {flags}")
    lines.append(f"native ops {report.native}")
    lines.append(f"own layers {report.own_layers}")
    lines.append(f"engines    {report.engines}")
    if report.around is not None:
        lines += _gpu_lines(report.around, report.settings)
    lines.append(f"backends   {', '.join(report.backends) or 'none'}")
    for fault in report.faults:
        lines += [f"  {'FAULT' if fault.severe else 'note '}    {fault.what}", f"           {fault.cure}"]
    if report.backend_fault:
        lines.append(f"  FAULT    {report.backend_fault}")
    threads = report.settings.threads or cpu.usable_cores
    lines.append(f"settings   backend {report.settings.backend} · threads {threads}")
    for folder in report.settings.pack_path:
        lines.append(f"pack path  {folder}" + ("" if folder.is_dir() else "  (no such folder)"))
    for pack in report.packs:
        lines += _pack_lines(pack)
    if not report.packs:
        lines.append("packs      none found")
    lines.append("ok         everything that was looked at works" if report.ok else "NOT OK     see above")
    return lines


def _gpu_lines(around: Surroundings, settings: Settings) -> list[str]:
    gpu, limit = around.gpu, settings.vram_limit_bytes
    where = str(gpu)
    if isinstance(gpu, Gpu):
        granted = "" if limit is None else f" · of it {limit / 1e9:.1f} GB granted"
        where = f"{gpu.name} ({gpu.sm}, {gpu.memory_bytes / 1e9:.1f} GB) · driver for CUDA {gpu.driver}{granted}"
    tensorrt = version_fault(around.tensorrt) or f"TensorRT {around.tensorrt}"
    providers = "none" if around.providers is None else ", ".join(around.providers)
    return [f"gpu        {where}", f"tensorrt   {tensorrt}", f"providers  {providers}"]


def _pack_lines(pack: PackReport) -> list[str]:
    if pack.fault:
        return [f"pack       {pack.name} ({pack.origin})", f"  FAULT    {pack.fault}"]
    head = f"pack       {pack.name} {pack.version} · {pack.license_spdx} · {pack.files} files match · {pack.origin}"
    lines = [head]
    if pack.engines:
        lines.append(f"  engines  {pack.engines}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for graph, backend in pack.auto.items():
        reasons.setdefault((backend, pack.why.get(graph, "")), []).append(graph)
    for (backend, reason), graphs in reasons.items():
        which = "every graph" if len(reasons) == 1 else ", ".join(graphs)
        lines.append(f"  auto     {backend} for {which}: {reason}")
    if not pack.probes:
        lines.append("  no probe: agreement with the export cannot be checked")
    for probe in pack.probes:
        taken = "  <- auto" if pack.auto.get(probe.graph) == probe.backend else ""
        if probe.fault:
            lines.append(f"  FAULT    {probe.graph:<24} {probe.backend:<14} {probe.fault}")
            continue
        word = "agrees " if probe.ok else "DIFFERS"
        figures = f"{probe.mean_abs:.1e} (at most {probe.tolerance:.1e})  {probe.duration_ms:7.2f} ms"
        lines.append(f"  {word}  {probe.graph:<24} {probe.backend:<14} {figures}{taken}")
    return lines
