"""What `facesdk doctor` found: of a graph, of a pack, of the machine; and the text of it for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from facesdk.runtime.device import Cpu
from facesdk.runtime.diagnosis import Fault, Surroundings
from facesdk.runtime.engine_device import Gpu
from facesdk.runtime.tensorrt_library import version_fault
from facesdk.settings import Settings


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
