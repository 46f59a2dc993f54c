"""Puts a face onto a camera's picture for some seconds: python examples/live_swap.py me.identity 0 10 out.mp4"""

import sys

import facesdk
from facesdk.pipelines.live_film import FilmSink

source, camera, seconds, out = sys.argv[1:]
me = facesdk.Identity.load(source)
with facesdk.FaceSwapper() as swapper:
    result = swapper.live(camera, me, FilmSink(out)).run(seconds=float(seconds))
latency = result.figures.latency_ms
print(f"{result.swapped_count} of {result.figures.shown} frames with a new face -> {out}")
print(f"{result.figures.fps:.1f} fps, camera to film p50 {latency.p50:.0f} ms, p95 {latency.p95:.0f} ms")
