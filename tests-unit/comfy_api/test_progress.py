"""Progress from V3 nodes reaches the listener of progress bars."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from comfy import interruption, progress
from comfy_api.latest import ComfyAPI, ComfyAPISync
from comfy_api.progress import NoRunningNodeError
from comfy_execution.context import CurrentNodeContext


@pytest.fixture
def heard():
    calls = []
    progress.set_progress_bar_global_hook(lambda *args, **kwargs: calls.append((args, kwargs)))
    yield calls
    progress.set_progress_bar_global_hook(None)
    interruption.interrupt_current_processing(False)


def test_progress_of_the_running_node_is_told(heard):
    with CurrentNodeContext("p", "7"):
        ComfyAPISync().execution.set_progress(2, 5)
    assert heard == [((2, 5, None), {"node_id": "7"})]


async def test_the_awaitable_form_tells_the_same(heard):
    await ComfyAPI().execution.set_progress(1, 4, node_id="9")
    assert heard == [((1, 4, None), {"node_id": "9"})]


@pytest.mark.parametrize(
    "preview", [Image.new("RGBA", (8, 4)), torch.zeros(4, 8, 3), torch.zeros(1, 4, 8, 4)]
)
@pytest.mark.parametrize(("ignore", "limit"), [(False, 512), (True, None)])
def test_previews_are_pictures_with_a_size_limit(heard, preview, ignore, limit):
    ComfyAPISync().execution.set_progress(1, 1, "1", preview, ignore)
    kind, picture, size = heard[0][0][2]
    assert (kind, picture.mode, picture.size, size) == ("JPEG", "RGB", (8, 4), limit)


def test_outside_of_a_node_the_id_must_be_given(heard):
    with pytest.raises(NoRunningNodeError):
        ComfyAPISync().execution.set_progress(1, 1)


def test_an_interrupted_prompt_stops_at_the_report(heard):
    interruption.interrupt_current_processing()
    with pytest.raises(interruption.InterruptProcessingException):
        ComfyAPISync().execution.set_progress(1, 1, "1")
