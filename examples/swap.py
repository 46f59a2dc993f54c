"""Puts a face onto the largest face of a picture: python examples/swap.py me.identity party.jpg out.jpg"""

import sys

import facesdk

source, target, out = sys.argv[1:]
me = facesdk.Identity.load(source)
with facesdk.FaceSwapper() as swapper:
    result = swapper.swap(target, me, faces="largest")
result.save(out)
for stage, duration_ms in result.timings.as_dict().items():
    print(f"{stage:10s} {duration_ms:6.1f} ms")
print(f"{result.backend}, {len(result.faces)} faces found, {len(result.swapped)} swapped -> {out}")
