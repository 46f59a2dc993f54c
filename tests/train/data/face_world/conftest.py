"""The heads that can be built here, one after the other."""

from __future__ import annotations

import pytest

from train.data.face_world.head import available_heads, get_head
from train.data.face_world.types import HeadModel


@pytest.fixture(params=available_heads())
def head(request: pytest.FixtureRequest) -> HeadModel:
    return get_head(request.param)
