"""The web page in a real browser: first visit, Run, the picture, and the graph back out of the picture.

Screenshots are kept in `test-artifacts/`. Without a browser these tests are skipped, except in CI.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "test-artifacts"
START_GRAPH = json.loads((ROOT / "app" / "web_extension" / "codec" / "start_graph.json").read_text())
HARMLESS_404 = ("/user.css", "/api/userdata/", "/api/userdata?", "/templates/index_logo.json")
"""What the page asks for and a fresh server normally does not have (front end contract)."""

TIMEOUT_MS = 60_000

GRAPH_NODES = "() => window.app?.graph?.nodes?.map(node => node.type) ?? []"
PICTURE_SIZE = """() => {
  const node = window.app.graph.nodes.find(node => node.type === 'SaveImage');
  const picture = node?.imgs?.[0];
  return picture?.complete ? [picture.naturalWidth, picture.naturalHeight] : null;
}"""
PROMPT_TEXT = """() => window.app.graph.nodes.filter(node => node.type === 'CLIPTextEncode')
  .map(node => node.widgets.find(widget => widget.name === 'text').value)"""
DROP_FILE = """async (url) => {
  const blob = await (await fetch(url)).blob();
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], 'dropped.png', {type: 'image/png'}));
  const options = {bubbles: true, cancelable: true, dataTransfer: transfer, clientX: 700, clientY: 450};
  const canvas = document.getElementById('graph-canvas');
  for (const type of ['dragenter', 'dragover', 'drop']) canvas.dispatchEvent(new DragEvent(type, options));
}"""


@dataclass
class Visit:
    """A page with a fresh profile, and what went wrong in it."""

    page: Any
    url: str
    problems: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Collects page errors, console errors and answers of 400 and above that are not harmless."""
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("console", self._console)
        self.page.on("response", self._response)

    def _console(self, message: Any) -> None:
        text = message.text
        if message.type == "error" and "Failed to load resource" not in text:
            self.problems.append(f"console: {text}")

    def _response(self, response: Any) -> None:
        parts = urlsplit(response.url)
        path = parts.path + ("?" + parts.query if parts.query else "")
        if response.status >= 400 and not (response.status == 404 and path.startswith(HARMLESS_404)):
            self.problems.append(f"{response.status} {response.request.method} {path}")

    def open(self) -> None:
        """Loads the page and waits until a graph is on the canvas."""
        self.page.goto(self.url)
        self.page.wait_for_selector("#graph-canvas", timeout=TIMEOUT_MS)
        self.page.wait_for_function("() => window.app?.graph?.nodes?.length > 0", timeout=TIMEOUT_MS)

    def screenshot(self, name: str) -> None:
        """Keeps a picture of the page."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")


@pytest.fixture(scope="module")
def server(start_server: Any) -> Any:
    return start_server(demo_model=True)


@pytest.fixture
def visit(browser: Any, server: Any) -> Iterator[Visit]:
    """A new visitor; calls that would leave this machine are answered with an empty list."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.route(
        lambda url: urlsplit(url).hostname != "127.0.0.1",
        lambda route: route.fulfill(status=200, content_type="application/json", body="[]"),
    )
    found = Visit(context.new_page(), server.url)
    found.watch()
    yield found
    context.close()


def test_first_visit_shows_a_graph_that_runs_and_its_picture_holds_the_graph(
    visit: Visit, server: Any
) -> None:
    visit.open()
    page = visit.page
    assert page.evaluate(GRAPH_NODES) == [node["type"] for node in START_GRAPH["nodes"]]
    page.wait_for_load_state("networkidle")  # a template dialog would open by itself and fetch its index
    assert page.locator("[role=dialog]:visible").count() == 0
    visit.screenshot("first-visit")

    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function(PICTURE_SIZE, timeout=TIMEOUT_MS)
    latent = next(node for node in START_GRAPH["nodes"] if node["type"] == "EmptyLatentImage")
    assert page.evaluate(PICTURE_SIZE) == latent["widgets_values"][:2]
    visit.screenshot("after-run")

    saved = max((server.base / "output").glob("*.png"))
    settings = json.loads((server.base / "user" / "default" / "comfy.settings.json").read_text())
    assert settings["Comfy.TutorialCompleted"] is True

    page.evaluate("() => window.app.graph.clear()")
    assert page.evaluate(GRAPH_NODES) == []
    page.evaluate(DROP_FILE, f"/view?filename={saved.name}&type=output")
    page.wait_for_function("() => window.app.graph.nodes.length === 7", timeout=TIMEOUT_MS)
    assert sorted(page.evaluate(GRAPH_NODES)) == sorted(node["type"] for node in START_GRAPH["nodes"])
    texts = [node["widgets_values"][0] for node in START_GRAPH["nodes"] if node["type"] == "CLIPTextEncode"]
    assert sorted(page.evaluate(PROMPT_TEXT)) == sorted(texts)
    visit.screenshot("graph-from-picture")
    assert visit.problems == []


def test_a_saved_workflow_survives_a_reload_and_the_job_is_listed(visit: Visit, server: Any) -> None:
    visit.open()
    page = visit.page
    page.evaluate("""() => {
      const node = window.app.graph.nodes.find(node => node.type === 'EmptyLatentImage');
      for (const widget of node.widgets.slice(0, 2)) widget.value = 64;
    }""")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function(PICTURE_SIZE, timeout=TIMEOUT_MS)
    assert page.evaluate(PICTURE_SIZE) == [64, 64]
    page.get_by_test_id("queue-overlay-toggle").click()
    page.get_by_test_id("queue-progress-overlay").get_by_text("codec_0").first.wait_for(timeout=TIMEOUT_MS)
    visit.screenshot("job-list")

    page.locator("#graph-canvas").click(position={"x": 400, "y": 700})
    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_role("textbox").fill("my flow")
    with page.expect_response(
        lambda answer: "/api/userdata/workflows%2Fmy%20flow.json" in answer.url
    ) as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.status == 200
    saved = json.loads((server.base / "user" / "default" / "workflows" / "my flow.json").read_text())
    assert len(saved["nodes"]) == len(START_GRAPH["nodes"])

    page.reload()
    page.wait_for_function("() => window.app?.graph?.nodes?.length > 0", timeout=TIMEOUT_MS)
    latent = "() => window.app.graph.nodes.find(node => node.type === 'EmptyLatentImage').widgets[0].value"
    assert page.evaluate(latent) == 64
    page.get_by_text("my flow").first.wait_for(timeout=TIMEOUT_MS)
    visit.screenshot("after-reload")
    assert visit.problems == []


def test_an_unusable_value_marks_the_node_and_the_page_goes_on(visit: Visit) -> None:
    visit.open()
    page = visit.page
    page.evaluate("""() => {
      const node = window.app.graph.nodes.find(node => node.type === 'CheckpointLoaderSimple');
      node.widgets[0].value = 'no-such-model.safetensors';
    }""")
    with page.expect_response(lambda answer: answer.url.endswith("/api/prompt")) as waiting:
        page.get_by_role("button", name="Run", exact=True).click()
    answer = waiting.value
    assert answer.status == 400
    (errors,) = answer.json()["node_errors"].values()
    assert errors["errors"][0]["extra_info"]["input_name"] == "ckpt_name"
    visit.screenshot("refused-value")
    expected = ("400 POST /api/prompt", "console: PromptExecutionError")  # the page logs its own refusal
    assert [problem for problem in visit.problems if not problem.startswith(expected)] == []


SET_WIDGET = """([type, name, value]) => {
  const node = window.app.graph.nodes.find(node => node.type === type);
  node.widgets.find(widget => widget.name === name).value = value;
}"""
ACTIVE_WORKFLOW = "() => window.app.extensionManager.workflow.activeWorkflow?.path"


def test_a_walk_from_the_first_visit_to_a_changed_setting(visit: Visit, start_server: Any) -> None:
    """First visit, Run, picture, job list, save, reload, open, interrupt a long run, change a setting."""
    server = start_server(demo_model=True)
    visit.url = server.url
    visit.open()
    page = visit.page
    for name in ("width", "height"):
        page.evaluate(SET_WIDGET, ["EmptyLatentImage", name, 64])
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function(PICTURE_SIZE, timeout=TIMEOUT_MS)
    assert page.evaluate(PICTURE_SIZE) == [64, 64]
    page.get_by_test_id("queue-overlay-toggle").click()
    page.get_by_test_id("queue-progress-overlay").get_by_text("codec_0").first.wait_for(timeout=TIMEOUT_MS)
    visit.screenshot("walk-1-picture-and-jobs")

    page.locator("#graph-canvas").click(position={"x": 400, "y": 700})
    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_role("textbox").fill("walked")
    with page.expect_response(lambda answer: "/api/userdata/workflows%2Fwalked.json" in answer.url) as saving:
        page.keyboard.press("Enter")
    assert saving.value.status == 200

    page.reload()
    page.wait_for_function("() => window.app?.graph?.nodes?.length > 0", timeout=TIMEOUT_MS)
    page.get_by_role("button", name="Create a new blank workflow").click()
    page.wait_for_function("() => window.app.graph.nodes.length === 0", timeout=TIMEOUT_MS)
    page.get_by_test_id("workflows-tab-button").click()
    page.get_by_role("treeitem").filter(has_text="walked").first.click()
    page.wait_for_function("() => window.app.graph.nodes.length > 0", timeout=TIMEOUT_MS)
    assert page.evaluate(ACTIVE_WORKFLOW) == "workflows/walked.json"
    assert sorted(page.evaluate(GRAPH_NODES)) == sorted(node["type"] for node in START_GRAPH["nodes"])
    visit.screenshot("walk-2-opened-again")

    page.evaluate(SET_WIDGET, ["KSampler", "steps", 9000])
    page.get_by_role("button", name="Run", exact=True).click()
    stop = page.get_by_role("button", name="Cancel current run")
    page.wait_for_function("() => window.app.runningNodeId != null", timeout=TIMEOUT_MS)
    visit.screenshot("walk-3-a-long-run")
    stop.click()
    page.wait_for_function("() => window.app.runningNodeId == null", timeout=TIMEOUT_MS)
    (cancelled,) = page.evaluate(
        "async () => (await (await fetch('/api/jobs?status=cancelled')).json()).jobs"
    )
    assert cancelled["status"] == "cancelled"

    page.keyboard.press("Control+,")
    switch = page.get_by_role("dialog").locator("[id='Comfy.TextareaWidget.Spellcheck']")
    with page.expect_response(lambda answer: "/api/settings" in answer.url) as changing:
        switch.click()
    assert changing.value.status == 200
    visit.screenshot("walk-4-settings")
    settings = json.loads((server.base / "user" / "default" / "comfy.settings.json").read_text())
    assert settings["Comfy.TextareaWidget.Spellcheck"] is True
    assert visit.problems == []


STREAM_GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 24, "color": 99}},
    "2": {"class_type": "ImageBatchToStream", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "ImageStreamToBatch", "inputs": {"stream": ["2", 0], "batch_size": 4}},
    "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
}


def test_streams_have_a_colour_and_their_nodes_say_how_many_frames_they_did(visit: Visit) -> None:
    visit.open()
    page = visit.page
    page.evaluate("graph => window.app.loadApiJson(graph, 'streams')", STREAM_GRAPH)
    page.wait_for_function("() => window.app.graph.nodes.length === 4", timeout=TIMEOUT_MS)
    colours = page.evaluate("() => window.app.canvas.default_connection_color_byType")
    assert colours["IMAGE_STREAM"] != colours["LATENT_STREAM"]
    page.get_by_role("button", name="Run", exact=True).click()
    label = "() => window.app.graph.nodes.find(node => node.type === 'ImageStreamToBatch').codecFrames"
    page.wait_for_function(f"() => ({label})()?.startsWith('24 frames')", timeout=TIMEOUT_MS)
    visit.screenshot("streams")
    assert visit.problems == []
