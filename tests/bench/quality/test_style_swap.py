from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.quality.scores import CAP_DB, Scores
from bench.quality.style_swap import gains_by_group, measure_swaps, near_mean, swap_figures
from bench.quality.swap_sheet import COLUMNS, HEADER_PX
from bench.quality.test_set import Arrays, SwapSetOptions
from facesdk.ops.blend import paste
from facesdk.pack import Pack

SCORES = Scores(20.0, 21.0, 0.1, 0.2, 0.3, 0.4, 0.05, 2.0)


def _judge(pictures: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    return pictures[:, 16:48:4, 16:48:4].reshape(len(pictures), -1).astype(np.float32) - 100


def test_the_fake_pack_end_to_end(
    pack: Pack, tiny_folder: Path, tiny_options: SwapSetOptions, tiny_set: tuple[Arrays, Arrays], tmp_path: Path
) -> None:
    quality = measure_swaps(pack, tiny_folder, tiny_options, _judge, "onnxruntime", 1)
    values = {figure.name: figure for figure in quality.report.figures}
    assert values["pixels outside the mask equal to the target's"].value == 1
    for metric in ("PSNR to the exact swap, changed region", "PSNR to the exact swap, landmark hull"):
        gain = values[f"{metric}, gain over the target"]
        assert gain.value == pytest.approx(values[f"{metric}: swap"].value - values[f"{metric}: unchanged"].value)
        assert values[f"{metric}: exact"].value == CAP_DB and (gain.must, gain.aim) == (3.5, 6)
    # The fake landmark network sees the same points in every picture of one box.
    assert values["landmarks to the exact swap's: swap"].value == 0
    assert values["landmarks to the exact swap's: exact"].value == 0
    assert values["landmarks to the exact swap's, target's yaw within 45"].better == "lower"
    gains = quality.report.details["gain_changed_db_by_group"]
    assert gains["head own"] == pytest.approx(
        values["PSNR to the exact swap, changed region, gain over the target"].value
    )
    assert values["gain in the changed region, head own"].value == gains["head own"]
    # The fake swap paints a flat colour: that is seen in the sheet, and no worse than nothing anywhere else.
    shown = quality.sheet[HEADER_PX : HEADER_PX + 64]
    assert shown.shape == (64, 64 * len(COLUMNS), 3) and np.array_equal(shown[:, :64], tiny_set[0]["source"][0])
    swap = shown[:, 64 * COLUMNS.index("swap") :][:, :64]
    assert swap[28:36, 28:36].std((0, 1)).max() < 4 < tiny_set[0]["target"][0][28:36, 28:36].std((0, 1)).max()
    quality.report.write(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["settings"]["backend"] == "onnxruntime-cpu"


def test_turned_away_faces_are_left_out_of_the_near_mean() -> None:
    assert near_mean(np.array([1.0, 3.0, 100.0, 50.0]), np.array([-45.0, 10.0, 46.0, -80.0])) == 2.0
    assert near_mean(np.array([1.0]), np.array([90.0])) is None


def test_a_changed_pixel_outside_the_mask_is_seen(
    pack: Pack, tiny_folder: Path, tiny_options: SwapSetOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaky(*arguments: object) -> object:
        picture, mask, roi = paste(*arguments)  # type: ignore[arg-type]
        picture[0, 0, 0] ^= 1
        return picture, mask, roi

    monkeypatch.setattr("bench.quality.style_swap.paste", leaky)
    report = measure_swaps(pack, tiny_folder, tiny_options, _judge, "onnxruntime", 1).report
    figure = next(f for f in report.figures if f.name.startswith("pixels outside"))
    assert figure.value == 0 and figure.ok is False


def _figures(swap: Scores, classic: Scores = SCORES, exact: Scores = SCORES) -> list[bool | None]:
    scores = {"unchanged": SCORES, "classic": classic, "recoloured": SCORES, "swap": swap, "exact": exact}
    return [figure.ok for figure in swap_figures(scores, True, 0.96)]


def test_an_unchanged_target_gains_nothing() -> None:
    scores = dict.fromkeys(("unchanged", "classic", "recoloured", "swap", "exact"), SCORES)
    figures = swap_figures(scores, True, 0.96)
    assert [figures[0].value, figures[1].value] == [0, 0] and figures[0].ok is False


def test_musts_follow_the_baselines_of_the_run() -> None:
    exact = replace(SCORES, top5=0.8)
    good = Scores(23.5, 24.5, 0.2, 0.201, 0.3, 0.0, 0.05, 2.0)
    assert _figures(good, exact=exact) == [True] * 6
    # As high as the classic swap is not above it.
    assert _figures(replace(good, top5=0.2), exact=exact)[2] is False
    # A judge that does not know the exact swap measures nothing.
    assert _figures(good, exact=replace(exact, top5=0.0))[2] is False
    # Within 8 %, but farther off than the unchanged target.
    assert _figures(replace(good, landmark_error=0.06), exact=exact)[3] is False
    share = swap_figures({**dict.fromkeys(("unchanged", "classic"), SCORES), "swap": good, "exact": exact}, True, None)[
        2
    ]
    assert share.value == pytest.approx(0.201 / 0.8) and share.must == pytest.approx(0.25) and share.aim == 0.6


def test_groups() -> None:
    triplets = {
        "tone": np.array([0.1, 0.5, 0.9]), "target_tone": np.array([0.1, 0.5, 0.1]), "yaw": np.array([-30.0, 5, 5]),
        "age": np.array([0.2, 0.2, 0.8]), "glasses": np.array([False, False, False]), "head": np.array([0, 0, 1]),
    }  # fmt: skip
    gains = gains_by_group(np.array([1.0, 2.0, np.nan]), triplets)
    assert gains == {
        "source light": 1, "source medium": 2, "tones alike": 1.5, "target yaw under 20": 2,
        "target yaw 20 and more": 1, "source younger": 1.5, "head own": 1.5,
    }  # fmt: skip
