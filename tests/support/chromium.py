"""A page in Chromium without a window, driven over its DevTools protocol: looked at, clicked, typed into.

The protocol is spoken over two pipes (``--remote-debugging-pipe``), as JSON with a zero byte after each message, so
that nothing but the browser is needed. What the page says on its console, the errors that it does not catch and
everything it asks the network for are kept.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.browser import browser

SECONDS = 120
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "ArrowRight": (39, ""), "ArrowLeft": (37, ""), "Home": (36, "")}

MIDDLE = """(async () => {
    const frames = async count => { while (count-- > 0) await new Promise(requestAnimationFrame); };
    const element = document.querySelector(SELECTOR);
    element.scrollIntoView({block: "center", behavior: "instant"});
    const before = element.getBoundingClientRect();
    await frames(5);
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const isStill = box.x === before.x && box.y === before.y;
    return isStill && element.contains(document.elementFromPoint(x, y)) ? {x, y} : null;
})()"""
"""The middle of an element, or null while it moves (a page may still be drawn around it) or something covers it."""


class NavigatedError(Exception):
    """The page that was asked has been left for another one."""


class Page:
    """A page that is open.

    Attributes:
        problems: what the console, the page and the browser complained about.
        requests: the addresses that were asked for, that of the page itself included.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._waiting, self._number, self._session = b"", 0, ""
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self.prefer("light")

    def open(self, path: Path) -> None:
        """Open a file, and wait until its scripts have run."""
        self._call("Page.navigate", url=path.resolve().as_uri())
        self.wait('document.readyState === "complete"')

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, of which a promise is waited for."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + SECONDS
        while not self._holds(condition):
            assert time.monotonic() < end, f"this did not come true: {condition}"
            time.sleep(0.05)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.value(condition))
        except NavigatedError:
            return False

    def text(self, selector: str) -> str:
        """Return the text of the first element of a selector."""
        said: str = self.value(f"document.querySelector({json.dumps(selector)}).textContent")
        return said

    def value_inside(self, expression: str) -> Any:
        """Return the value of a JavaScript expression of the page in the frame of this one; None before it is there."""
        address = self.value("document.querySelector('iframe')?.src")
        targets = self._call("Target.getTargets")["targetInfos"]
        frames = [each["targetId"] for each in targets if each["type"] == "iframe" and each["url"] == address]
        if not frames:
            return None
        outside = self._session
        inside: str = self._call("Target.attachToTarget", targetId=frames[0], flatten=True)["sessionId"]
        self._session = inside
        try:
            return self.value(expression)
        finally:
            self._session = outside
            self._call("Target.detachFromTarget", sessionId=inside)

    def wait_inside(self, condition: str) -> None:
        """Wait until a JavaScript expression of the page in the frame of this one is true."""
        end = time.monotonic() + SECONDS
        while not self.value_inside(condition):
            assert time.monotonic() < end, f"this did not come true in the frame: {condition}"
            time.sleep(0.05)

    def click_words(self, selector: str, words: str) -> None:
        """Click the element of a selector that has these words and no others."""
        self.value(
            f"document.querySelectorAll({json.dumps(selector)}).forEach(each => each.toggleAttribute('data-meant', "
            f"each.textContent.trim() === {json.dumps(words)}))"
        )
        self.click(f":is({selector})[data-meant]")

    def click(self, selector: str) -> None:
        """Click the middle of the first element of a selector with the mouse, once it stays where a click meets it."""
        end = time.monotonic() + SECONDS
        while (middle := self.value(MIDDLE.replace("SELECTOR", json.dumps(selector)))) is None:
            assert time.monotonic() < end, f"a click does not meet this: {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **middle)

    def focus(self, selector: str) -> None:
        """Move the focus to an element."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")

    def press(self, key: str) -> None:
        """Press and release a key, one of :data:`KEYS`."""
        code, text = KEYS[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        self._call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        self.value(f"document.querySelector({json.dumps(selector)}).select()")
        if text:
            self._call("Input.insertText", text=text)
        else:
            self._call("Input.dispatchKeyEvent", type="keyDown", key="Delete", windowsVirtualKeyCode=46)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select, or move a slider, as a user does."""
        self.value(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)}); found.value = "
            f"{json.dumps(value)}; found.dispatchEvent(new Event('input', {{bubbles: true}})); "
            "found.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window a size, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def prefer(self, colours: str) -> None:
        """Make the system prefer colours: ``light`` or ``dark``."""
        features = {"prefers-color-scheme": colours, "prefers-reduced-motion": "reduce"}  # nothing scrolls by itself
        named = [{"name": name, "value": value} for name, value in features.items()]
        self._call("Emulation.setEmulatedMedia", features=named)

    def picture(self, path: Path) -> None:
        """Write what the whole page looks like as PNG."""
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def accessible_names(self) -> list[tuple[str, str]]:
        """Return the role and the name of everything that assistive technology is told of."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        kept = (node for node in nodes if not node.get("ignored"))
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in kept]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._receive()
            if told.get("id") == self._number:
                if "navigated" in told.get("error", {}).get("message", ""):
                    raise NavigatedError(method)
                assert "error" not in told, f"{method}: {told['error']}"
                answer: dict[str, Any] = told["result"]
                return answer
            self._note(told)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            piece = os.read(self._from, 2**20)
            assert piece, "the browser has ended"
            self._waiting += piece
        message, _, self._waiting = self._waiting.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"])[:1000])
        elif told.get("method") == "Log.entryAdded":
            self.problems.append(parameters["entry"]["text"])
        elif told.get("method") == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(parameters["args"])[:1000])
        elif told.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])


@contextmanager
def open_page(profile: Path) -> Iterator[Page]:
    """An empty page in a browser of its own, whose profile is in a folder. Skips the test if there is no browser."""
    (for_browser, to_browser), (from_browser, of_browser) = os.pipe(), os.pipe()
    # The browser reads the file of number 3 and writes to that of number 4.
    command = ["bash", "-c", f'exec "$@" 3<&{for_browser} 4>&{of_browser}', "bash", browser(), "--headless"]
    command += ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]
    command += [f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command, pass_fds=(for_browser, of_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        os.close(for_browser)
        os.close(of_browser)
        yield Page(to_browser, from_browser)
    finally:
        os.close(to_browser)
        os.close(from_browser)
        process.terminate()
        process.wait(SECONDS)
