"""How much the server takes, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServeLimits:
    """Every bound of `facesdk serve` in one place.

    Attributes:
        upload_bytes: largest body of a request that brings pictures.
        body_bytes: largest body of every other request.
        uploads: bodies that are read at once.
        pictures: most pictures of one enrolment.
        head_seconds: until a connection must have sent the head of a request.
        waiting: connections that may wait with none; the oldest one gives way to a new one.
        connections: connections in all.
        body_seconds: until the body of a request must have come.
        request_seconds: until a request must have been answered.
        jobs: pictures that wait for the networks; one more is refused.
        live_sessions: browsers that are live at once.
        live_frame_bytes: largest frame of a live session, encoded.
        live_frame_pixels: and decoded, width times height.
        live_idle_seconds: without a frame, and the live session ends.
        identities: enrolled faces that are kept; the one that was not used for longest gives way.
        identity_seconds: without use, and an enrolled face is forgotten.
    """

    upload_bytes: int = 32 << 20
    body_bytes: int = 64 << 10
    uploads: int = 4
    pictures: int = 8
    head_seconds: float = 10.0
    waiting: int = 16
    connections: int = 64
    body_seconds: float = 30.0
    request_seconds: float = 90.0
    jobs: int = 4
    live_sessions: int = 2
    live_frame_bytes: int = 2 << 20
    live_frame_pixels: int = 1920 * 1080
    live_idle_seconds: float = 30.0
    identities: int = 16
    identity_seconds: float = 1800.0
