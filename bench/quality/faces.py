"""Quality of the face analysis: detector, landmarks, recogniser and parser, through the runtime, on unseen people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.quality.face_scores import (
    Detections,
    Located,
    class_ious,
    detect_scenes,
    embed_pictures,
    found_portraits,
    locate_portraits,
    make_scenes,
    parse_pictures,
    rows_of,
    score_boxes,
    whole,
    worn,
)
from bench.quality.face_set import FaceSetOptions, load_face_set
from bench.quality.face_sheet import COLUMNS, boxes_tile, classes_tile, contact_sheet, picture_tile, points_tile
from bench.quality.groups import Measure, group_tables, portrait_axes
from bench.quality.photograph import point_error, portrait
from bench.quality.test_set import Arrays
from bench.quality.worlds import auc_by_head, head_names, world_label
from bench.report import BenchReport, Figure
from facesdk.draw import draw_faces
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.pack import Pack
from facesdk.types import U8, Face
from train.data.scenes import Scene

SCENE_PX = 480
NEAR_YAW_DEGREES = 45.0


@dataclass(frozen=True)
class FaceQuality:
    """A report and the pictures behind it."""

    report: BenchReport
    sheet: U8


@dataclass(frozen=True)
class _Part:
    """What one network contributes."""

    figures: list[Figure]
    details: dict[str, Any]
    tiles: list[U8]


def measure_faces(
    pack: Pack,
    data: Path,
    options: FaceSetOptions,
    backend: str = "auto",
    workers: int = 2,
    scenes: int = 480,
    crops: int = 240,
    scene_px: int = SCENE_PX,
) -> FaceQuality:
    """Measures a pack.

    Args:
        pack: open pack with faces.
        data: folder that keeps the rendered test set.
        options: of the test set.
        backend: runtime backend.
        workers: processes that render the test set on first use.
        scenes: with faces; half as many without one are added.
        crops: for the parser.
        scene_px: side of a scene.
    """
    photograph = portrait()
    training = pack.manifest.training
    with FaceAnalyzer(pack, backend) as analyzer:
        analyzer.prepare("landmarks", "recogniser", "parser")
        portraits, groups = load_face_set(data, options, workers)
        near = rows_of(portraits, np.abs(portraits["pose"][:, 0]) <= NEAR_YAW_DEGREES)
        parts = [
            _detector(analyzer, portraits, scenes, scene_px, options.seed, training),
            _landmarks(analyzer, portraits, options.seed, training),
            _recogniser(analyzer, near, groups, options.seed, training),
            _parser(analyzer, rows_of(near, whole(near)), crops, options.seed, training),
            _photograph(analyzer, photograph),
        ]
    people = len(np.unique(portraits["identity"]))
    report = BenchReport(
        f"Quality of faces, pack {pack.name}: {people} unseen people",
        [figure for part in parts for figure in part.figures],
        {
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "backend": analyzer.backend,
            "heads": list(options.heads),
            "identities": people,
            "portraits": len(portraits["rgb"]),
            "aligned_pictures": len(groups["rgb"]),
            "scenes": scenes,
            "scene_px": scene_px,
            "parser_crops": crops,
            "seed": options.seed,
        },
        {name: value for part in parts for name, value in part.details.items()},
    )
    return FaceQuality(report, contact_sheet([part.tiles for part in parts]))


def _detector(
    analyzer: FaceAnalyzer, portraits: Arrays, count: int, size: int, seed: int, training: Mapping[str, Any]
) -> _Part:
    def detect(image: U8) -> list[Face]:
        return analyzer.analyze_timed(image, recognise=False, parse=False)[0]

    def detect_alone(image: U8) -> list[Face]:
        """Without the landmark net's word on whether a face is there."""
        return analyzer.detector.detect(image, analyzer.plan(image))

    heads = head_names(portraits["identity"])
    names = [str(name) for name in np.unique(heads)]
    scenes: dict[str, list[Scene]] = {
        name: make_scenes(rows_of(portraits, heads == name), -(-count // len(names)), size, seed + i)
        for i, name in enumerate(names)
    }
    by_head: dict[str, Detections] = {name: detect_scenes(detect, some) for name, some in scenes.items()}
    pooled = [scene for some in scenes.values() for scene in some]
    everything = score_boxes([boxes for found in by_head.values() for boxes in found.found], pooled)
    empty = make_scenes(portraits, -(-count // 2), size, seed + 50, max_faces=0)
    false, false_alone = (detect_scenes(search, empty).extra_per_scene for search in (detect, detect_alone))
    figures = [
        Figure("detector: recall at IoU 0.5, faces from 32 px", everything.recall_32px, "", 0.97, 0.995),
        Figure("detector: recall at IoU 0.5, faces from 16 px", everything.recall_16px),
        Figure("detector: recall from 32 px, faces half of which shows", everything.recall_shown),
        Figure("detector: false faces in a scene without one", false, better="lower"),
        *(
            Figure(f"detector: recall from 32 px, {world_label(training, 'detector', name)}", found.recall_32px)
            for name, found in by_head.items()
        ),
    ]
    details = {
        "false_per_empty_scene_of_the_detector_alone": false_alone,
        "boxes_per_scene_beside_listed_faces": everything.extra_per_scene,
        "faces_in_scenes": sum(len(scene.boxes) for scene in pooled),
    }
    shown = [pair for pairs in zip(*(zip(scenes[n], by_head[n].found) for n in names)) for pair in pairs]
    return _Part(figures, details, [boxes_tile(s.image, s.boxes, found) for s, found in shown[: 2 * COLUMNS]])


def _landmarks(analyzer: FaceAnalyzer, portraits: Arrays, seed: int, training: Mapping[str, Any]) -> _Part:
    def locate(image: U8, face: Face) -> Face:
        return analyzer.landmarker.locate(image, [face])[0]

    near = np.abs(portraits["pose"][:, 0]) <= NEAR_YAW_DEGREES
    heads = head_names(portraits["identity"])
    clean: Located = locate_portraits(locate, portraits, seed)
    damaged = locate_portraits(locate, worn(portraits, seed), seed)
    figures = [
        Figure("landmarks: RMS / interocular, yaw within 45", _mean(clean.error[near]), "", 0.03, 0.018, "lower"),
        Figure("landmarks: the same, moderate camera damage", _mean(damaged.error[near]), better="lower"),
        Figure("landmarks: the same, all yaws", _mean(clean.error), better="lower"),
    ]
    for name in np.unique(heads):
        label = world_label(training, "landmarks", str(name))
        figures.append(
            Figure(f"landmarks: yaw within 45, {label}", _mean(clean.error[near & (heads == name)]), better="lower")
        )
    for axis, name in enumerate(("yaw", "pitch", "roll")):
        error = _mean(clean.turn_degrees[near, axis])
        figures.append(Figure(f"head pose: error of {name}, yaw within 45", error, "degrees", better="lower"))
    found = found_portraits(lambda image: analyzer.analyze_timed(image, recognise=False, parse=False)[0], portraits)
    measures = [
        Measure("landmarks, RMS / interocular", clean.error, better="lower"),
        Measure("portraits whose face is found", found),
    ]
    details = {
        "groups": group_tables(portrait_axes(portraits), measures),
        "landmark_error_median": float(np.median(clean.error)),
        "portraits_yaw_within_45": int(near.sum()),
    }
    rows = list(zip(portraits["rgb"], portraits["landmarks"], clean.points))
    step = max(1, len(rows) // (2 * COLUMNS))
    return _Part(figures, details, [points_tile(*row) for row in rows[::step][: 2 * COLUMNS]])


def _recogniser(analyzer: FaceAnalyzer, near: Arrays, groups: Arrays, seed: int, training: Mapping[str, Any]) -> _Part:
    def embed(image: U8, face: Face) -> Any:
        return analyzer.recogniser.recognise(image, [face])[0].embedding

    exchanged = auc_by_head(embed_pictures(embed, groups), groups["identity"], groups["group"])
    damaged = auc_by_head(embed_pictures(embed, worn(groups, seed)), groups["identity"], groups["group"])
    own_hair = auc_by_head(embed_pictures(embed, near), near["identity"])
    figures = [
        Figure("recogniser: verification AUC, hair exchanged", _mean(list(exchanged.values())), "", 0.985, 0.997),
        Figure("recogniser: the same, moderate camera damage", _mean(list(damaged.values()))),
        Figure("recogniser: verification AUC, own hair, yaw within 45", _mean(list(own_hair.values()))),
        *(
            Figure(f"recogniser: AUC, hair exchanged, {world_label(training, 'recogniser', name)}", auc)
            for name, auc in exchanged.items()
        ),
    ]
    return _Part(figures, {}, [])


def _parser(analyzer: FaceAnalyzer, faces: Arrays, crops: int, seed: int, training: Mapping[str, Any]) -> _Part:
    parser = analyzer.parser
    heads = head_names(faces["identity"])
    names = [str(name) for name in np.unique(heads)]
    asked = {
        name: parse_pictures(
            parser.parse_crops, rows_of(faces, heads == name), -(-crops // len(names)), parser.size, seed + i
        )
        for i, name in enumerate(names)
    }
    images, found, truth = (np.concatenate(part) for part in zip(*asked.values()))
    figures = [Figure(f"parser: IoU of {name}", score) for name, score in class_ious(found, truth).items()]
    for name, (_, some, true) in asked.items():
        score = class_ious(some, true).get("face")
        figures.append(Figure(f"parser: IoU of face, {world_label(training, 'parser', name)}", score))
    shown = np.linspace(0, len(images) - 1, COLUMNS).round().astype(int)
    tiles = [picture_tile(image) for image in images[shown]]
    tiles += [classes_tile(classes) for part in (found, truth) for classes in part[shown]]
    return _Part(figures, {}, tiles)


def _photograph(analyzer: FaceAnalyzer, photograph: U8) -> _Part:
    faces, _ = analyzer.analyze_timed(photograph, recognise=False)
    # One face: none is too few, and two are too many.
    better: Literal["higher", "lower"] = "lower" if len(faces) > 1 else "higher"
    poses = [face.pose for face in faces if face.pose is not None]
    # The sitter looks into the camera, so that the pose should be nearly that of a passport.
    turned = max((max(abs(p.yaw_degrees), abs(p.pitch_degrees), abs(p.roll_degrees)) for p in poses), default=None)
    figures = [
        Figure("portrait photograph: faces found", len(faces), "", 1, better=better),
        Figure("portrait photograph: points to marked ones / eyes", point_error(faces), "", aim=0.1, better="lower"),
        Figure("portrait photograph: largest pose angle", turned, "degrees", aim=20, better="lower"),
    ]
    details = {
        "photograph_faces": [
            {
                "box": [round(float(v), 1) for v in face.box],
                "score": round(face.score, 3),
                "pose_degrees": None if face.pose is None else _pose(face),
            }
            for face in faces
        ]
    }
    return _Part(figures, details, [picture_tile(draw_faces(photograph, faces, analyzer.parser.template))])


def _pose(face: Face) -> list[float]:
    assert face.pose is not None
    return [round(v, 1) for v in (face.pose.yaw_degrees, face.pose.pitch_degrees, face.pose.roll_degrees)]


def _mean(values: Any) -> float | None:
    """Mean, or None where there is nothing to measure."""
    return float(np.mean(values)) if len(values) else None
