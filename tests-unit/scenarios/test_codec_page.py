"""GET /codec in a real browser: the picture decoded there is the picture the server would have sent."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
WEB = ROOT / "codec_transport" / "web"
ARTIFACTS = ROOT / "test-artifacts"
TIMEOUT_MS = 60_000
BUDGET_BYTES = 15_000_000
"""What the committed files of the page may weigh together."""

PIXELS = """() => {
  const canvas = document.getElementById('picture');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width, canvas.height, btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(''))];
}"""


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server("--queue-memory", demo_model=True)


@pytest.fixture
def page(browser: Any, server: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1100, "height": 760})
    opened = context.new_page()
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on("console", lambda text: opened.problems.append(text.text) if text.type == "error" else None)
    opened.goto(f"{server.url}/codec")
    opened.wait_for_function(
        "() => document.getElementById('state').textContent === 'Ready.'", timeout=TIMEOUT_MS
    )
    yield opened
    context.close()


def draw(page: Any, **fields: str) -> None:
    for name, value in fields.items():
        element = page.locator(f"#{name}")
        if element.evaluate("element => element.tagName") == "SELECT":
            element.select_option(value)
        else:
            element.fill(value)
    page.get_by_role("button", name="Draw").click()
    page.wait_for_function(
        "() => !document.getElementById('draw').disabled && document.getElementById('state').textContent !== 'Ready.'",
        timeout=TIMEOUT_MS,
    )


def decoded_here(page: Any) -> np.ndarray[Any, Any]:
    """(H,W,3) of the canvas."""
    width, height, text = page.evaluate(PIXELS)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def decoded_there(server: Any, **fields: Any) -> np.ndarray[Any, Any]:
    """(H,W,3) of the picture that the server decodes."""
    body = json.dumps({"model": "codec-demo", **fields}).encode()
    with urllib.request.urlopen(
        urllib.request.Request(f"{server.url}/v1/images/generations", body)
    ) as answer:
        picture = json.load(answer)["data"][0]["b64_json"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))


@pytest.mark.browser
@pytest.mark.parametrize(
    ("pipeline", "mean_error"), [("raw", 0.5), ("int8-adaptive", 2.0), ("int8", 2.5), ("int4-adaptive", 30.0)]
)
def test_the_picture_decoded_in_the_browser_is_the_servers(
    page: Any, server: Any, pipeline: str, mean_error: float
) -> None:
    fields = {"prompt": "a cat on a blue background", "size": "128x128", "seed": "5", "steps": "8"}
    draw(page, pipeline=pipeline, **fields)
    assert page.locator("#state").text_content() == "Done."
    here = decoded_here(page).astype(int)
    there = decoded_there(server, **{**fields, "seed": 5, "steps": 8}).astype(int)
    assert here.shape == there.shape == (128, 128, 3)
    assert np.abs(here - there).mean() <= mean_error
    assert there.std() > 10
    assert page.problems == []


@pytest.mark.browser
def test_the_page_tells_what_the_latent_weighed_and_keeps_a_screenshot(page: Any) -> None:
    draw(page, pipeline="int8-adaptive", size="192x128", seed="3", steps="8")
    sizes = {
        name: int(page.locator(f"#bytes-{name}").text_content().replace(",", ""))
        for name in ("latent", "jpeg", "png", "pixels")
    }
    assert sizes["pixels"] == 192 * 128 * 3
    assert 4 * 24 * 16 < sizes["latent"] < 4 * 24 * 16 + 400
    assert sizes["latent"] < sizes["jpeg"] < sizes["png"]
    assert page.locator("#time-first").text_content().endswith(" ms")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "codec-page.png")


@pytest.mark.browser
def test_a_refusal_is_told_in_the_servers_words(page: Any) -> None:
    draw(page, prompt=" ", steps="1")
    assert "prompt" in page.locator("#state").text_content()
    assert page.locator("#state.error").count() == 1


def test_the_committed_files_stay_within_their_budget_and_name_their_licences() -> None:
    files = [path for path in (WEB / "dist").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BUDGET_BYTES
    assert "MIT" in (WEB / "dist" / "LICENCES.txt").read_text()


def test_the_committed_files_are_what_the_sources_build(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed; the built files are compared where it is")
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules", "dist", "__pycache__"))
    for command in (["ci", "--silent", "--no-audit", "--no-fund"], ["run", "--silent", "build"]):
        subprocess.run([npm, *command], cwd=copy, check=True, capture_output=True, timeout=300)
    for built in (copy / "dist").iterdir():
        assert built.read_bytes() == (WEB / "dist" / built.name).read_bytes(), (
            f"{built.name} is stale: npm run build"
        )
