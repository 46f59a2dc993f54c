"""The table of attributes that occur together."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.attributes import Attribute, Vocabulary
from facesdk.errors import InputError, PackError
from facesdk.sampling.noise import share_after_noise
from facesdk.sampling.prior import LEAST_NEAR, AttributePrior

WORDS = Vocabulary(
    [
        Attribute("masculine", "scalar"),
        Attribute("beard", "flag"),
        Attribute("hat", "flag"),
        Attribute("hair", "choice", choices=("red", "bald")),
    ]
)
# Beards are men's; of hair under a hat nothing is known.
MEN = [{"masculine": 0.7 + 0.01 * i, "beard": True, "hat": i % 2 == 1} for i in range(10)]
ALL = [{"masculine": 0.1 * i, "beard": False, "hat": False, "hair": ("red", "bald")[i % 2]} for i in range(10)]
PRIOR = AttributePrior(WORDS, [*MEN, *ALL])


def said(rows: np.ndarray, name: str) -> np.ndarray:
    """Whether a row says anything of an attribute; what it leaves unknown must be 0 throughout."""
    known = rows[:, WORDS.known_slot(name)] == 1
    assert not rows[~known, WORDS.known_slot(name)].any() and not rows[~known, WORDS.value_slots(name)].any()
    return known


def test_without_a_wish_it_is_the_table():
    np.testing.assert_array_equal(PRIOR.beside({}), [WORDS.vector(row) for row in (*MEN, *ALL)])


def test_what_is_asked_is_left_to_the_wish_and_the_rest_stays():
    rows = PRIOR.beside({"masculine": 0.8})
    assert not said(rows, "masculine").any()
    for name in ("beard", "hat"):
        assert said(rows, name).all()
    np.testing.assert_array_equal(said(rows, "hair"), [False] * 10 + [True] * 10)
    np.testing.assert_array_equal(rows[:, WORDS.value_slots("beard")], PRIOR.beside({})[:, WORDS.value_slots("beard")])


def test_a_drawn_value_that_never_goes_with_the_wish_is_forgotten():
    rows = PRIOR.beside({"beard": True})
    # Beards were seen from 0.7 on, and 0.15 below is as good as 0.7.
    np.testing.assert_array_equal(said(rows, "masculine"), [*[True] * 10, *[0.1 * i >= 0.55 for i in range(10)]])
    assert said(rows, "hat").all()
    rows = PRIOR.beside({"hat": False, "masculine": 0.0})
    assert said(rows, "beard").all()


def test_few_rows_conclude_nothing():
    few = LEAST_NEAR - 1
    table = [{"hat": True, "hair": "red"}] * few + [{"hat": False, "hair": "bald"}] * 20
    assert said(AttributePrior(WORDS, table).beside({"hat": True}), "hair").all()
    enough = AttributePrior(WORDS, [*table, table[0]]).beside({"hat": True})
    np.testing.assert_array_equal(said(enough, "hair"), [True] * few + [False] * 20 + [True])


def test_the_manifest_keeps_two_decimals_and_what_is_unknown():
    prior = AttributePrior(WORDS, [{"masculine": 0.123456, "hair": "red"}, {"beard": False, "hat": True}])
    assert prior.to_manifest() == ["0.12,null,null,red", "null,0,1,null"]
    again = AttributePrior.from_manifest(WORDS, prior.to_manifest())
    assert again.to_manifest() == prior.to_manifest() and len(again) == 2
    np.testing.assert_allclose(again.beside({}), prior.beside({}), atol=0.011)


@pytest.mark.parametrize(
    "document", [[], ["0.5,0,1"], ["0.5,0,1,green"], ["2,0,1,red"], [3], None, {"rows": 1}, ["0.5,0,1,red,1"]]
)
def test_another_document_is_refused(document: object):
    with pytest.raises(PackError, match="prior of the attributes"):
        AttributePrior.from_manifest(WORDS, document)


def test_a_wish_that_cannot_be():
    with pytest.raises(InputError, match="no attribute 'nose'"):
        PRIOR.beside({"nose": 1})


def test_rows_are_drawn_evenly():
    shares = [share_after_noise(3, index, 7) for index in range(2000)]
    assert min(shares) >= 0.0 and max(shares) < 1.0
    counts = np.bincount([PRIOR.row(share) for share in shares], minlength=20)
    # Each of 20 rows is drawn 100 times of 2000; five standard deviations are 49.
    assert len(counts) == 20 and np.abs(counts - 100).max() < 50
    assert PRIOR.row(0.0) == 0 and PRIOR.row(np.nextafter(1.0, 0.0)) == 19
    # It is the number behind those that the noise of this size is made of, for an odd size too.
    assert share_after_noise(3, 1, 7) == share_after_noise(3, 1, 8) != share_after_noise(3, 1, 6)
