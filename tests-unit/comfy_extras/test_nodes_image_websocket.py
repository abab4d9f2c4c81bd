"""SaveImageWebsocket: progress and pictures as clients expect them; no file, no entry in the cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from comfy import progress
from comfy_extras.builtin import builtin_modules
from comfy_extras.nodes_image_websocket import SaveImageWebsocket


def test_each_picture_is_a_full_size_png_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        progress, "PROGRESS_BAR_HOOK", lambda value, total, preview, **_: seen.append((value, total, preview))
    )
    images = torch.zeros(3, 700, 600, 3)
    images[1, :, :, 0] = 1.0
    assert SaveImageWebsocket().save_images(images) == {}
    assert [(value, total) for value, total, _ in seen] == [(0, 3), (1, 3), (2, 3)]
    for _, _, (kind, picture, max_size) in seen:
        assert (kind, picture.size, max_size) == ("PNG", (600, 700), None)
    assert seen[1][2][1].getpixel((0, 0)) == (255, 0, 0)


def test_it_never_equals_an_earlier_run() -> None:
    changed = SaveImageWebsocket.IS_CHANGED(None)
    assert changed != changed


def test_clients_know_it_as_a_custom_node() -> None:
    assert ("comfy_extras.nodes_image_websocket", "custom_nodes.websocket_image_save") in builtin_modules()
