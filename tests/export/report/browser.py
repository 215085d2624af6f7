"""Open pages in a real Chromium through its DevTools pipe: what is drawn, said and asked for.

The pipe needs no port, no web socket and no driver (``--remote-debugging-pipe``: messages are JSON
ended by a zero byte, on descriptors 3 and 4).
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
SECONDS = 60.0
Setting = tuple[int, bool]
"""Width of the window in CSS pixels, and whether it is dark."""

FIRST_SPARE = 10  # descriptors from here on are none of those that are to be set
PAINTED = "new Promise(done => setTimeout(() => requestAnimationFrame(done), 300))"
"""Charts are fitted to a new width after a tenth of a second."""


def chromium() -> str:
    """Return the browser, or skip the test."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip("needs a browser: apt-get install chromium")


@dataclass(frozen=True)
class View:
    """What a browser made of a page."""

    width: int
    dark: bool
    problems: tuple[str, ...]
    """Console messages and uncaught exceptions."""
    requests: tuple[str, ...]
    """Addresses that were asked for, without the page itself and data in it."""
    scroll_width: int
    found: Any
    """What the script of the caller gave."""
    accessible: tuple[dict[str, Any], ...]
    """Role, name and description of every node that a screen reader gets."""
    screenshot: bytes


class Browser:
    """A headless Chromium; made by :func:`browser`."""

    def __init__(self, process: subprocess.Popen[bytes], to_it: int, from_it: int) -> None:
        self._process, self._to_it, self._from_it = process, to_it, from_it
        self._buffer, self._sent = b"", 0
        self._events: list[dict[str, Any]] = []

    def look(self, path: Path, *settings: Setting, script: str = "null") -> list[View]:
        """Open a file and look at it at every width, in CSS pixels, and in light or dark."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._events.clear()
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable", session)
        self._set(session, settings[0])
        self.call("Page.navigate", session, url=path.as_uri())
        self._wait("Page.loadEventFired")
        views = [self._view(session, path, setting, script) for setting in settings]
        self.call("Target.closeTarget", targetId=target)
        return views

    def _set(self, session: str, setting: Setting) -> None:
        width, dark = setting
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", session, features=[scheme])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", session, **size)

    def _view(self, session: str, path: Path, setting: Setting, script: str) -> View:
        self._set(session, setting)
        self.evaluate(session, PAINTED)
        seen = self.evaluate(session, "document.scrollingElement.scrollWidth")
        found = self.evaluate(session, script)
        tree = self.call("Accessibility.getFullAXTree", session)["nodes"]
        shot = self.call("Page.captureScreenshot", session, captureBeyondViewport=True)
        return View(
            *setting,
            tuple(_problems(self._events)),
            tuple(_requests(self._events, path)),
            seen,
            found,
            tuple(_accessible(tree)),
            base64.b64decode(shot["data"]),
        )

    def evaluate(self, session: str, script: str) -> Any:
        """Return the JSON value of an expression in the page."""
        answer = self.call(
            "Runtime.evaluate", session, expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to_it, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            answer = self._receive(until)
            if answer.get("id") == self._sent:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self._events.append(answer)
        raise TimeoutError(f"the browser does not answer {method}")

    def _wait(self, event: str) -> None:
        until = time.monotonic() + SECONDS
        while not any(seen.get("method") == event for seen in self._events):
            self._events.append(self._receive(until))

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select(
                [self._from_it], [], [], max(0.0, until - time.monotonic())
            )
            if not ready:
                raise TimeoutError("the browser is silent")
            part = os.read(self._from_it, 1 << 20)
            if not part:
                raise EOFError(f"the browser ended with {self._process.wait(5)}")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    program = chromium()
    child_reads, to_it = os.pipe()
    from_it, child_writes = os.pipe()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=lambda: _take_pipes(child_reads, child_writes),
            env={**os.environ, "HOME": profile},
        )
        os.close(child_reads)
        os.close(child_writes)
        try:
            yield Browser(process, to_it, from_it)
        finally:
            os.close(to_it)
            os.close(from_it)
            process.terminate()
            process.wait(20)


def _take_pipes(reads: int, writes: int) -> None:
    """Put the pipe's ends where Chromium looks for them."""
    spares = [fcntl.fcntl(end, fcntl.F_DUPFD, FIRST_SPARE) for end in (reads, writes)]
    for spare, wanted in zip(spares, (3, 4), strict=True):
        os.dup2(spare, wanted)


def _problems(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            yield str(params["exceptionDetails"].get("exception", params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            yield str(params["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            yield " ".join(str(item.get("value")) for item in params["args"])


def _requests(events: list[dict[str, Any]], path: Path) -> Iterator[str]:
    for event in events:
        if event.get("method") == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            if url != path.as_uri() and not url.startswith(("data:", "about:")):
                yield url


def _accessible(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        if not node.get("ignored"):
            yield {
                "role": node.get("role", {}).get("value", ""),
                "name": node.get("name", {}).get("value", ""),
            }
