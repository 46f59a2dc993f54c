"""Which pictures need a consent, and which say that they show nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesdk.consent import Consent
from facesdk.errors import ConsentError, MediaError
from facesdk.provenance.mark import write
from facesdk.provenance.origin import consents_for

PIXELS = np.full((16, 16, 3), 90, np.uint8)
SELF = Consent.self_()


@pytest.mark.parametrize("read", [str, Path, Path.read_bytes, lambda path: bytearray(path.read_bytes())])
def test_a_generated_file_needs_no_consent(tmp_path: Path, read: Callable[[Path], object]):
    path = write(tmp_path / "made.png", PIXELS, "generate")
    assert consents_for(read(path), None, "made.png", "edit") == ()  # type: ignore[arg-type]
    assert consents_for(read(path), SELF, "made.png", "edit") == ()  # type: ignore[arg-type]


def test_a_photograph_a_swap_and_an_array_need_one(tmp_path: Path):
    photo, swap = tmp_path / "photo.png", write(tmp_path / "swap.png", PIXELS, "swap")
    Image.fromarray(PIXELS).save(photo)
    made = write(tmp_path / "made.png", PIXELS, "generate")
    for picture in (photo, swap, str(photo), photo.read_bytes(), PIXELS, Image.open(made)):
        with pytest.raises(ConsentError, match="me.png has no label.*to edit it needs a consent"):
            consents_for(picture, None, "me.png", "edit")
        assert consents_for(picture, SELF, "me.png", "edit") == (SELF,)
    with pytest.raises(ConsentError, match="covers film, and not 'still'"):
        consents_for(photo, Consent.self_(scope="film"), "me.png", "edit")


def test_what_is_no_picture(tmp_path: Path):
    (tmp_path / "text.png").write_text("no picture")
    for path in (tmp_path / "text.png", tmp_path / "none.png"):
        with pytest.raises(MediaError):
            consents_for(path, SELF, path.name, "edit")
