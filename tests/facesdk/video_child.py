"""A process that swaps a film with the fake pack, to be killed: python -m tests.facesdk.video_child PACK IN OUT."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from facesdk.consent import Consent
from facesdk.identity import Identity
from facesdk.pipelines.video import PaintedFrame, VideoPainter
from facesdk.pipelines.video_result import VideoInterrupted
from facesdk.swapper import FaceSwapper
from facesdk.types import RgbImage
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture

FRAME_SECONDS = 0.03
"""Slows the swap down, so that a kill falls anywhere in it."""


def main(pack: str, source: str, target: str) -> int:
    paint = VideoPainter.paint_frames

    def slow(self: VideoPainter, frames: Sequence[tuple[RgbImage, float]]) -> Iterator[PaintedFrame]:
        for painted in paint(self, frames):
            time.sleep(FRAME_SECONDS)
            yield painted

    VideoPainter.paint_frames = slow  # type: ignore[method-assign]
    with FaceSwapper(Path(pack), BACKEND, threads=1) as swapper:
        me = Identity.from_images(picture((256, 256), [(3, 3)], 220), Consent.self_(), analyzer=swapper.analyzer)
        print("ready", flush=True)
        try:
            result = swapper.swap_video(source, me, "all").save(target)
        except VideoInterrupted as stop:
            print(f"part {stop.result.path if stop.result else None}", flush=True)
            return 130
    print(f"done {result.frame_count} resumed {result.resumed_count}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
