"""How large a picture is shown, and what the no-face error says."""

from __future__ import annotations

import pytest

from facesdk.errors import InputError
from facesdk.faces.search_plan import SearchPlan


def test_a_large_picture_is_shown_at_det_size_and_then_enlarged():
    plan = SearchPlan.of((1080, 1920))
    assert plan.scale == pytest.approx(640 / 1920)
    assert plan.enlarged_scale == pytest.approx(2 * 640 / 1920)
    assert plan.smallest_face_px == pytest.approx(24.0)


def test_a_small_picture_is_shown_as_it_is():
    plan = SearchPlan.of((200, 300))
    assert (plan.scale, plan.enlarged_scale, plan.smallest_face_px) == (1.0, 2.0, 8.0)


def test_large_faces_are_looked_for_at_a_second_scale():
    plan = SearchPlan.of((1080, 1920))
    assert plan.coarse_scale == pytest.approx(320 / 1920)
    assert SearchPlan.of((200, 220)).coarse_scale is None and SearchPlan.of((200, 221)).coarse_scale == 0.5
    # The try with a margin shows even a face as large as the picture at a size that the detector knows.
    assert plan.margin_scale * 1920 == pytest.approx(220)


def test_min_face_chooses_the_scale():
    assert SearchPlan.of((1080, 1920), min_face=32).scale == 0.5
    assert SearchPlan.of((1080, 1920), min_face=2).scale == pytest.approx(2048 / 1920)


def test_the_error_names_picture_size_and_tries():
    message = str(SearchPlan.of((1080, 1920)).no_face("party.jpg"))
    assert "no face found in party.jpg (1920x1080; smallest face searched: 24 px)." in message
    assert "Tried: whole picture, 2x enlarged, zoomed out, 4 rotations." in message
    assert "try --min-face 16 " in message


def test_the_error_gives_no_advice_that_would_not_help():
    message = str(SearchPlan.of((200, 300)).no_face("small.png"))
    assert "--min-face" not in message and "larger picture" in message


@pytest.mark.parametrize("options", [{"det_size": 16}, {"min_face": 0}, {"min_face": -3.0}])
def test_nonsense_is_refused(options: dict[str, float]):
    with pytest.raises(InputError):
        SearchPlan.of((100, 100), **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty"):
        SearchPlan.of((0, 5))
