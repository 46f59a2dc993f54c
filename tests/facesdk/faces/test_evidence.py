"""Two nets' word on one face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facesdk.errors import PackError
from facesdk.faces.evidence import Evidence
from facesdk.types import Face

RULE = Evidence(candidate_score=0.3, presence_weight=0.5, threshold=0.0)


def test_a_weak_box_needs_a_sure_crop_and_the_other_way_round() -> None:
    # logit(0.2) = -ln 4 and logit(16 / 17) = ln 16: half of it is ln 4, exactly enough.
    assert RULE.enough(0.2, 16 / 17 + 1e-6) and not RULE.enough(0.2, 16 / 17 - 1e-6)
    assert RULE.enough(0.8 + 1e-6, 1 / 17) and not RULE.enough(0.8 - 1e-6, 1 / 17)
    assert RULE.enough(0.5, 0.5 + 1e-9) and not RULE.enough(0.5, 0.5 - 1e-6)


def test_certainty_of_one_net_is_finite() -> None:
    strict = replace(RULE, threshold=20.0)
    assert not strict.enough(1.0, 1.0)
    assert RULE.enough(1.0, 1e-3) and not RULE.enough(0.001, 0.9)


def test_faces_keep_their_order_and_pass_where_presence_is_not_told() -> None:
    def face(score: float, presence: float | None) -> Face:
        return Face(np.zeros(4, np.float32), score, np.zeros((5, 2), np.float32), presence=presence)

    faces = [face(0.9, 0.9), face(0.1, 0.2), face(0.05, None), face(0.6, 0.6)]
    assert [each.score for each in RULE.sure(faces)] == [0.9, 0.05, 0.6]


def test_the_rule_is_read_from_a_packs_landmark_crop() -> None:
    rule = {"candidate_score": 0.3, "presence_weight": 0.5, "threshold": 0.36}
    assert Evidence.read({"size": 128, "evidence": rule}) == Evidence(0.3, 0.5, 0.36)
    assert Evidence.read({"size": 128}) is None
    assert Evidence.read({"evidence": {**rule, "candidate_iou": 0.6}}) == Evidence(0.3, 0.5, 0.36, 0.6)
    for broken in ({}, {**rule, "threshold": "much"}, {**rule, "candidate_iou": "much"}, 3):
        with pytest.raises(PackError, match="evidence"):
            Evidence.read({"evidence": broken})
