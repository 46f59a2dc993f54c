"""The part that decodes hostile pictures: it decodes what it says."""

from __future__ import annotations

from bench.trust.hostile_images import seeds
from bench.trust.inputs import measure_inputs
from facesdk.media.image import load_image


def test_pictures_are_whole_before_they_are_damaged() -> None:
    assert {name: load_image(data).shape for name, data in seeds().items()} == dict.fromkeys(seeds(), (24, 32, 3))


def test_the_inputs_part_reaches_its_bounds() -> None:
    report = measure_inputs(8, "none")
    figures = {figure.name: figure for figure in report.figures}
    assert figures["hostile pictures: mutants decoded"].value == 64
    assert figures["hostile pictures: crashes"].ok and figures["hostile pictures: other exceptions"].ok
    assert figures["bombs: given"].value == 12 and figures["bombs: refused"].ok
