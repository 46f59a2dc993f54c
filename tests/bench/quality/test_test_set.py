from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.quality.test_set import Arrays, SwapSetOptions, file_name, load_test_set
from facesdk.errors import InputError
from facesdk.faces.align import crop_matrix
from train.data.face_world.sample import SPLITS


def test_the_same_options_are_the_same_bytes(
    tiny_set: tuple[Arrays, Arrays], tiny_options: SwapSetOptions, tmp_path: Path
) -> None:
    again = load_test_set(tmp_path, tiny_options, workers=1)
    for one, other in zip(tiny_set, again):
        assert set(one) == set(other)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert [path.name for path in tmp_path.iterdir()] == [file_name(tiny_options)]
    other_seed = load_test_set(tmp_path, replace(tiny_options, seed=8), workers=1)
    assert not np.array_equal(other_seed[0]["target"], tiny_set[0]["target"])


def test_what_it_holds(tiny_set: tuple[Arrays, Arrays], tiny_options: SwapSetOptions) -> None:
    triplets, gallery = tiny_set
    assert triplets["target"].shape == (3, 64, 64, 3) and triplets["exact_landmarks"].shape == (3, 68, 2)
    assert sorted(gallery["identity"]) == list(SPLITS["test"][:4])
    assert set(triplets["identity"]) <= set(gallery["identity"])
    assert (triplets["identity"] != triplets["target_identity"]).all()
    for name in ("exact", "recoloured", "source"):
        assert (np.abs(triplets[name].astype(int) - triplets["target"]).mean((1, 2, 3)) > 0.5).all()
    # The exact swap keeps the target's picture around the head, the recolouring its geometry too.
    assert np.array_equal(triplets["exact"][:, :4, :4], triplets["target"][:, :4, :4])
    step = lambda name: np.abs(triplets[name].astype(int) - triplets["exact"]).mean((1, 2, 3))  # noqa: E731
    assert (step("target") > 0).all() and (step("recoloured") > 0).all()


def test_the_middle_of_a_picture_is_the_aligned_crop(
    tiny_set: tuple[Arrays, Arrays], tiny_options: SwapSetOptions
) -> None:
    # A crop that was aligned once needs no more than the shift to the middle.
    wanted = np.array([[1, 0, -16], [0, 1, -16]])
    for marks in [*tiny_set[0]["source_landmarks"], *tiny_set[1]["landmarks"]]:
        assert np.allclose(crop_matrix(marks, "canon", tiny_options.crop_px), wanted, atol=0.02)


def test_other_options_and_damage_are_errors(tiny_folder: Path, tiny_options: SwapSetOptions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hair_strands 200 there, 300 asked"):
        load_test_set(tiny_folder, replace(tiny_options, hair_strands=300), workers=1)
    path = tmp_path / file_name(tiny_options)
    data = (tiny_folder / path.name).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        load_test_set(tmp_path, tiny_options, workers=1)


@pytest.mark.parametrize("wrong", [{"identities": 3}, {"triplets": 0}, {"members": 1}, {"heads": ()}])
def test_options_that_make_no_set(wrong: dict[str, object], tiny_options: SwapSetOptions) -> None:
    with pytest.raises(InputError):
        replace(tiny_options, **wrong)  # type: ignore[arg-type]


def test_a_head_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESDK_FACEKIT", raising=False)
    with pytest.raises(InputError, match="FACESDK_FACEKIT"):
        SwapSetOptions(("own", "facekit"))
