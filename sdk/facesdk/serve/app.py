"""The app: addresses, and what each one does."""

# Annotations stay objects here (no `from __future__ import annotations`): FastAPI evaluates them, and the names that
# they use are imported inside the function, so that facesdk imports without FastAPI.

import base64
import json
from typing import TYPE_CHECKING, Any

from facesdk.errors import FacesdkError, InputError
from facesdk.media.sink import encode_image
from facesdk.provenance.mark import NAMES, mark
from facesdk.serve.door import Door
from facesdk.serve.error_json import error_json, error_status
from facesdk.serve.guard import Guard
from facesdk.serve.identity_store import StoredIdentity
from facesdk.serve.jobs import Jobs
from facesdk.serve.limits import ServeLimits
from facesdk.serve.live_socket import LiveRoom
from facesdk.serve.page import PageFile, load_page
from facesdk.serve.studio import Studio, read_consent
from facesdk.serve.upload import read_form
from facesdk.version import __version__

if TYPE_CHECKING:
    from starlette.types import ASGIApp

FORMATS = {"png": ("PNG", "image/png"), "jpeg": ("JPEG", "image/jpeg"), "webp": ("WEBP", "image/webp")}


def build_app(studio: Studio, door: Door, limits: ServeLimits, jobs: Jobs) -> "ASGIApp":
    """The guarded app.

    Args:
        studio: does the work.
        door: who may come in.
        limits: how much, how long.
        jobs: where pictures are worked on.
    """
    from fastapi import FastAPI, Request, Response, WebSocket
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    app = FastAPI(
        # No pages of documentation: they would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # FastAPI would tell whatever OpenTelemetry has been set up in this process, or by the environment.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    room = LiveRoom(studio, limits)

    @app.exception_handler(FacesdkError)
    async def known(_: Request, error: FacesdkError) -> JSONResponse:
        return JSONResponse(error_json(error), error_status(error))

    @app.exception_handler(RequestValidationError)
    async def misshapen(_: Request, error: RequestValidationError) -> JSONResponse:
        where = sorted({str(fault["loc"][-1]) for fault in error.errors()})
        return JSONResponse({"what": f"not as expected: {', '.join(where)}.", "cure": "Use the page."}, 422)

    @app.exception_handler(HTTPException)
    async def absent(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"what": f"{error.detail}.", "cure": "Use the page."}, error.status_code)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        what = f"this should not have happened ({type(error).__name__})."
        return JSONResponse({"what": what, "cure": "What the server printed says more. Please report it."}, 500)

    def page_file(file: PageFile) -> Any:
        async def give() -> Response:
            return Response(file.data, media_type=file.media_type)

        return give

    for path, file in load_page().items():
        app.add_api_route(path, page_file(file), methods=["GET", "HEAD"])

    @app.get("/api/state")
    async def state() -> dict[str, Any]:
        manifest = studio.swapper.pack.manifest
        return {
            "version": __version__,
            "pack": f"{manifest.name} {manifest.version}",
            "backend": studio.swapper.backend,
            "makes_faces": studio.makes_faces,
            "upload_bytes": limits.upload_bytes,
            "pictures": limits.pictures,
            "identity_seconds": limits.identity_seconds,
            "identities": [_facts(stored) for stored in studio.store.all()],
        }

    @app.post("/api/identities", status_code=201)
    async def enrol(request: Request) -> dict[str, Any]:
        form = await read_form(request, limits.pictures)
        consent, name = read_consent(form.fields)
        return _facts(await jobs.run(lambda: studio.enrol(form.pictures, consent, name)))

    @app.get("/api/identities/{key}/face")
    async def face(key: str) -> Response:
        identity = studio.store.get(key).identity
        crop = identity.crops[0]
        # What a person uploaded is shown back as it is; a generated face carries its label.
        made = identity.consent.basis == "synthetic"
        data = mark(crop, "generate").encode("PNG") if made else encode_image(crop, "PNG", None)
        return Response(data, media_type="image/png")

    @app.delete("/api/identities/{key}", status_code=204)
    async def forget(key: str) -> Response:
        studio.store.forget(key)
        return Response(status_code=204)

    @app.get("/api/faces")
    async def faces(seed: int) -> dict[str, Any]:
        made = await jobs.run(lambda: [found.marked.encode("PNG") for found in studio.candidates(seed)])
        return {"seed": seed, "faces": [base64.b64encode(data).decode() for data in made]}

    @app.post("/api/faces/{seed}/{index}", status_code=201)
    async def take(seed: int, index: int) -> dict[str, Any]:
        return _facts(await jobs.run(lambda: studio.take(seed, index)))

    @app.post("/api/swap")
    async def swap(request: Request, identity: str, faces: str = "largest", format: str = "png") -> Response:
        form = await read_form(request, 1)
        return await jobs.run(lambda: _swap(form.pictures, identity, faces, format))

    def _swap(pictures: Any, key: str, faces: str, format: str) -> Response:
        if not pictures or format not in FORMATS:
            raise InputError("one picture, and png, jpeg or webp as the format, are expected.", "Use the page.")
        result = studio.swap(pictures[0], key, faces)
        name, media_type = FORMATS[format]
        marked = result.marked
        data = marked.encode(name)
        marked.log(data)
        report = {
            "faces": len(result.faces),
            "swapped": len(result.swapped),
            "total_ms": round(result.timings.total_ms, 1),
            "stages": {stage: round(value, 1) for stage, value in result.timings.as_dict().items()},
            "marks": [NAMES[layer] for layer in marked.marks],
        }
        headers = {
            "content-disposition": f'attachment; filename="swap.{format}"',
            "x-facesdk-report": json.dumps(report),
        }
        return Response(data, media_type=media_type, headers=headers)

    @app.websocket("/api/live")
    async def live(socket: WebSocket, identity: str, faces: str = "largest") -> None:
        await room.serve(socket, identity, faces)

    return Guard(app, door, limits)


def _facts(stored: StoredIdentity) -> dict[str, Any]:
    """What the page shows of an enrolled face."""
    consent = stored.identity.consent
    return {
        "id": stored.key,
        "name": stored.name,
        "pictures": len(stored.identity.crops),
        "basis": consent.basis,
        "statement": consent.statement,
        "scope": consent.scope.split(","),
        "expires": consent.expires,
    }
