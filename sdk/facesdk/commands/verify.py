"""`facesdk verify`: what the marks of pictures and films say, and what they prove."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from facesdk.errors import FacesdkError, InputError, ProvenanceError

NAMES = {"xmp": "XMP", "pixel": "pixel mark", "c2pa": "C2PA"}


def verify(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE|FOLDER]...", help="Pictures, films, or folders of them.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the reports as JSON.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look for the pixel mark at the picture's own size only.")
    ] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Check this installation's own audit log.")] = False,
) -> None:
    """Read the marks of pictures and films back, and say what each of them proves.

    Exit code 0: every file has a mark of generated content, and the audit log holds; 1: a file has none; 3: a file
    cannot be read; 5: a mark is there and does not hold, or the audit log does not.
    """
    from facesdk.provenance.audit import AuditLog
    from facesdk.provenance.verify import FileReport, examine, exit_code, media_files

    if not files and not audit:
        raise InputError("verify needs a file or a folder.", "Example: facesdk verify out.jpg")
    reports: list[FileReport] = []
    faults: list[tuple[str, FacesdkError]] = []
    paths = [path for name in files or [] for path in media_files(Path(name))]
    for path in paths:
        try:
            report = examine(path, not quick)
        except FacesdkError as error:
            if len(paths) == 1:
                raise
            # One bad file of many does not keep the others waiting.
            faults.append((str(path), error))
            typer.echo(f"facesdk: {path}: {error}", err=True)
            continue
        reports.append(report)
        if not json:
            _print(report)
    code = exit_code(reports, len(faults))
    documents: list[dict[str, object]] = [report.document() for report in reports]
    documents += [{"file": file, "fault": str(error)} for file, error in faults]
    if audit:
        log = AuditLog().verify()
        if json:
            documents.append({"audit": str(log.path), "entries": log.entries, "head": log.head, "fault": log.fault})
        else:
            state = f"{log.entries} entries hold, {log.raw} of them of files without marks; head {log.head[:16]}"
            typer.echo(f"audit log  {log.path}: {log.fault or state}")
        code = code if log.ok else ProvenanceError.exit_code
    if json:
        typer.echo(json_text.dumps(documents, indent=1, ensure_ascii=False))
    if code:
        raise typer.Exit(code)


def _print(report: object) -> None:
    from facesdk.provenance.verify import FileReport

    assert isinstance(report, FileReport)
    typer.echo(f"{report.file}: {report.meaning}")
    for layer in report.layers:
        typer.echo(f"  {NAMES[layer.layer]:<10} {layer.status:<9} {layer.says}".rstrip())
        typer.echo(f"  {'':<10} proves    {layer.proves}")
