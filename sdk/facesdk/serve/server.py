"""The running server: a socket on this machine only, the networks, the app, and an end."""

from __future__ import annotations

import contextlib
import errno
import socket

from facesdk.errors import InputError
from facesdk.serve.app import build_app
from facesdk.serve.door import Door
from facesdk.serve.impatient_protocol import impatient_protocol
from facesdk.serve.jobs import Jobs
from facesdk.serve.limits import ServeLimits
from facesdk.serve.studio import Studio
from facesdk.serve.web_modules import require_web
from facesdk.swapper import FaceSwapper

HOSTS = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
"""What may be listened on. "localhost" is not looked up: a hosts file could send it anywhere."""
GOODBYE_SECONDS = 2


def bind_loopback(host: str, port: int) -> socket.socket:
    """A listening socket that only this machine reaches.

    Args:
        host: a name in HOSTS.
        port: 0 takes a free one.

    Raises:
        InputError: another host, or the port is taken or not allowed.
    """
    address = HOSTS.get(host)
    if address is None:
        raise InputError(
            f"--host {host}: facesdk serve listens on this machine only ({', '.join(HOSTS)}).",
            "Whoever reaches it could put faces onto pictures with your name on them, over a line that is not "
            f"encrypted. To use it from another machine: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE",
        )
    if not 0 <= port <= 65535:
        raise InputError(f"--port {port}: 0 to 65535 expected.", "0 takes a free one.")
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        why = "it is taken already" if taken else str(error.strerror or error)
        raise InputError(f"port {port} cannot be opened: {why}.", "Take a free one: --port 0") from error
    return listener


class LoopbackServer:
    """A server that is ready to run.

    Args:
        swapper: an open one; stays open.
        listener: from `bind_loopback`.
        limits: how much, how long.
        backend: for the generator.

    Raises:
        BackendError: what the extra "serve" brings is missing.
    """

    def __init__(
        self,
        swapper: FaceSwapper,
        listener: socket.socket,
        limits: ServeLimits | None = None,
        backend: str = "auto",
    ) -> None:
        require_web()
        import uvicorn

        chosen = limits or ServeLimits()
        host, port = listener.getsockname()[:2]
        door = Door(port)
        self.address = door.address(f"[{host}]" if ":" in host else host)
        self._listener = listener
        self._studio = Studio(swapper, chosen, backend)
        self._jobs = Jobs(chosen.jobs, "pictures")
        config = uvicorn.Config(
            build_app(self._studio, door, chosen, self._jobs),
            http=impatient_protocol(chosen),
            ws="websockets-sansio",
            ws_max_size=chosen.live_frame_bytes,
            # Frames are compressed already, and what is not deflated cannot be a bomb.
            ws_per_message_deflate=False,
            limit_concurrency=chosen.connections,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="warning",
            lifespan="off",
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serves until Ctrl-C or `stop`. Whatever was enrolled is forgotten then."""
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._server.run(sockets=[self._listener])
        finally:
            self._jobs.close()
            self._studio.close()
            self._listener.close()

    def stop(self) -> None:
        """Ends `run`; called from another thread."""
        self._server.should_exit = True
