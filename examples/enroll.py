"""Learns a face from pictures of it: python examples/enroll.py me1.jpg me2.jpg me.identity"""

import sys

import facesdk

*pictures, out = sys.argv[1:]
me = facesdk.Identity.from_images(pictures, consent=facesdk.Consent.self_(scope="still,film"))
me.save(out)
print(f"{me} -> {out}")
