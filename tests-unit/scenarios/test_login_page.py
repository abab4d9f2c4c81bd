"""A browser at a server that asks for keys: sent to the login page once, then the whole page works by cookie."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
TIMEOUT_MS = 60_000
IS_OPEN = (
    "() => window.app?.api?.socket?.readyState === 1 || window.comfyAPI?.api?.api?.socket?.readyState === 1"
)


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server("--auth", "on")


def test_a_browser_is_asked_once_and_the_page_runs_by_cookie(browser: Any, server: Any) -> None:
    command = [sys.executable, "-m", "app.keys", "--base-directory", str(server.base), "add", "browser"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True, timeout=60
    )
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    page = context.new_page()
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status in (401, 403) else None)
    page.goto(server.url)
    assert urlsplit(page.url).path == "/login"
    page.fill("#key", "codec_wrong")
    page.click("button")
    assert "not known" in page.inner_text("[role=alert]")
    (ROOT / "test-artifacts").mkdir(exist_ok=True)
    page.screenshot(path=ROOT / "test-artifacts" / "login.png")
    refused.clear()
    page.fill("#key", done.stdout.strip())
    page.click("button")
    page.wait_for_selector("#graph-canvas", timeout=TIMEOUT_MS)
    page.wait_for_function(IS_OPEN, timeout=TIMEOUT_MS)
    assert urlsplit(page.url).path == "/"
    allowed = ("/internal/", "/api/internal/")
    assert not [url for url in refused if not urlsplit(url).path.startswith(allowed)]
    assert page.evaluate("() => document.cookie.includes('codec_session')") is False
    context.close()
