"""What V3 nodes call on the host: `await ComfyAPI().execution.set_progress(...)`, `.node_replacement.register(...)`.

Progress goes to the same listener as `comfy.progress.ProgressBar`, so a node may use either.
"""

from __future__ import annotations

from typing import Any

from PIL import Image

from comfy.progress import ProgressBar
from comfy_api.caching import Registration, RegistrationSync
from comfy_api.media.png import to_pil
from comfy_api.replacements import REPLACEMENTS, NodeReplace
from comfy_execution.context import get_executing_context

MAX_PREVIEW = 512
"""Longest side of a preview in pixels, unless the size limit is ignored: what the client shows on a node."""


class NoRunningNodeError(RuntimeError):
    """Progress was reported outside of a node's call and without a node id."""

    def __init__(self) -> None:
        super().__init__("set_progress needs a node_id when it is called outside of a running node")


def report_progress(
    value: float, max_value: float, node_id: str | None, preview_image: Any, ignore_size_limit: bool
) -> None:
    """Tells the engine's listener that a node is at `value` of `max_value`.

    `preview_image` is a PIL image or one float image (H,W,C) or (1,H,W,C) in 0..1. Raises:
    NoRunningNodeError; InterruptProcessingException when the prompt was asked to stop.
    """
    if node_id is None:
        context = get_executing_context()
        if context is None:
            raise NoRunningNodeError
        node_id = context.node_id
    preview = None
    if preview_image is not None:
        picture = preview_image if isinstance(preview_image, Image.Image) else to_pil(_one(preview_image))
        preview = ("JPEG", picture.convert("RGB"), None if ignore_size_limit else MAX_PREVIEW)
    ProgressBar(max_value, node_id).update_absolute(value, max_value, preview)


def _one(image: Any) -> Any:
    return image[0] if len(image.shape) == 4 else image


class Execution:
    """What a running node may tell, awaitable form."""

    async def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        """As `report_progress`."""
        report_progress(value, max_value, node_id, preview_image, ignore_size_limit)


class ExecutionSync:
    """What a running node may tell, blocking form."""

    def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Any = None,
        ignore_size_limit: bool = False,
    ) -> None:
        """As `report_progress`."""
        report_progress(value, max_value, node_id, preview_image, ignore_size_limit)


class Replacement:
    """Rules for retired node classes, awaitable form."""

    async def register(self, rule: NodeReplace) -> None:
        """Adds a rule for prompts and web pages."""
        REPLACEMENTS.register(rule)


class ReplacementSync:
    """Rules for retired node classes, blocking form."""

    def register(self, rule: NodeReplace) -> None:
        """Adds a rule for prompts and web pages."""
        REPLACEMENTS.register(rule)


class ComfyAPI:
    """What nodes may call on the host, for coroutines."""

    VERSION = "latest"
    STABLE = False

    def __init__(self) -> None:
        self.execution = Execution()
        self.node_replacement = Replacement()
        self.caching = Registration()


class ComfyAPISync:
    """What nodes may call on the host, for plain functions."""

    VERSION = "latest"
    STABLE = False

    def __init__(self) -> None:
        self.execution = ExecutionSync()
        self.node_replacement = ReplacementSync()
        self.caching = RegistrationSync()


class ComfyAPIV0_0_2(ComfyAPI):
    """Version 0.0.2, frozen."""

    VERSION = "0.0.2"
    STABLE = True


class ComfyAPIV0_0_1(ComfyAPI):
    """Version 0.0.1, frozen."""

    VERSION = "0.0.1"
    STABLE = True


class ComfyAPISyncV0_0_2(ComfyAPISync):
    """Version 0.0.2, frozen."""

    VERSION = "0.0.2"
    STABLE = True


class ComfyAPISyncV0_0_1(ComfyAPISync):
    """Version 0.0.1, frozen."""

    VERSION = "0.0.1"
    STABLE = True
