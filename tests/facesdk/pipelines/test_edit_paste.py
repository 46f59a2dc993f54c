"""An edit in its photograph, over crops whose parts are drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.faces.parse import Part
from facesdk.pipelines.edit_paste import EditedCrop, edit_colors, edit_mask, paste_edit

S = 64
FACE = (slice(16, 48), slice(16, 48))
SPOT = (slice(28, 36), slice(28, 36))
rng = np.random.default_rng(0)


def parts(background: bool = True) -> np.ndarray:
    """A face in the middle; around it background, or more face."""
    out = np.zeros((5, S, S), np.float32)
    out[Part.BACKGROUND if background else Part.FACE] = 1.0
    out[(slice(None), *FACE)] = 0.0
    out[(Part.FACE, *FACE)] = 1.0
    return out


def crop(**changes: object) -> EditedCrop:
    """The photograph has detail and is 20 levels brighter than its code; nothing is edited yet."""
    before = np.full((S, S, 3), 100, np.uint8)
    photograph = (before + 20 + rng.integers(-8, 9, before.shape)).astype(np.uint8)
    same = EditedCrop(photograph, before, before.copy(), np.stack([parts()] * 3))
    return replace(same, **changes)


def painted(place: tuple[slice, slice], levels: int = 60) -> np.ndarray:
    after = np.full((S, S, 3), 100, np.uint8)
    after[place] += levels
    return after


def test_an_edit_that_changes_nothing_leaves_the_picture_as_it_is():
    image = rng.integers(0, 256, (90, 80, 3)).astype(np.uint8)
    out, mask = paste_edit(image, crop(), np.array([[1, 0, -10], [0, 1, -12]], np.float32))
    np.testing.assert_array_equal(out, image)
    assert mask.shape == (90, 80) and not mask.any()


def test_only_what_changed_is_painted_and_lands_in_its_place():
    image = np.zeros((90, 80, 3), np.uint8)
    out, mask = paste_edit(image, crop(after=painted(SPOT)), np.array([[1, 0, -10], [0, 1, -12]], np.float32))
    assert mask[12 + 32, 10 + 32] > 0.95
    # The spot's neighbourhood, and no more of the face.
    assert mask[12 + 18, 10 + 18] == 0.0 and mask.sum() < 2.5 * 8**2 + 200
    assert np.abs(out[44, 42].astype(int) - 180).max() < 12
    np.testing.assert_array_equal(out[mask == 0], image[mask == 0])


def test_the_backdrop_behind_the_face_stays_and_what_is_put_before_it_shows():
    everywhere = painted((slice(None), slice(None)))
    mask = edit_mask(crop(after=everywhere))
    assert mask[32, 32] > 0.99 and mask[32, 8] < 0.02
    # A hat that the edit makes where there was background.
    hat = parts()
    hat[Part.BACKGROUND, 8:16, 16:48], hat[Part.OCCLUDER, 8:16, 16:48] = 0.0, 1.0
    mask = edit_mask(crop(after=everywhere, parts=np.stack([parts(), parts(), hat])))
    assert mask[12, 32] > 0.8 and mask[32, 8] < 0.02
    # And nothing is known of the parts in some packs.
    assert edit_mask(crop(after=everywhere, parts=None))[32, 12] > 0.9


@pytest.mark.parametrize(
    ("in_code", "in_edit", "shows"),
    # A hand that the code cannot make; a hat that stays; a hat that is taken off.
    [(False, False, False), (True, True, False), (True, False, True)],
)
def test_what_stands_in_front_stays_unless_the_edit_took_it_away(in_code: bool, in_edit: bool, shows: bool):
    front = parts()
    front[(Part.FACE, *SPOT)], front[(Part.OCCLUDER, *SPOT)] = 0.0, 1.0
    found = np.stack([front, front if in_code else parts(), front if in_edit else parts()])
    mask = edit_mask(crop(after=painted(FACE), parts=found))
    assert (mask[32, 32] > 0.95) == shows and (mask[32, 32] < 0.05) != shows
    assert mask[22, 22] > 0.9


def test_the_photographs_light_is_kept_and_its_detail_where_nothing_moved():
    first = crop()
    detail = first.photograph.astype(float) - 120
    # A change of colour alone: the whole crop, so that no edge moves.
    colors = edit_colors(replace(first, after=painted((slice(None), slice(None)), 50)))
    inside = (slice(24, 40), slice(24, 40))
    np.testing.assert_allclose(colors[inside], 170 + detail[inside], atol=2.0)
    # A change of structure: stripes. The light stays, the detail goes.
    stripes = first.before.copy()
    stripes[:, ::4] += 60
    colors = edit_colors(replace(first, after=stripes))
    np.testing.assert_allclose(colors[inside], stripes[inside] + 20.0, atol=3.0)


def test_colours_stay_in_range():
    bright = np.full((S, S, 3), 250, np.uint8)
    colors = edit_colors(crop(after=bright))
    assert colors.max() <= 255.0 and colors.min() >= 0.0
