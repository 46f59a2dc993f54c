"""Fixtures of the server's tests: an app over the fake pack, and a server on a real socket."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facesdk.pack.reader import Pack
from facesdk.serve.door import Door
from facesdk.serve.jobs import Jobs
from facesdk.serve.limits import ServeLimits
from facesdk.serve.studio import Studio
from facesdk.swapper import FaceSwapper
from tests.facesdk.conftest import BACKEND
from tests.facesdk.fake_pack import picture

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytest.importorskip("httpx2", reason="the extra 'dev' is not installed")

PORT = 8347
HOST = f"127.0.0.1:{PORT}"
LIMITS = replace(ServeLimits(), upload_bytes=1 << 20, live_idle_seconds=5.0, identities=4)


def encode(image: NDArray[np.uint8], format: str = "PNG") -> bytes:
    """A picture as a file's bytes."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format)
    return stream.getvalue()


ME = encode(picture((256, 256), [(3, 3)], 220))
GROUP = encode(picture((256, 384), [(2, 3), (4, 8)]))
EMPTY = encode(picture((108, 192), []))


@dataclass
class Site:
    """An app with its parts, and a browser that has the token.

    Attributes:
        client: sends the token.
        stranger: does not.
        token: of the door.
        studio: behind the app.
    """

    client: Any
    stranger: Any
    token: str
    studio: Studio

    def enrol(self, **fields: str) -> str:
        """Enrols ME; gives its key."""
        answer = self.client.post(
            "/api/identities", data={"consent": "self", **fields}, files={"pictures": ("me.png", ME)}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def live(self, key: str, **headers: str) -> Any:
        """A WebSocket, to be entered."""
        offered = ["facesdk.live.1", f"facesdk.token.{self.token}"]
        sent = {"host": HOST, "origin": f"http://{HOST}", **headers}
        return self.client.websocket_connect(f"/api/live?identity={key}", subprotocols=offered, headers=sent)


@pytest.fixture(scope="session")
def people_swapper(people_pack: Pack) -> Iterator[FaceSwapper]:
    """A swapper over the fake pack with a generator."""
    with FaceSwapper(people_pack, BACKEND, threads=1) as opened:
        yield opened


@pytest.fixture
def site(people_swapper: FaceSwapper) -> Iterator[Site]:
    """An app without a socket."""
    from starlette.testclient import TestClient

    from facesdk.serve.app import build_app

    door, studio, jobs = Door(PORT), Studio(people_swapper, LIMITS, BACKEND), Jobs(LIMITS.jobs, "test")
    app = build_app(studio, door, LIMITS, jobs)
    base = f"http://{HOST}"
    client = TestClient(app, base, headers={"Authorization": f"Bearer {door.token}"}, raise_server_exceptions=False)
    with client:
        yield Site(client, TestClient(app, base), door.token, studio)
    jobs.close()
    studio.close()


@dataclass(frozen=True)
class Running:
    """A server on a real socket.

    Attributes:
        port: where it listens.
        token: what lets in.
        limits: short ones.
    """

    port: int
    token: str
    limits: ServeLimits


@pytest.fixture(scope="module")
def running(people_swapper: FaceSwapper) -> Iterator[Running]:
    """A server in a thread, with so little patience that tests are quick."""
    from facesdk.serve.server import LoopbackServer, bind_loopback

    limits = replace(LIMITS, head_seconds=0.4, body_seconds=0.5, waiting=8, live_sessions=2)
    server = LoopbackServer(people_swapper, bind_loopback("127.0.0.1", 0), limits, BACKEND)
    thread = threading.Thread(target=server.run)
    thread.start()
    base, _, token = server.address.partition("/#token=")
    yield Running(int(base.rpartition(":")[2]), token, limits)
    server.stop()
    thread.join(10)
    assert not thread.is_alive()
