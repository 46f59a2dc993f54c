from __future__ import annotations

from typing import Any

import pytest

from export.group_tables import LEAST, group_rows, is_weak, weak_groups
from export.model_card import model_card
from tests.export.test_model_card import _content


def _run(dark: float, count: int = LEAST, better: str = "higher", judged: bool = True) -> dict[str, Any]:
    measures = [{"name": "gain", "unit": "dB", "better": better, "judged": judged, "mean": 5.0}]
    tables = {"skin tone": [{"group": "light", "count": 50, "values": [5.1]}]}
    tables["skin tone"].append({"group": "dark", "count": count, "values": [dark]})
    return {"title": "swap", "figures": [], "details": {"groups": {"measures": measures, "tables": tables}}}


@pytest.mark.parametrize(
    ("value", "better", "weak"),
    [
        (4.0, "higher", False),
        (3.99, "higher", True),
        (6.0, "lower", False),
        (6.01, "lower", True),
        (9, "higher", False),
    ],
)
def test_a_fifth_is_the_bound(value: float, better: str, weak: bool) -> None:
    assert bool(weak_groups(_run(value, better=better))) is weak


def test_a_mean_below_zero_has_a_bound_below_it() -> None:
    measure = {"mean": -1.0, "better": "higher"}
    assert is_weak(measure, -1.3) and not is_weak(measure, -1.1) and not is_weak(measure, None)


def test_few_pictures_and_unjudged_measures_say_nothing() -> None:
    assert not weak_groups(_run(1.0, count=LEAST - 1)) and not weak_groups(_run(1.0, judged=False))
    assert not weak_groups({"title": "old", "figures": []}) and group_rows({"figures": []})[1] == []


def test_the_card_says_it_in_its_first_lines() -> None:
    text = model_card(_content(quality=[_run(3.0)]))
    first = text.splitlines()[:6]
    assert first[2].startswith("**Not equally good for everybody.**") and "20%" in first[2]
    assert first[4] == "- swap: skin tone, dark: gain 3 dB against 5 dB on the mean (10 pictures)"
    assert "| skin tone: dark | 10 | **3** |" in text and "| skin tone: light | 50 | 5.1 |" in text
    assert "| all |  | 5 |" in text


def test_a_fair_card_starts_as_ever() -> None:
    text = model_card(_content(quality=[_run(5.0)]))
    assert "Not equally" not in text and "| skin tone: dark | 10 | 5 |" in text
