"""Progress bars and their one hook."""

from __future__ import annotations

import pytest

from comfy import interruption, progress


@pytest.fixture
def told():
    heard = []
    progress.set_progress_bar_global_hook(lambda *args, **kwargs: heard.append((*args, kwargs)))
    yield heard
    progress.set_progress_bar_global_hook(None)


def test_updates_add_up_and_stop_at_the_total(told):
    bar = progress.ProgressBar(3, node_id="7")
    bar.update(2)
    bar.update(2)
    bar.update_absolute(1, total=5, preview="picture")
    assert told == [
        (2, 3, None, {"node_id": "7"}),
        (3, 3, None, {"node_id": "7"}),
        (1, 5, "picture", {"node_id": "7"}),
    ]


def test_bar_without_a_hook_just_counts():
    bar = progress.ProgressBar(3)
    bar.update(1)
    assert bar.current == 1


def test_update_stops_an_interrupted_prompt_after_telling(told):
    interruption.interrupt_current_processing()
    with pytest.raises(interruption.InterruptProcessingException):
        progress.ProgressBar(3).update(1)
    assert len(told) == 1
