"""C2PA manifests: who made this file with what, signed by this installation, with its input's credentials kept."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from facesdk.errors import ProvenanceError
from facesdk.media.sniff import HEAD_BYTES, sniff_format
from facesdk.media.video_sniff import is_video_head
from facesdk.provenance.c2pa_module import require_c2pa
from facesdk.provenance.install_key import InstallKey, install_key, known_root
from facesdk.provenance.label import SOURCE_TYPES, Kind
from facesdk.provenance.work import UNKNOWN, Work
from facesdk.settings import Settings
from facesdk.version import __version__

# Source: IANA media types; what c2pa-rs 0.91 can write into or read from.
PICTURE_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff"}
PARENT_TYPES = {**PICTURE_TYPES, "GIF": "image/gif", "AVIF": "image/avif"}
FILM_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
OWN_ASSERTION = "org.facesdk.mark"
_log = logging.getLogger("facesdk.provenance")
_SOURCE_TYPE = "digitalSourceType"


@dataclass(frozen=True)
class Credentials:
    """What a file's C2PA manifest says, and whether it holds.

    Attributes:
        state: "Trusted" (signed by this installation), "Valid" (unchanged, signer unknown here) or "Invalid".
        source_types: digitalSourceType of each action of the newest manifest, in order.
        generator: the program that wrote it, with its version.
        signer: name in the certificate.
        signed: when its actions say that they were done, or "".
        number: number of the pixel mark that it names, or "".
        manifests: how many there are: the file's own, and those of its inputs.
        faults: codes of what does not hold.
    """

    state: str
    source_types: tuple[str, ...]
    generator: str
    signer: str
    signed: str
    number: str
    manifests: int
    faults: tuple[str, ...]


def sign_picture(
    data: bytes, format: str, kind: Kind, number: str, work: Work = UNKNOWN, settings: Settings | None = None
) -> bytes:
    """The file with a manifest.

    Args:
        data: a picture file's bytes, as they shall be but for the manifest.
        format: of PICTURE_TYPES.
        kind: as in the label.
        number: of its pixel mark, or "".
        work: how it was made.
        settings: where the key is.

    Raises:
        ProvenanceError: it cannot be signed, or what was signed does not hold.
    """
    out = io.BytesIO()
    _sign(io.BytesIO(data), out, PICTURE_TYPES[format], kind, number, work, settings)
    signed = out.getvalue()
    _require_valid(io.BytesIO(signed), PICTURE_TYPES[format], settings)
    return signed


def sign_film(
    source: Path, out: BinaryIO, kind: Kind, number: str, work: Work = UNKNOWN, settings: Settings | None = None
) -> None:
    """Writes a finished film once more, with a manifest.

    Args:
        source: the film; its extension is one of FILM_TYPES.
        out: a new file, for writing and reading.
        kind, number, work, settings: as `sign_picture`.

    Raises:
        ProvenanceError: it cannot be signed, or what was signed does not hold.
        OSError: it cannot be written.
    """
    kind_of_file = FILM_TYPES[source.suffix.lower()]
    watched = _WatchedFile(out)
    with open(source, "rb") as stream:
        try:
            _sign(stream, watched, kind_of_file, kind, number, work, settings)
        except ProvenanceError:
            if watched.fault is not None:
                raise watched.fault from None
            raise
    out.flush()
    out.seek(0)
    _require_valid(out, kind_of_file, settings)


def read_credentials(source: bytes | Path, settings: Settings | None = None) -> Credentials | None:
    """Reads and checks a file's manifest; nothing is asked over a network.

    Args:
        source: a file's bytes, or its path.
        settings: where this installation's own root is kept.

    Returns:
        What it says, or None if there is none or the format cannot hold one.

    Raises:
        ProvenanceError: c2pa-python is not installed.
    """
    require_c2pa()
    with _opened(source) as stream:
        media_type = _type_of(stream)
        return None if media_type is None else _read(stream, media_type, known_root(settings))


class _WatchedFile:
    """A file that keeps the error of the system, of which c2pa says no more than that there was one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.fault: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._stream.write(data)
        except OSError as error:
            self.fault = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _sign(
    source: BinaryIO,
    out: BinaryIO | _WatchedFile,
    media_type: str,
    kind: Kind,
    number: str,
    work: Work,
    settings: Settings | None,
) -> None:
    c2pa = require_c2pa()
    key = install_key(settings)
    context = _context(key.root_pem)
    try:
        with _signer(c2pa, key) as signer:
            with _parent_of(work) as parent:
                if parent is not None:
                    try:
                        builder = _builder(c2pa, context, kind, number, work, edited=True)
                        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
                        about = {"title": "input", "relationship": "parentOf"}
                        builder.add_ingredient(json.dumps(about), parent[1], parent[0])
                    except c2pa.C2paError as error:
                        _log.warning("the input's file cannot be named as an ingredient (%s)", error)
                        parent = None
                if parent is None:
                    builder = _builder(c2pa, context, kind, number, work, edited=False)
            builder.sign(signer, media_type, source, out)
    except c2pa.C2paError as error:
        raise ProvenanceError(f"the C2PA manifest cannot be signed: {error}. Not written.") from error


def _builder(c2pa: Any, context: Any, kind: Kind, number: str, work: Work, edited: bool) -> Any:
    """A manifest without thumbnail, title, path or name."""
    action: dict[str, Any] = {
        "action": "c2pa.edited" if edited else "c2pa.created",
        _SOURCE_TYPE: SOURCE_TYPES[kind],
        "softwareAgent": {"name": "facesdk", "version": __version__},
        "when": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    actions = [action]
    if number:
        # Unbound: the mark leads to no manifest that is kept elsewhere. Source: C2PA specification 2.2, 18.15.4.7.
        actions.append({"action": "c2pa.watermarked.unbound"})
    own = {"pixelMark": number, "consent": list(work.consents)}
    manifest = {
        "claim_generator_info": [{"name": "facesdk", "version": __version__}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": OWN_ASSERTION, "data": own},
        ],
    }
    return c2pa.Builder(json.dumps(manifest), context)


def _context(root_pem: str | None) -> Any:
    """Settings of c2pa: no thumbnail, no network, and only our own root is trusted."""
    document: dict[str, Any] = {
        # By default it puts a picture of the original, unchanged face into the file.
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    }
    if root_pem is not None:
        document["trust"] = {"trust_anchors": root_pem}
    return require_c2pa().Context.from_dict(document)


@contextlib.contextmanager
def _signer(c2pa: Any, key: InstallKey) -> Iterator[Any]:
    info = c2pa.C2paSignerInfo(b"es256", key.chain_pem.encode(), key.key_pem, None)
    signer = c2pa.Signer.from_info(info)
    try:
        yield signer
    finally:
        signer.close()


@contextlib.contextmanager
def _parent_of(work: Work) -> Iterator[tuple[BinaryIO, str] | None]:
    """The input's file and its type, if there is one that can be named."""
    if work.parent is None:
        yield None
        return
    try:
        with _opened(work.parent) as stream:
            media_type = _type_of(stream)
            yield None if media_type is None else (stream, media_type)
    except OSError as error:
        raise ProvenanceError(f"the input cannot be read any more: {error.strerror}. Not written.") from error


@contextlib.contextmanager
def _opened(source: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    else:
        with open(source, "rb") as stream:
            yield stream


def _type_of(stream: BinaryIO) -> str | None:
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    found = sniff_format(head)
    if found is not None:
        return PARENT_TYPES.get(found)
    if is_video_head(head) and head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    return None


def _require_valid(stream: BinaryIO, media_type: str, settings: Settings | None) -> None:
    found = _read(stream, media_type, known_root(settings))
    if found is None or found.state != "Trusted":
        state = "not there" if found is None else f"{found.state.lower()} ({', '.join(found.faults)})"
        raise ProvenanceError(f"the C2PA manifest that was just signed is {state}. Not written.")


def _read(stream: BinaryIO, media_type: str, root_pem: str | None) -> Credentials | None:
    c2pa = require_c2pa()
    try:
        reader = c2pa.Reader(media_type, stream, context=_context(root_pem))
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return None
        return Credentials("Invalid", (), "", "", "", "", 0, (str(error).split(":")[0],))
    try:
        document = json.loads(reader.json())
        state = str(reader.get_validation_state() or document.get("validation_state") or "Invalid")
    finally:
        reader.close()
    manifests = document.get("manifests", {})
    active = manifests.get(document.get("active_manifest"), {})
    actions: list[dict[str, Any]] = []
    number = ""
    for assertion in active.get("assertions", []):
        data = assertion.get("data")
        if not isinstance(data, dict):
            continue
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            actions += data.get("actions", [])
        elif assertion.get("label") == OWN_ASSERTION:
            number = str(data.get("pixelMark", ""))
    generator = (active.get("claim_generator_info") or [{}])[0]
    results = document.get("validation_results", {}).get("activeManifest", {})
    signature = active.get("signature_info") or {}
    return Credentials(
        state,
        tuple(str(action[_SOURCE_TYPE]) for action in actions if action.get(_SOURCE_TYPE)),
        f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        " / ".join(str(signature[key]) for key in ("issuer", "common_name") if signature.get(key)),
        next((str(action["when"]) for action in actions if action.get("when")), ""),
        number,
        len(manifests),
        tuple(str(fault.get("code")) for fault in results.get("failure", [])),
    )
