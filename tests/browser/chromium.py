"""Chromium without a window, driven over two pipes by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

PROGRAM: Final = "chromium"
# WebGL is drawn by the processor; root may not have the sandbox; nothing is asked of the web.
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu-sandbox", "--use-gl=angle", "--use-angle=swiftshader"),
    *("--enable-unsafe-swiftshader", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
    *("--hide-scrollbars", "--remote-debugging-pipe"),
)
PATIENCE: Final = 30.0
"""Seconds for one command."""


class BrowserError(Exception):
    """What the page raised, in its words."""


@dataclass
class Chromium:
    """A running browser."""

    _out: IO[bytes]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _answers: dict[int, queue.SimpleQueue[dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def listen(self, stream: IO[bytes]) -> None:
        """Take messages until the browser ends."""
        left = b""
        while piece := os.read(stream.fileno(), 1 << 16):
            *messages, left = (left + piece).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers[message["id"]].put(message)
                else:
                    self.events.append(message)

    def send(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One command, and its result."""
        number = next(self._numbers)
        self._answers[number] = queue.SimpleQueue()
        message = {"id": number, "method": method, "params": params} | (
            {"sessionId": session} if session else {}
        )
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        try:
            answer = self._answers[number].get(timeout=PATIENCE)
        except queue.Empty:
            raise BrowserError(f"{method} did not end within {PATIENCE:.0f} s") from None
        del self._answers[number]
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, url: str) -> Page:
        """A new page at a URL, loaded."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable", session)
        page.go(url)
        return page


@dataclass
class Page:
    """One tab."""

    browser: Chromium
    session: str

    def go(self, url: str) -> None:
        """Load a URL."""
        self.browser.send("Page.navigate", self.session, url=url)
        self.run(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )

    def run(self, expression: str) -> Any:
        """Evaluate an expression, wait for its promise, and give its value.

        Raises:
            BrowserError: it was rejected.
        """
        answer = self.browser.send(
            "Runtime.evaluate", self.session, expression=expression, awaitPromise=True, returnByValue=True
        )
        if problem := answer.get("exceptionDetails"):
            raise BrowserError(problem.get("exception", {}).get("description") or problem["text"])
        return answer["result"].get("value")

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the page."""
        return self.run(f"{function}({', '.join(json.dumps(argument) for argument in arguments)})")

    def look(self, width: int, height: int, *, dark: bool = False, mobile: bool = False) -> None:
        """Be a screen of this size (in CSS pixels) and scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.browser.send("Emulation.setDeviceMetricsOverride", self.session, **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.send("Emulation.setEmulatedMedia", self.session, features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Write a PNG of the whole page."""
        shot = self.browser.send("Page.captureScreenshot", self.session, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the browser wrote to the console as an error."""
        logged = (event for event in self.browser.events if event["method"] == "Log.entryAdded")
        entries = [event["params"]["entry"] for event in logged if event["sessionId"] == self.session]
        return [entry["text"] for entry in entries if entry["level"] == "error"]


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """A browser with an empty profile, for the length of a `with` block."""
    to_child, from_us = os.pipe()
    from_child, to_us = os.pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        # The protocol wants descriptors 3 and 4, which only a shell can hand over by number.
        script = f'exec "$0" "$@" 3<&{to_child} 4>&{to_us}'
        command = ["bash", "-c", script, PROGRAM, *FLAGS, f"--user-data-dir={folder}"]
        with subprocess.Popen(
            command,
            pass_fds=(to_child, to_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8"},
            start_new_session=True,
        ) as process:
            os.close(to_child)
            os.close(to_us)
            with open(from_us, "wb") as out, open(from_child, "rb") as stream:  # noqa: PTH123 - descriptors
                browser = Chromium(out)
                thread = threading.Thread(target=browser.listen, args=(stream,), daemon=True)
                thread.start()
                try:
                    yield browser
                finally:
                    with contextlib.suppress(Exception):
                        browser.send("Browser.close")
                    process.wait(20)
                    thread.join(20)
