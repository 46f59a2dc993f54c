"""Puts a face onto the largest face of a film: python examples/swap_video.py me.identity film.mp4 out.mp4"""

import sys

import facesdk

source, target, out = sys.argv[1:]
me = facesdk.Identity.load(source)
with facesdk.FaceSwapper() as swapper:
    result = swapper.swap_video(target, me).save(out)
print(f"{result.frame_count} frames, {result.swapped_count} with a new face -> {result.path.name}")
