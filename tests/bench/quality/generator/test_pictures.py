from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.quality.generator.pictures import GeneratorSet, load_generator_set
from facesdk.errors import InputError
from tests.bench.quality.generator.conftest import TINY_SET
from train.data.face_world.sample import SPLITS
from train.data.face_world.shards import load_shards
from train.data.face_world.types import Part


def test_what_it_holds(tiny_pictures: GeneratorSet, set_folder: Path) -> None:
    assert len(tiny_pictures) == 8 and tiny_pictures.people == 4
    assert set(tiny_pictures.arrays["identity"]) <= set(SPLITS["test"])
    stored = load_shards(set_folder / "latent_flow-own-i4-s7", "swap", "test")
    parts = stored["parts"]
    inside = (parts != Part.BACKGROUND) & (parts == np.roll(parts, 3, 1)) & (parts == np.roll(parts, -3, 1))
    inside &= (parts == np.roll(parts, 3, 2)) & (parts == np.roll(parts, -3, 2))
    # What is well inside of a person is as rendered, and what is behind is plain.
    assert (tiny_pictures.rgb[inside] == stored["rgb"][inside]).mean() > 0.99
    behind = tiny_pictures.rgb[:, :4][parts[:, :4] == Part.BACKGROUND].reshape(-1, 3)
    assert len(behind) and stored["rgb"][:, :4].std() > behind.std()
    assert tiny_pictures.face.any((1, 2)).all() and not tiny_pictures.face[parts == Part.BACKGROUND].any()


def test_the_same_pictures_each_time(tiny_pictures: GeneratorSet, set_folder: Path) -> None:
    again = load_generator_set(set_folder, TINY_SET, workers=1)
    assert np.array_equal(again.rgb, tiny_pictures.rgb)
    assert [path.name for path in set_folder.iterdir() if path.is_dir()] == ["latent_flow-own-i4-s7"]


def test_options_that_make_no_set(set_folder: Path) -> None:
    with pytest.raises(InputError, match="4 identities"):
        replace(TINY_SET, members=3)
    with pytest.raises(InputError, match="0 pictures"):
        replace(TINY_SET, pictures=0)
    with pytest.raises(InputError, match="other options"):
        load_generator_set(set_folder, replace(TINY_SET, hair_strands=300), workers=1)
