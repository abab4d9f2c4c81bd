"""Progress of long work, told to whoever listens.

Nodes make a `ProgressBar` and update it; the engine installs one hook for the process. Every update is also a point
where an interrupted prompt stops. The names are known to packs through `comfy.utils`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy import interruption

# f(value, total, preview, node_id=...); the engine's hook finds prompt and node by its own context where they are None.
ProgressHook = Callable[..., Any]

PROGRESS_BAR_ENABLED = True
PROGRESS_BAR_HOOK: ProgressHook | None = None


def set_progress_bar_enabled(enabled: bool) -> None:
    """Whether terminal progress bars are wanted; hooks are called either way."""
    global PROGRESS_BAR_ENABLED
    PROGRESS_BAR_ENABLED = enabled


def set_progress_bar_global_hook(function: ProgressHook | None) -> None:
    """Installs the listener of progress bars made from now on."""
    global PROGRESS_BAR_HOOK
    PROGRESS_BAR_HOOK = function


class ProgressBar:
    """Steps done out of a total.

    A preview is (format "JPEG" or "PNG", PIL image, longest side in pixels or None).
    """

    def __init__(self, total: float, node_id: str | None = None) -> None:
        self.total = total
        self.current: float = 0
        self.hook = PROGRESS_BAR_HOOK
        self.node_id = node_id

    def update_absolute(self, value: float, total: float | None = None, preview: Any = None) -> None:
        """Sets the steps done (cut at the total) and tells the hook.

        Raises: InterruptProcessingException when the prompt was asked to stop and a hook listens.
        """
        if total is not None:
            self.total = total
        self.current = min(value, self.total)
        if self.hook is None:
            return
        self.hook(self.current, self.total, preview, node_id=self.node_id)
        interruption.throw_exception_if_processing_interrupted()

    def update(self, value: float) -> None:
        """Adds to the steps done."""
        self.update_absolute(self.current + value)
