"""`facesdk analyze`: which faces a picture shows."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facesdk.commands.options import Backend, MinFace, Pack

if TYPE_CHECKING:
    from facesdk.types import Face


def analyze(
    image: Annotated[str, typer.Argument(metavar="PICTURE", help="The picture to look at.", show_default=False)],
    draw: Annotated[str | None, typer.Option(help="Write the picture with boxes, points, axes and parts.")] = None,
    json: Annotated[str | None, typer.Option(help='Write the numbers as JSON; "-" is the terminal.')] = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Put the numbers that say whose face it is into the JSON.")
    ] = False,
    min_face: MinFace = None,
    backend: Backend = "auto",
    pack: Pack = "nano",
) -> None:
    """Find the faces of a picture: where they are, where they look, and which pixels are theirs."""
    from facesdk.draw import draw_faces
    from facesdk.faces.analyze import FaceAnalyzer
    from facesdk.faces.typical import FAR
    from facesdk.faces.usable import eyes_px
    from facesdk.media.image import load_image
    from facesdk.media.sink import check_writable, save_image, write_atomic

    if draw is not None:
        check_writable(draw)
    picture = load_image(image)
    with FaceAnalyzer(pack, backend) as analyzer:
        wants_embedding = json is not None and embeddings
        analyzer.prepare("landmarks", "parser", *(["recogniser"] if wants_embedding else []))
        faces, timings = analyzer.analyze_timed(picture, min_face=min_face, recognise=wants_embedding)
        if not faces:
            raise analyzer.plan(picture, min_face).no_face(Path(image).name)
        used = f"pack {analyzer.pack.name}, {analyzer.backend}"
    if draw is not None:
        save_image(draw, draw_faces(picture, faces), metadata=None)
    document = {
        "image": Path(image).name,
        "size_hw": [picture.shape[0], picture.shape[1]],
        "pack": analyzer.pack.name,
        "faces": [face_document(number, face) for number, face in enumerate(faces)],
    }
    if json == "-":
        typer.echo(json_format.dumps(document, indent=1))
        return
    if json is not None:
        write_atomic(json, json_format.dumps(document, indent=1).encode())
    stages = "  ".join(f"{stage} {duration_ms:.1f}" for stage, duration_ms in timings.as_dict().items())
    typer.echo(f"analyze    {image}  {len(faces)} face{'s' * (len(faces) != 1)}   {stages} ms   ({used})")
    for number, face in enumerate(faces):
        x0, y0 = face.box[:2]
        where = f"at {x0:.0f},{y0:.0f}  {face.width_px:.0f}x{face.height_px:.0f} px  eyes {eyes_px(face):.0f} px apart"
        pose = face.pose
        look = "" if pose is None else _pose_text(pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees)
        typer.echo(f"  face {number}   {where}   {look}   score {face.score:.2f}")
        if face.typical is not None and face.typical < FAR:
            typer.echo(f"           unlike what the pack knows: of its test faces {face.typical:.1%} look as unusual")
    for kind, path in (("drawn", draw), ("numbers", json)):
        if path is not None:
            typer.echo(f"{kind:10s} -> {path}")


def face_document(number: int, face: Face) -> dict[str, Any]:
    """A face as JSON: pixels of the picture, degrees, probabilities; what was not computed is left out."""
    out: dict[str, Any] = {
        "number": number,
        "box_xyxy": _numbers(face.box),
        "score": round(face.score, 4),
        "points": _numbers(face.points),
    }
    if face.landmarks is not None:
        out["landmarks"] = _numbers(face.landmarks)
    if face.visible is not None:
        out["visible"] = _numbers(face.visible)
    if face.pose is not None:
        out["yaw_degrees"] = round(face.pose.yaw_degrees, 2)
        out["pitch_degrees"] = round(face.pose.pitch_degrees, 2)
        out["roll_degrees"] = round(face.pose.roll_degrees, 2)
    if face.presence is not None:
        out["presence"] = round(face.presence, 4)
    if face.typical is not None:
        out["typical"] = round(face.typical, 4)
    if face.embedding is not None:
        out["embedding"] = [round(float(value), 6) for value in face.embedding]
    return out


def _numbers(values: Any) -> Any:
    return values.astype("float64").round(3).tolist()


def _pose_text(yaw: float, pitch: float, roll: float) -> str:
    return f"yaw {yaw:+.0f}  pitch {pitch:+.0f}  roll {roll:+.0f} degrees"
