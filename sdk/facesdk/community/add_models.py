"""Makes a pack of model files that a user has: recognised, looked into, tried, licensed, and signed by this machine."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facesdk.community.convention import Convention
from facesdk.community.emap import find_emap
from facesdk.community.model import EMAP_FILE, FAMILY, conventions_of
from facesdk.community.onnx_file import OnnxFile, read_onnx
from facesdk.community.recognise_model import recognise_model
from facesdk.errors import InputError, PackError
from facesdk.pack import FamilySpec, FileSpec, GraphSpec, Manifest, Pack
from facesdk.pack.faults import MAX_FILE_BYTES
from facesdk.pack.graph_check import check_graph
from facesdk.pack.licence import OWN, SPDX, Origin, Terms, commercial_use, strictest
from facesdk.pack.manifest import MANIFEST_FILE
from facesdk.pack.writer import LICENSE_FILE, write_whole
from facesdk.runtime.backend_rule import cpu_choice
from facesdk.runtime.trial import TrialLimits, try_graph

VERSION = "1"
PRESET = "community"
MIXED = "LicenseRef-community-models"
"""The licence of a pack whose models have several."""


@dataclass(frozen=True)
class AddedModel:
    """A file that became part of a pack, as its manifest says.

    Attributes:
        convention: its name in the table.
        file: what it was called.
        sha256: of the file.
        licence: SPDX name, or LicenseRef-NAME.
        commercial: "yes", "ask" or "no".
        url: where the licence is to be read.
    """

    convention: str
    file: str
    sha256: str
    licence: str
    commercial: str
    url: str


def add_models(
    files: Sequence[Path], out: Path, wishes: Mapping[str, str] | None = None, licence: str | None = None
) -> tuple[Pack, dict[str, AddedModel]]:
    """Writes a pack of model files, or adds them to one that was written so.

    Args:
        files: ONNX files.
        out: the pack's folder.
        wishes: file's name -> convention, where the tensors fit several.
        licence: SPDX name or LicenseRef-NAME, for files whose makers do not say; elsewhere it can only be stricter.

    Returns:
        The pack, opened, and what was added, by role.

    Raises:
        PackError: a file is no ONNX file, none that is known, or one that fits several; it reaches out of itself, has
            unknown operators or died in its trial; its licence is missing or does not allow what FACESDK_COMMERCIAL
            asks for; or the pack has such a role already.
        InputError: no file, or a wish for none of them.
    """
    chosen = dict(wishes or {})
    strangers = sorted(set(chosen) - {path.name for path in files})
    if not files or strangers:
        raise InputError(f"--as names files that are not added: {', '.join(strangers)}." if files else "no file given.")
    models, graphs, data, beside = _existing(out)
    added: dict[str, AddedModel] = {}
    for path in files:
        content = _read(path)
        faults = check_graph(content)
        if faults:
            raise PackError(f"{path.name}: {'; '.join(faults)}. Not added.", "Take a file without them.")
        onnx_file = read_onnx(content, path.name)
        convention = recognise_model(onnx_file, path.name, chosen.get(path.name))
        if convention.role in models:
            raise PackError(
                f"{path.name} is a {convention.role}, and the pack has one already: "
                f"{models[convention.role].convention}. Not added.",
                "Make another pack: -o DIR",
            )
        model = _describe(path, content, convention, licence)
        spec = _graph_spec(onnx_file, model, convention)
        # On a CPU, whatever will run it: a trial has no engine, no probe and no GPU.
        try_graph(f"{FAMILY}.{convention.role}", spec, content, cpu_choice(spec), _limits(content))
        if convention.source is not None and convention.source.kind == "emap":
            beside[EMAP_FILE] = _npy(onnx_file)
        models[convention.role] = added[convention.role] = model
        graphs[convention.role], data[spec.file] = spec, content
    manifest, others = _assemble(out.name, models, graphs, beside)
    return write_whole(out, manifest, {**others, **data}, overwrite=out.exists()), added


def default_folder(files: Sequence[Path], wishes: Mapping[str, str]) -> Path:
    """Where a pack is written if nothing is said: a folder here, called as the first file or what it is to be."""
    if not files:
        raise InputError("no file given.")
    return Path(wishes.get(files[0].name, files[0].stem))


def _existing(out: Path) -> tuple[dict[str, AddedModel], dict[str, GraphSpec], dict[str, bytes], dict[str, bytes]]:
    """What a pack holds that is there already; empty if there is none."""
    if not (out / MANIFEST_FILE).is_file():
        return {}, {}, {}, {}
    pack = Pack(out)
    if set(pack.manifest.families) != {FAMILY}:
        raise PackError(f"{out} is a pack of another kind, so nothing is added to it.", "Make a new one: -o DIR")
    known = conventions_of(pack)
    models = {role: AddedModel(**pack.manifest.family(FAMILY).extra["models"][role]) for role in known}
    graphs = dict(pack.manifest.family(FAMILY).graphs)
    beside = {EMAP_FILE: pack.read(EMAP_FILE)} if EMAP_FILE in pack.manifest.files else {}
    return models, graphs, {spec.file: pack.read(spec.file) for spec in graphs.values()}, beside


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise PackError(f"{path}: no such file.", "Check the path.")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PackError(f"{path.name} is larger than {MAX_FILE_BYTES >> 30} GiB.", "Check the path.")
        return path.read_bytes()
    except OSError as error:
        raise PackError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error


def _describe(path: Path, content: bytes, convention: Convention, licence: str | None) -> AddedModel:
    said = convention.licence
    if licence is not None and licence not in SPDX and not (licence.startswith(OWN) and len(licence) > len(OWN)):
        raise PackError(
            f"--licence {licence}: no licence that facesdk knows.", f"{OWN}NAME is for one of its maker's own."
        )
    if licence is None and not said.spdx:
        raise PackError(
            f"{path.name} ({convention.name}): its makers state no licence. Not added.",
            f"Ask them or look it up ({said.url}), then say it: --licence MIT, or --licence {OWN}NAME",
        )
    use = said.commercial
    if licence is not None:
        # Where its makers say something, the user's word can only be stricter.
        use = strictest(use, commercial_use(licence)) if said.spdx else commercial_use(licence)
    sha256 = hashlib.sha256(content).hexdigest()
    return AddedModel(convention.name, path.name, sha256, licence or said.spdx, use, said.url)


def _graph_spec(onnx_file: OnnxFile, model: AddedModel, convention: Convention) -> GraphSpec:
    return GraphSpec(
        file=f"graphs/{FAMILY}.{convention.role}.onnx",
        sha256=model.sha256,
        bytes=len(onnx_file.data),
        precision=onnx_file.precision,
        inputs=onnx_file.inputs,
        outputs=onnx_file.outputs,
    )


def _limits(content: bytes) -> TrialLimits:
    """Half a gigabyte of weights is usual here: the runtime reads it, copies it and lays it out anew."""
    usual = TrialLimits()
    return TrialLimits(usual.memory_bytes + 4 * len(content), 180, 240.0)


def _npy(onnx_file: OnnxFile) -> bytes:
    emap = find_emap(onnx_file)
    assert emap is not None, "the file was recognised by it"
    stream = io.BytesIO()
    np.save(stream, emap, allow_pickle=False)
    return stream.getvalue()


def _assemble(
    name: str, models: Mapping[str, AddedModel], graphs: Mapping[str, GraphSpec], beside: Mapping[str, bytes]
) -> tuple[Manifest, dict[str, bytes]]:
    licences = {model.licence for model in models.values()}
    origins = tuple(Origin(model.convention, model.licence, model.commercial) for model in models.values())
    files = {**beside, LICENSE_FILE: _licence_text(models).encode()}
    family = FamilySpec(
        tasks=("swap",) if "swapper" in models else tuple(models),
        graphs=graphs,
        preprocessing={},
        extra={"models": {role: asdict(model) for role, model in models.items()}},
    )
    spdx = licences.pop() if len(licences) == 1 else MIXED
    manifest = Manifest(
        name=name,
        version=VERSION,
        preset=PRESET,
        license_spdx=spdx,
        license_file=LICENSE_FILE,
        families={FAMILY: family},
        files={path: FileSpec(hashlib.sha256(data).hexdigest(), len(data)) for path, data in files.items()},
        # Each of them is at least as strict as the name of its own licence.
        terms=Terms(strictest(*(origin.commercial for origin in origins)), origins),
    )
    return manifest, files


def _licence_text(models: Mapping[str, AddedModel]) -> str:
    lines = ["The models of this pack are their makers'. facesdk only put them together.", ""]
    for role, model in models.items():
        lines += [
            f"{role}: {model.convention}, from the file {model.file}",
            f"  licence: {model.licence}   commercial use: {model.commercial}",
            f"  to be read at: {model.url}",
            f"  sha256: {model.sha256}",
            "",
        ]
    return "\n".join(lines)
