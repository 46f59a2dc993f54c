"""What works on this machine: versions, CPU, runtimes, and whether packs give here what they gave at export."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facesdk.errors import FacesdkError
from facesdk.ops.native import describe_native
from facesdk.pack import Pack, list_packs, open_pack
from facesdk.pack.reader import Arrays
from facesdk.runtime.device import Cpu, read_cpu
from facesdk.runtime.engine_choice import describe_engines, engine_here
from facesdk.runtime.openvino_extension import describe_extension
from facesdk.runtime.select import PARITY_KEYS, Concrete, available_backends, open_session, resolve_backend
from facesdk.settings import Settings

PACKAGES = ("facesdk", "numpy", "opencv-python-headless", "opencv-python", "pillow", "onnxruntime", "openvino")
# Another CPU sums in another order: so much more than at export is still agreement.
SLACK = 4.0
# Where a graph has no figures for a backend: error relative to the largest expected value.
DEFAULT_RELATIVE: dict[Concrete, float] = {
    "tensorrt-rtx": 2e-2,
    "openvino-bf16": 2e-2,
    "openvino-f32": 1e-4,
    "onnxruntime": 1e-4,
}
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

    @property
    def ok(self) -> bool:
        """Whether there is a backend, and every pack that was looked at works."""
        return bool(self.backends) and all(pack.ok for pack in self.packs)

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
    )


def probe_pack(pack: Pack, backends: Sequence[Concrete], threads: int = 1) -> tuple[ProbeResult, ...]:
    """Runs a pack's probe.

    Args:
        pack: an open pack with a probe.
        backends: those to try.
        threads: threads per session.

    Returns:
        One result for each graph in each backend, and in its engine where one fits.

    Raises:
        PackError: the pack has no probe, or it is damaged.
    """
    inputs, expected = pack.probe()
    signed = pack.signer is not None
    taken = {key: list(backends) for key in pack.graphs}
    for key, spec in pack.graphs.items():
        if not isinstance(engine_here(spec.engines, signed), str):
            taken[key].insert(0, "tensorrt-rtx")
    return tuple(_probe(pack, key, backend, inputs, expected, threads) for key in taken for backend in taken[key])


def _probe(pack: Pack, key: str, backend: Concrete, inputs: Arrays, expected: Arrays, threads: int) -> ProbeResult:
    family, _, graph = key.partition(".")
    spec = pack.graphs[key]
    try:
        session = open_session(pack, family, graph, backend, threads)
        feeds = {tensor.name: inputs[f"{key}.{tensor.name}"] for tensor in spec.inputs}
        wanted = {tensor.name: expected[f"{key}.{tensor.name}"] for tensor in spec.outputs}
        outputs = session.run(feeds)
        durations = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            session.run(feeds)
            durations.append((time.perf_counter() - start) * 1e3)
    except FacesdkError as error:
        return ProbeResult(key, backend, math.nan, math.nan, math.nan, str(error).splitlines()[0])
    except KeyError as error:
        return ProbeResult(key, backend, math.nan, math.nan, math.nan, f"the probe has no {error.args[0]}")
    # As at export: the worst output's mean.
    worst = 0.0
    for name, want in wanted.items():
        if outputs[name].shape != want.shape:
            text = f"{name} has shape {outputs[name].shape}, {want.shape} expected"
            return ProbeResult(key, backend, math.nan, math.nan, math.nan, text)
        difference = float(np.abs(outputs[name].astype(np.float64) - want).mean())
        # NaN compares as False with everything; here it must count as the worst.
        worst = max(worst, difference) if math.isfinite(difference) else math.inf
    largest = max(float(np.abs(want).max()) for want in wanted.values())
    figures = spec.parity.get(PARITY_KEYS[backend], {})
    tolerance = DEFAULT_RELATIVE[backend] * largest
    if "mean_abs" in figures:
        tolerance = SLACK * figures["mean_abs"] + 1e-6 * largest
    return ProbeResult(key, backend, worst, tolerance, statistics.median(durations))


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
        auto = {key: resolve_backend("auto", spec, settings, signed) for key, spec in specs}
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
        auto,
        "",
        describe_engines(pack),
    )


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
    missing = [name for name in ("onnxruntime", "openvino") if not report.versions.get(name)]
    lines = ["versions   " + " · ".join(installed)]
    if missing:
        lines.append(f"missing    {', '.join(missing)} (pip install facesdk[cpu])")
    cpu = report.cpu
    flags = " ".join(cpu.flags) or "instruction sets unknown"
    lines.append(f"cpu        {cpu.name} ({cpu.machine}) · {cpu.usable_cores} usable cores · {flags}")
    lines.append(f"native ops {report.native}")
    lines.append(f"own layers {report.own_layers}")
    lines.append(f"engines    {report.engines}")
    lines.append(f"backends   {', '.join(report.backends) or 'none'}")
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


def _pack_lines(pack: PackReport) -> list[str]:
    if pack.fault:
        return [f"pack       {pack.name} ({pack.origin})", f"  FAULT    {pack.fault}"]
    head = f"pack       {pack.name} {pack.version} · {pack.license_spdx} · {pack.files} files match · {pack.origin}"
    lines = [head]
    if pack.engines:
        lines.append(f"  engines  {pack.engines}")
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
