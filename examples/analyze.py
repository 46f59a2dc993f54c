"""Tells where the faces of a picture are and where they look: python examples/analyze.py party.jpg"""

import sys

import facesdk

with facesdk.FaceAnalyzer() as analyzer:
    faces = analyzer.analyze(sys.argv[1])
for number, face in enumerate(faces):
    x, y = face.centre_xy
    yaw = face.pose.yaw_degrees
    print(f"face {number}: centre ({x:.0f}, {y:.0f}), {face.width_px:.0f} px wide, yaw {yaw:+.0f} degrees")
for number, face in enumerate(faces[1:], start=1):
    print(f"face {number} and face 0 are alike by {float(face.embedding @ faces[0].embedding):.2f}")
