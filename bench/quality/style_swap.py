"""Quality of the swap: the pack against the unchanged target, the classic swap, a perfect recolouring and the exact swap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench.quality.baselines import classic_swap
from bench.quality.judge import load_judge
from bench.quality.scores import Scores, changed_region, score
from bench.quality.test_set import Arrays, TestSetOptions, load_test_set
from bench.report import BenchReport, Figure
from facesdk.consent import Consent
from facesdk.faces.align import crop_matrix, five_points, warp_crop
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.identity import CROP_SCALE, CROP_SIZE, Identity
from facesdk.ops.blend import paste
from facesdk.pack import Pack
from facesdk.pipelines.style_swap import StyleSwapPipeline
from facesdk.stopwatch import Stopwatch
from facesdk.types import Face
from train.data.scenes import face_box
from train.evaluate import psnr, verification_auc

U8 = NDArray[np.uint8]
SHOWN = ("source", "target", "exact", "swap", "classic", "recoloured")


@dataclass(frozen=True)
class SwapQuality:
    """A report and the pictures behind it."""

    report: BenchReport
    sheet: U8


def known_face(landmarks: NDArray[np.floating]) -> Face:
    """A face whose points are the truth, so that the swap is measured and not the detector."""
    return Face(
        box=face_box(landmarks), score=1.0, points=five_points(landmarks), landmarks=landmarks.astype(np.float32)
    )


def known_identity(picture: U8, landmarks: NDArray[np.floating], pack: str) -> Identity:
    """An identity cut at true landmarks; the swap reads its crops only."""
    crop = warp_crop(picture, crop_matrix(landmarks, "canon", CROP_SIZE, CROP_SCALE), CROP_SIZE)
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    return Identity(embedding, crop[None], Consent.synthetic(), pack)


def run_pipeline(pack: Pack, triplets: Arrays, backend: str) -> tuple[U8, NDArray[np.bool_]]:
    """Every triplet through the pack.

    Returns:
        Results (N, H, W, 3) uint8, and where the mask was 0, (N, H, W) bool.
    """
    pipeline = StyleSwapPipeline(pack, FaceAnalyzer(pack, backend).parser, backend)
    results, outside = [], []
    for index in track(range(len(triplets["target"])), "swap"):
        target = triplets["target"][index]
        identity = known_identity(triplets["source"][index], triplets["source_landmarks"][index], pack.name)
        face = known_face(triplets["target_landmarks"][index])
        swapped = pipeline.swap(target, [(face, identity)], Stopwatch())[0]
        picture, mask, _ = paste(target, swapped.crop, swapped.mask, swapped.matrix)
        results.append(picture)
        outside.append(mask == 0)
    return np.stack(results), np.stack(outside)


def landmark_net(pack: Pack, backend: str) -> Callable[[U8, NDArray[np.floating]], NDArray[np.float32]]:
    """The pack's landmark net on boxes around known landmarks."""
    landmarker = FaceAnalyzer(pack, backend).landmarker

    def locate(pictures: U8, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.stack(
            [
                landmarker.locate(picture, [known_face(marks)])[0].landmarks
                for picture, marks in zip(pictures, landmarks)
            ]
        )

    return locate


def measure(
    pack: Pack,
    data: Path,
    options: TestSetOptions,
    backend: str = "auto",
    judge_run: Path | None = None,
    workers: int = 2,
) -> SwapQuality:
    """Measures a pack.

    Args:
        pack: open pack with style_swap and faces.
        data: folder that keeps the rendered test set.
        options: of the test set.
        backend: runtime backend.
        judge_run: run folder of the judge; by default the repository's.
        workers: processes that render the test set on first use.
    """
    triplets, gallery = load_test_set(data, options, workers)
    judge = load_judge(judge_run) if judge_run else load_judge()
    locate = landmark_net(pack, backend)
    swapped, outside = run_pipeline(pack, triplets, backend)
    classic = np.stack(
        [
            classic_swap(s, sl, t, tl)
            for s, sl, t, tl in zip(
                triplets["source"], triplets["source_landmarks"], triplets["target"], triplets["target_landmarks"]
            )
        ]
    )
    embeddings = judge(gallery["rgb"], gallery["landmarks"])
    methods = {
        "unchanged": triplets["target"], "classic": classic, "recoloured": triplets["recoloured"], "swap": swapped,
        "exact": triplets["exact"],
    }  # fmt: skip
    scores = {name: score(pictures, triplets, gallery, embeddings, judge, locate) for name, pictures in methods.items()}
    equal = bool((swapped == triplets["target"])[outside].all())
    people = np.concatenate([triplets["source"], gallery["rgb"]])
    marks = np.concatenate([triplets["source_landmarks"], gallery["landmarks"]])
    names = np.concatenate([triplets["identity"], gallery["identity"]])
    auc = verification_auc(judge(people, marks), names)
    report = BenchReport(
        f"Quality of style_swap, pack {pack.name}, {len(swapped)} swaps of {options.identities} unseen people",
        [*_figures(scores, equal, auc), *_baselines(scores)],
        {
            "heads": list(options.heads),
            "identities": options.identities,
            "triplets": len(swapped),
            "seed": options.seed,
            "backend": backend,
        },
        {"by_group": _by_group(swapped, triplets)},
    )
    return SwapQuality(report, _sheet(methods, triplets))


def _figures(scores: dict[str, Scores], outside_equal: bool, auc: float) -> list[Figure]:
    swap, unchanged, classic, exact = (scores[name] for name in ("swap", "unchanged", "classic", "exact"))
    share = swap.top5 / exact.top5 if exact.top5 else None
    classic_share = classic.top5 / exact.top5 if exact.top5 else None
    limit = min(0.08, unchanged.landmark_error)
    return [
        Figure(
            "PSNR to the exact swap, changed region, gain over the target",
            swap.psnr_changed - unchanged.psnr_changed,
            "dB",
            3.5,
            6,
        ),
        Figure(
            "PSNR to the exact swap, landmark hull, gain over the target",
            swap.psnr_hull - unchanged.psnr_hull,
            "dB",
            3.5,
            6,
        ),
        Figure("identity: top-5 as a share of the exact swap's", share, "", classic_share, 0.6),
        Figure("landmarks to the exact swap's, RMS / interocular", swap.landmark_error, "", limit, 0.04, "lower"),
        Figure("pixels outside the mask equal to the target", float(outside_equal), "", 1),
        Figure("judge, verification AUC on unseen people", auc, "", 0.95, 0.99),
    ]


def _baselines(scores: dict[str, Scores]) -> list[Figure]:
    rows = []
    for name, values in scores.items():
        rows += [
            Figure(f"{name}: PSNR changed region", values.psnr_changed, "dB"),
            Figure(f"{name}: PSNR landmark hull", values.psnr_hull, "dB"),
            Figure(f"{name}: top-1 of {100}", values.top1),
            Figure(f"{name}: top-5", values.top5),
            Figure(f"{name}: top-5 of 20 alike in tone", values.top5_tone),
            Figure(f"{name}: top-5 finds the target's person", values.target_top5),
            Figure(f"{name}: landmarks to the exact swap's", values.landmark_error),
        ]
    return rows


def _by_group(swapped: U8, triplets: Arrays) -> dict[str, float]:
    """Mean gain in dB over the unchanged target in the changed region, for groups of people and settings."""
    gains = []
    for result, target, exact in zip(swapped, triplets["target"], triplets["exact"]):
        region = changed_region(target, exact)
        gains.append(psnr(result, exact, region) - psnr(target, exact, region))
    gain = np.array(gains)
    groups = {
        "source light": triplets["tone"] < 0.33, "source medium": (triplets["tone"] >= 0.33) & (triplets["tone"] < 0.67),
        "source dark": triplets["tone"] >= 0.67, "target yaw under 20": np.abs(triplets["yaw"]) < 20,
        "target yaw 20 and more": np.abs(triplets["yaw"]) >= 20, "target with glasses": triplets["glasses"],
        "source younger": triplets["age"] < 0.5, "source older": triplets["age"] >= 0.5,
        **{f"head model {int(h)}": triplets["head"] == h for h in np.unique(triplets["head"])},
    }  # fmt: skip
    return {name: float(np.nanmean(gain[rows])) for name, rows in groups.items() if rows.any()}


def _sheet(methods: dict[str, U8], triplets: Arrays, rows: int = 12) -> U8:
    pictures = {"source": triplets["source"], "target": triplets["target"], **methods}
    step = max(1, len(triplets["target"]) // rows)
    lines = []
    for index in range(0, step * rows, step):
        if index < len(triplets["target"]):
            lines.append(np.hstack([pictures[name][index] for name in SHOWN]))
    sheet = np.vstack(lines)
    header = np.full((28, sheet.shape[1], 3), 24, np.uint8)
    for column, name in enumerate(SHOWN):
        cv2.putText(
            header, name, (column * 256 + 8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (235, 235, 235), 1, cv2.LINE_AA
        )
    return np.vstack([header, sheet])
