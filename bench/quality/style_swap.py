"""Quality of the swap: the pack between the unchanged target, the classic swap, a recolouring and the exact swap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench.quality.baselines import classic_swap
from bench.quality.faces import NEAR_YAW_DEGREES
from bench.quality.groups import Measure, group_tables, swap_axes
from bench.quality.judge import load_judge
from bench.quality.likeness import Readings, likeness_figures
from bench.quality.scores import TOP, Embed, Locate, Scorer, Scores, SwapRows
from bench.quality.shape_reader import neutral_shapes, shape_correlation
from bench.quality.swap_readers import SwapReaders, Turn, expression_error, pose_error_degrees
from bench.quality.swap_sheet import swap_sheet
from bench.quality.test_set import Arrays, SwapSetOptions, load_test_set
from bench.quality.worlds import auc_by_head, world_label
from bench.report import BenchReport, Figure
from facesdk.consent import Consent
from facesdk.enrolment import CROP_SCALE, CROP_SIZE
from facesdk.faces.align import crop_matrix, five_points, warp_crop
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.boxes import face_box
from facesdk.faces.landmarks import Landmarker
from facesdk.identity import Identity
from facesdk.ops.blend import paste
from facesdk.pack import Pack
from facesdk.pipelines.style_swap import FAMILY, StyleSwapPipeline
from facesdk.stopwatch import Stopwatch
from facesdk.types import Face
from train.data.face_world.sample import HEADS
from train.evaluate import normalised_error

U8 = NDArray[np.uint8]
METRICS = {
    "psnr_changed": ("PSNR to the exact swap, changed region", "dB"),
    "psnr_hull": ("PSNR to the exact swap, landmark hull", "dB"),
    "top1": ("top-1 in a gallery of {people}", ""),
    "top5": ("top-5 in a gallery of {people}", ""),
    "top5_tone": ("top-5 among the 20 nearest in skin tone", ""),
    "target_top5": ("the target's person in the top-5", ""),
    "landmark_error": ("landmarks to the exact swap's", ""),
    "detail": ("fine detail in the landmark hull", "levels"),
}


@dataclass(frozen=True)
class SwapQuality:
    """A report and the pictures behind it."""

    report: BenchReport
    sheet: U8


def measure_swaps(
    pack: Pack,
    data: Path,
    options: SwapSetOptions,
    judge: Embed | None = None,
    backend: str = "auto",
    workers: int = 2,
    readers: SwapReaders | None = None,
) -> SwapQuality:
    """Measures a pack.

    Args:
        pack: open pack with style_swap and faces.
        data: folder that keeps the rendered test set.
        options: of the test set.
        judge: recogniser on pictures and landmarks; by default the repository's.
        backend: runtime backend.
        workers: processes that render the test set on first use.
        readers: of shape and expression; by default none, and those figures are not measured.
    """
    judge, readers = judge or load_judge(), readers or SwapReaders()
    with FaceAnalyzer(pack, backend) as analyzer:
        pipeline = StyleSwapPipeline(pack, analyzer.parser, backend, landmarker=analyzer.landmarker)
        locate = landmark_net(analyzer)
        triplets, gallery = load_test_set(data, options, workers)
        swapped, outside = run_pipeline(pipeline, analyzer.landmarker, triplets, pack.name)
        # Not judged: the second picture is the one that the gallery knows the person by.
        learnt_twice, _ = run_pipeline(pipeline, analyzer.landmarker, triplets, pack.name, gallery)
        methods = {
            "unchanged": triplets["target"],
            "classic": _classic(triplets),
            "recoloured": triplets["recoloured"],
            "swap": swapped,
            "exact": triplets["exact"],
        }
        scorer = Scorer(triplets, gallery, judge, locate)
        rows = {name: scorer.rows(pictures) for name, pictures in methods.items()}
        points_twice = locate(learnt_twice, triplets["exact_landmarks"])
        turn = pose_net(analyzer)
        turned, turned_exact = (turn(methods[name], triplets["exact_landmarks"]) for name in ("swap", "exact"))
    scores = {name: found.mean() for name, found in rows.items()}
    people = np.concatenate([triplets["source"], gallery["rgb"]])
    marks = np.concatenate([triplets["source_landmarks"], gallery["landmarks"]])
    auc = auc_by_head(judge(people, marks), np.concatenate([triplets["identity"], gallery["identity"]]))
    gain_db = rows["swap"].psnr_changed - rows["unchanged"].psnr_changed
    gains = gains_by_group(gain_db, triplets)
    gain_twice = float(np.nanmean(scorer.psnr_hull(learnt_twice) - rows["unchanged"].psnr_hull))
    error_twice = float(normalised_error(points_twice, scorer.exact_points).mean())
    equal = bool((swapped == triplets["target"])[outside].all())
    mean_auc = float(np.mean(list(auc.values()))) if auc else None
    expression = (
        expression_error(readers.classify, swapped, triplets["exact"], options.crop_px) if readers.classify else None
    )
    readings = Readings(
        shape=_shape_correlations(readers, rows, triplets),
        pose_degrees=float(pose_error_degrees(turned, turned_exact).mean()),
        expression=None if expression is None else float(expression.mean()),
    )
    figures = swap_figures(scores, equal, mean_auc) + likeness_figures(scores, readings, mean_auc)
    near_error = near_mean(rows["swap"].landmark_error, triplets["yaw"])
    figures.append(Figure("landmarks to the exact swap's, target's yaw within 45", near_error, better="lower"))
    figures += [
        Figure("gain in the landmark hull, two pictures of the source", gain_twice, "dB"),
        Figure("landmarks to the exact swap's, two pictures of the source", error_twice, better="lower"),
    ]
    for head in options.heads:
        label = world_label(pack.manifest.training, FAMILY, head)
        figures.append(Figure(f"gain in the changed region, {label}", gains.get(f"head {head}"), "dB"))
    figures += method_figures(scores, len(gallery["identity"]))
    net_error = float(normalised_error(scorer.exact_points, triplets["exact_landmarks"]).mean())
    report = BenchReport(
        f"Quality of style_swap, pack {pack.name}: {len(swapped)} swaps of {len(gallery['identity'])} unseen people",
        figures,
        {
            "pack": pack.name,
            "pack_version": pack.manifest.version,
            "backend": pipeline.backend,
            "heads": list(options.heads),
            "identities": len(gallery["identity"]),
            "triplets": len(swapped),
            "seed": options.seed,
        },
        {
            "gain_changed_db_by_group": gains,
            "groups": group_tables(swap_axes(triplets), _group_measures(rows)),
            "judge_auc_by_head": auc,
            "shape_reader_held_out": None if readers.shape is None else readers.shape.held_out,
            "landmark_net_to_truth_on_exact": net_error,
            "share_outside_mask": float(outside.mean()),
        },
    )
    return SwapQuality(report, swap_sheet({"source": triplets["source"], "target": triplets["target"], **methods}))


def known_face(landmarks: NDArray[np.floating]) -> Face:
    """A face whose points are the truth, so that the swap is measured and not the detector."""
    return Face(face_box(landmarks), 1.0, five_points(landmarks), landmarks.astype(np.float32))


def known_identity(pictures: Sequence[tuple[U8, NDArray[np.floating]]], pack: str) -> Identity:
    """An identity cut at true landmarks; the swap reads its crops only, the embedding is a placeholder direction.

    Args:
        pictures: of one person, with their landmarks.
        pack: name.
    """
    crops = [warp_crop(rgb, crop_matrix(marks, "canon", CROP_SIZE, CROP_SCALE), CROP_SIZE) for rgb, marks in pictures]
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    return Identity(embedding, np.stack(crops), Consent.synthetic(), pack)


def run_pipeline(
    pipeline: StyleSwapPipeline, landmarker: Landmarker, triplets: Arrays, pack: str, more: Arrays | None = None
) -> tuple[U8, NDArray[np.bool_]]:
    """Every triplet through the pipeline and the paste, as `FaceSwapper.swap` does it.

    Args:
        pipeline: of the pack.
        landmarker: of the pack; the target's landmarks are what it finds, for the swap may draw after them.
        triplets: of `load_test_set`.
        pack: its name.
        more: gallery of `load_test_set`, whose picture of the source is learnt too.

    Returns:
        Results (N, H, W, 3) uint8, and where the mask was 0, (N, H, W) bool.
    """
    results, outside = [], []
    for index in track(range(len(triplets["target"])), "swap"):
        target = triplets["target"][index]
        pictures = [(triplets["source"][index], triplets["source_landmarks"][index])]
        if more is not None:
            row = int(np.flatnonzero(more["identity"] == triplets["identity"][index])[0])
            pictures.append((more["rgb"][row], more["landmarks"][row]))
        identity = known_identity(pictures, pack)
        (face,) = landmarker.locate(target, [known_face(triplets["target_landmarks"][index])])
        swap = pipeline.swap(target, [(face, identity)], Stopwatch())[0]
        picture, mask, _ = paste(target, swap.crop, swap.mask, swap.matrix)
        results.append(picture)
        outside.append(mask == 0)
    return np.stack(results), np.stack(outside)


def landmark_net(analyzer: FaceAnalyzer) -> Locate:
    """The pack's landmark network on boxes around known landmarks."""

    def locate(pictures: U8, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        found = []
        for picture, marks in zip(pictures, landmarks):
            points = analyzer.landmarker.locate(picture, [known_face(marks)])[0].landmarks
            assert points is not None
            found.append(points)
        return np.stack(found)

    return locate


def pose_net(analyzer: FaceAnalyzer) -> Turn:
    """The pack's landmark network on boxes around known landmarks, asked for the head pose."""

    def turn(pictures: U8, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        poses = []
        for picture, marks in zip(pictures, landmarks):
            pose = analyzer.landmarker.locate(picture, [known_face(marks)])[0].pose
            assert pose is not None
            poses.append((pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees))
        return np.array(poses, np.float32)

    return turn


def swap_figures(scores: dict[str, Scores], outside_equal: bool, judge_auc: float | None) -> list[Figure]:
    """The figures that have bounds; the classic swap and the unchanged target of the same run set some of them."""
    swap, unchanged, classic, exact = (scores[name] for name in ("swap", "unchanged", "classic", "exact"))
    changed, hull = swap.psnr_changed - unchanged.psnr_changed, swap.psnr_hull - unchanged.psnr_hull
    share = swap.top5 / exact.top5 if exact.top5 else None
    # Above the classic swap's, not as high. A judge that does not know the exact swap itself measures nothing.
    least = math.nextafter(classic.top5 / exact.top5, math.inf) if exact.top5 else 0.0
    furthest = min(0.08, unchanged.landmark_error)
    return [
        Figure("PSNR to the exact swap, changed region, gain over the target", changed, "dB", 3.5, 6),
        Figure("PSNR to the exact swap, landmark hull, gain over the target", hull, "dB", 3.5, 6),
        Figure("identity: top-5 as a share of the exact swap's (must: above the classic swap)", share, "", least, 0.6),
        Figure("landmarks to the exact swap's, RMS / interocular", swap.landmark_error, "", furthest, 0.04, "lower"),
        Figure("pixels outside the mask equal to the target's", float(outside_equal), "", 1),
        Figure("judge, verification AUC on unseen people", judge_auc, "", 0.95, 0.99),
    ]


def method_figures(scores: dict[str, Scores], people: int) -> list[Figure]:
    """Every method's scores, metric by metric."""
    return [
        Figure(
            f"{text.format(people=people)}: {name}",
            getattr(values, metric),
            unit,
            better="lower" if metric in ("landmark_error", "target_top5") else "higher",
        )
        for metric, (text, unit) in METRICS.items()
        for name, values in scores.items()
    ]


def near_mean(values: NDArray[np.floating], yaw_degrees: NDArray[np.floating]) -> float | None:
    """Mean over the faces that look this way; None of none. Beyond, the distance of the eyes goes to zero."""
    near = np.abs(yaw_degrees) <= NEAR_YAW_DEGREES
    return float(values[near].mean()) if near.any() else None


def gains_by_group(gain: NDArray[np.floating], triplets: Arrays) -> dict[str, float]:
    """Mean gain over the unchanged target for groups of people and settings; groups without a swap are left out.

    Args:
        gain: (N,) dB.
        triplets: of `load_test_set`.
    """
    tone, turn, age = triplets["tone"], np.abs(triplets["yaw"]), triplets["age"]
    apart = np.abs(tone - triplets["target_tone"])
    groups = {
        "source light": tone < 0.33,
        "source medium": (tone >= 0.33) & (tone < 0.67),
        "source dark": tone >= 0.67,
        "tones alike": apart < 0.2,
        "tones apart": apart >= 0.5,
        "target yaw under 20": turn < 20,
        "target yaw 20 and more": turn >= 20,
        "target with glasses": triplets["glasses"],
        "source younger": age < 0.5,
        "source older": age >= 0.5,
        **{f"head {name}": triplets["head"] == index for index, name in enumerate(HEADS)},
    }
    return {name: float(np.nanmean(gain[rows])) for name, rows in groups.items() if np.isfinite(gain[rows]).any()}


def _group_measures(rows: dict[str, SwapRows]) -> list[Measure]:
    gain = rows["swap"].psnr_hull - rows["unchanged"].psnr_hull
    return [
        Measure("PSNR gain, landmark hull", gain, "dB"),
        Measure("identity in the top-5", (rows["swap"].rank < TOP).astype(np.float64)),
        Measure("landmarks to the exact swap's", rows["swap"].landmark_error, better="lower"),
        # What the judge can tell of this group at all.
        Measure("exact swap in the top-5", (rows["exact"].rank < TOP).astype(np.float64), judged=False),
    ]


def _shape_correlations(readers: SwapReaders, rows: dict[str, SwapRows], triplets: Arrays) -> dict[str, float]:
    """Method -> correlation of the shape that is read off its pictures with the source's true one."""
    if readers.shape is None:
        return {}
    reader, heads = readers.shape, triplets["head"]
    true = reader.project(neutral_shapes(triplets["identity"]), heads)
    return {name: shape_correlation(reader.read(found.embeddings, heads), true, heads) for name, found in rows.items()}


def _classic(triplets: Arrays) -> U8:
    names = ("source", "source_landmarks", "target", "target_landmarks")
    return np.stack([classic_swap(*row) for row in zip(*(triplets[name] for name in names))])
