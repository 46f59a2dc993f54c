"""Headless Chromium, driven over its own protocol: nothing to install but the browser.

Source: chromedevtools.github.io/devtools-protocol; --use-file-for-fake-video-capture plays a file as the camera.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import ProxyHandler, build_opener

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """The browser's program, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a fresh browser.

    Args:
        program: the browser.
        profile: an empty folder.
        camera: .mjpeg that its fake camera plays over and over.
        size_wh: of the page in pixels.
        dark: whether the page is asked for dark colours.
    """

    def __init__(
        self, program: str, profile: Path, camera: Path, size_wh: tuple[int, int] = (1240, 860), dark: bool = False
    ) -> None:
        options = [
            "--headless=new",
            "--no-sandbox",  # Tests run as root in containers, where Chromium's sandbox cannot start.
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-extensions",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            f"--window-size={size_wh[0]},{size_wh[1]}",
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            "about:blank",
        ]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.events: list[dict[str, Any]] = []
        self._count = 0
        try:
            self._socket = connect(self._page_address(profile), max_size=1 << 27, proxy=None)
            for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
                self.call(f"{domain}.enable")
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self.call("Emulation.setEmulatedMedia", features=[scheme])
            width, height = size_wh
            self.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(5)
        except Exception:
            self._process.kill()
            self._process.wait()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer; what happens meanwhile goes into `events`."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == self._count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return dict(message["result"])
            self.events.append(message)

    def open(self, address: str) -> None:
        """Goes to an address."""
        self.call("Page.navigate", url=address)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 30.0) -> Any:
        """Waits until an expression is true, and gives its value."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(expression)
            if value:
                return value
            if time.monotonic() > end:
                errors = self.run("[...document.querySelectorAll('[role=alert]')].map((e) => e.textContent).join(' ')")
                raise TimeoutError(f"{expression} did not become true. The page says: {errors} {self.complaints()}")
            time.sleep(0.1)

    def click(self, selector: str) -> None:
        """Clicks an element."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def give_files(self, selector: str, *paths: Path) -> None:
        """Chooses files in an input, as a person does."""
        document = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def screenshot(self) -> bytes:
        """The visible page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def frames(self, direction: str) -> list[bytes]:
        """Binary messages of WebSockets; `direction` is "Sent" or "Received"."""
        found = [event["params"]["response"] for event in self._of(f"Network.webSocketFrame{direction}")]
        return [base64.b64decode(frame["payloadData"]) for frame in found if frame["opcode"] == 2]

    def download(self, selector: str, folder: Path) -> bytes:
        """Clicks a link that downloads, and gives the file that lies in the folder then."""
        folder.mkdir()
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.click(selector)
        end = time.monotonic() + 20
        while not (files := [file for file in folder.iterdir() if file.suffix != ".crdownload"]):
            if time.monotonic() > end:
                raise TimeoutError(f"nothing came into the folder; the browser says {self.complaints()}")
            self.run("1")
            time.sleep(0.05)
        return files[0].read_bytes()

    def sockets(self) -> list[str]:
        """Addresses of the WebSockets that the page opened."""
        return [event["params"]["url"] for event in self._of("Network.webSocketCreated")]

    def requests(self) -> list[str]:
        """Addresses of everything that the page asked for."""
        return [event["params"]["request"]["url"] for event in self._of("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """Errors that the page wrote, or that the browser wrote about it, such as a breach of its policy."""
        texts = [event["params"]["entry"]["text"] for event in self._of("Log.entryAdded")]
        thrown = [str(event["params"]["exceptionDetails"]) for event in self._of("Runtime.exceptionThrown")]
        said = [event["params"] for event in self._of("Runtime.consoleAPICalled")]
        return [*texts, *thrown, *(str(one["args"]) for one in said if one["type"] in ("error", "warning"))]

    def _of(self, method: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("method") == method]

    @staticmethod
    def _page_address(profile: Path) -> str:
        end = time.monotonic() + 30
        file = profile / "DevToolsActivePort"
        while not file.exists() or "\n" not in file.read_text():
            if time.monotonic() > end:
                raise TimeoutError("the browser did not start")
            time.sleep(0.05)
        port = file.read_text().split()[0]
        opener = build_opener(ProxyHandler({}))
        while True:
            with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                pages = [entry for entry in json.load(answer) if entry["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            if time.monotonic() > end:
                raise TimeoutError("the browser opened no page")
            time.sleep(0.05)
