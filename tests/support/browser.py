"""A page as a browser sees it: Chromium without a window, where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 120


def browser() -> str:
    """Return the path of a browser. Skips the test, naming what is missing, if there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no page can be tried in a browser: none of {', '.join(NAMES)} is installed")
    return found


def answers(page: str, folder: Path, question: str) -> Any:
    """Load a page in a browser, and return the value of a JavaScript expression there, once all of it has run.

    Args:
        page: its HTML.
        folder: for the page, and for what the browser writes.
        question: the expression; its value is returned as JSON has it.
    """
    asked = f"""<script>
    window.addEventListener("load", () => setTimeout(() => {{
        const told = document.createElement("pre");
        told.id = "told-by-the-page";
        told.textContent = JSON.stringify({question});
        document.documentElement.appendChild(told);
    }}, 500));
    </script>"""
    path = folder / "page.html"
    path.write_text(page + asked, encoding="utf-8")
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]
    command += ["--virtual-time-budget=20000", f"--user-data-dir={folder / 'profile'}", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    found = re.search(r'<pre id="told-by-the-page">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, f"the page did not run to its end:\n{done.stdout[-2000:]}"
    return json.loads(html.unescape(found[1]))
