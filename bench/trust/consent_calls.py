"""Random calls of every method that takes an identity, each held against what was drawn for its consent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from facesdk.consent import BASES, USES, Consent
from facesdk.errors import ConsentError, FacesdkError
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.media.live_sink import NullSink
from facesdk.swapper import FaceSwapper
from facesdk.types import U8

RULES = ("largest", "all", 0, 3)
MOST_SOURCES = 3
# Days from today to the last day that a consent covers; None for no end.
LAST_DAYS = (-4000, -30, -2, -1, 0, 1, 2, 30, 4000, None)


@dataclass(frozen=True)
class ConsentCalls:
    """What became of the calls.

    Attributes:
        refused: calls refused for want of a consent, each rightly.
        allowed: calls that were not, each rightly.
        wrong: what each other call was.
    """

    refused: int
    allowed: int
    wrong: tuple[str, ...]


def try_calls(swapper: FaceSwapper, generator: FaceGenerator, scene: U8, count: int, seed: int = 0) -> ConsentCalls:
    """Calls methods with identities that may be used for it, with others, and with what is no identity.

    Args:
        swapper: open.
        generator: open, of the same pack.
        scene: (H, W, 3) uint8 RGB; it need not show a face.
        count: calls.
        seed: of what is drawn.
    """
    # Use of each method, and how it is called.
    methods: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "swap": ("still", lambda who: swapper.swap(scene, who)),
        "swap_video": ("film", lambda who: swapper.swap_video("none.mp4", who)),
        "live": ("live", lambda who: swapper.live("none.mp4", who, NullSink())),
        "live_painter": ("live", lambda who: swapper.live_painter(who, badged=True)),
        "sample": ("still", lambda who: generator.sample(1, steps=1, identity=who)),
    }
    rng = np.random.default_rng(seed)
    refused = allowed = 0
    wrong = []
    for number in range(count):
        name = str(rng.choice(list(methods)))
        use, method = methods[name]
        given, covered, says = _draw_sources(rng, use, swapper.pack.name, several=name != "sample")
        if _is_refused(method, given) == covered:
            wrong.append(f"call {number}: {name}({says}) was {'refused' if covered else 'not refused'}")
        elif covered:
            allowed += 1
        else:
            refused += 1
    return ConsentCalls(refused, allowed, tuple(wrong))


def _is_refused(method: Callable[[Any], Any], identity: object) -> bool:
    try:
        method(identity)
    except ConsentError:
        return True
    except FacesdkError:
        # No such film, no face in the picture: the consent was looked at before.
        return False
    return False


def _draw_sources(rng: np.random.Generator, use: str, pack: str, several: bool) -> tuple[object, bool, str]:
    """What is given as the identity, whether it may be used, and its description."""
    if rng.random() < 0.15:
        picture = np.zeros((64, 64, 3), np.uint8)
        nobody: tuple[object, ...] = (picture, "me.png", b"identity", {"consent": "self"}, 7, np.ones(512, np.float32))
        given = nobody[int(rng.integers(len(nobody)))]
        if several and rng.random() < 0.3:
            # Behind one that may be used.
            return [(_draw_identity(rng, pack, USES, None), 0), (given, 1)], False, "pairs with what is no identity"
        return given, False, type(given).__name__
    people = [_draw_terms(rng) for _ in range(int(rng.integers(1, MOST_SOURCES + 1)) if several else 1)]
    covered = all(use in uses and (last_day is None or last_day >= 0) for uses, last_day in people)
    says = "; ".join(f"{'+'.join(uses)} until day {last_day}" for uses, last_day in people)
    identities = [_draw_identity(rng, pack, uses, last_day) for uses, last_day in people]
    if not several or (len(identities) == 1 and rng.random() < 0.7):
        return identities[0], covered, says
    pairs = [(identity, RULES[int(rng.integers(len(RULES)))]) for identity in identities]
    return (pairs if rng.random() < 0.5 else tuple(pairs)), covered, f"pairs {says}"


def _draw_terms(rng: np.random.Generator) -> tuple[tuple[str, ...], int | None]:
    """Uses, one at least, and the last day."""
    chosen = rng.permutation(USES)[: int(rng.integers(1, len(USES) + 1))]
    return tuple(str(use) for use in chosen), LAST_DAYS[int(rng.integers(len(LAST_DAYS)))]


def _draw_identity(rng: np.random.Generator, pack: str, uses: tuple[str, ...], last_day: int | None) -> Identity:
    ends = "" if last_day is None else (datetime.now(UTC).date() + timedelta(days=last_day)).isoformat()
    basis: Any = BASES[int(rng.integers(len(BASES)))]
    embedding = rng.normal(size=512).astype(np.float32)
    embedding /= np.linalg.norm(embedding)
    crops = np.full((1, 256, 256, 3), 128, np.uint8)
    crops[:, 64:192, 64:192] = rng.integers(0, 256, (128, 128, 3), np.uint8)
    return Identity(embedding, crops, Consent(basis, "As it was drawn.", ",".join(uses), expires=ends), pack)
