"""Progress of the running prompt: one registry of node states, and handlers that show it to somebody.

`get_progress_state()` is process wide because nodes report from any thread. The handler that tells clients is in
`progress_messages`; previews pass through untouched, nothing here knows a picture library.
"""

from __future__ import annotations

from abc import ABC
from enum import Enum
from typing import Any, TypedDict

from comfy.interruption import throw_exception_if_processing_interrupted
from comfy_execution.context import get_executing_context
from comfy_execution.messages import (
    PREVIEW_IMAGE,
    MessageSink,
    has_receiver,
    understands_metadata,
)
from comfy_execution.prompt import DynamicPrompt

PreviewImageTuple = tuple[str, Any, int | None]
"""(format "JPEG" or "PNG", picture, largest side in pixels or None)"""


class NodeState(Enum):
    """States that clients know. A failed node stays `running` on the wire."""

    Pending = "pending"
    Running = "running"
    Finished = "finished"
    Error = "error"


class NodeProgressState(TypedDict):
    """Progress of one node."""

    state: NodeState
    value: float
    max: float


class ProgressHandler(ABC):  # noqa: B024 - packs subclass it and override what they need
    """Base for whoever shows progress. Override what is of interest."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.enabled = True

    def set_registry(self, registry: ProgressRegistry) -> None:  # noqa: B027 - optional hook
        """Called when it is registered."""

    def start_handler(self, node_id: str, state: NodeProgressState, prompt_id: str) -> None:  # noqa: B027
        """A node started (or was taken up again)."""

    def update_handler(  # noqa: B027 - optional hook
        self,
        node_id: str,
        value: float,
        max_value: float,
        state: NodeProgressState,
        prompt_id: str,
        image: PreviewImageTuple | None = None,
    ) -> None:
        """A node made a step."""

    def finish_handler(self, node_id: str, state: NodeProgressState, prompt_id: str) -> None:  # noqa: B027
        """A node is done."""

    def reset(self) -> None:  # noqa: B027 - optional hook
        """The prompt is over."""

    def enable(self) -> None:
        """Lets it be called again."""
        self.enabled = True

    def disable(self) -> None:
        """Keeps it registered but silent."""
        self.enabled = False


class ProgressRegistry:
    """States of all nodes of one prompt that started so far."""

    def __init__(self, prompt_id: str, dynprompt: DynamicPrompt) -> None:
        self.prompt_id = prompt_id
        self.dynprompt = dynprompt
        self.nodes: dict[str, NodeProgressState] = {}
        self.handlers: dict[str, ProgressHandler] = {}

    def register_handler(self, handler: ProgressHandler) -> None:
        """Adds a handler; one with the same name is replaced."""
        self.handlers[handler.name] = handler
        handler.set_registry(self)

    def unregister_handler(self, handler_name: str) -> None:
        """Removes a handler, if it is there."""
        self.handlers.pop(handler_name, None)

    def enable_handler(self, handler_name: str) -> None:
        """Lets a handler be called again."""
        if handler_name in self.handlers:
            self.handlers[handler_name].enable()

    def disable_handler(self, handler_name: str) -> None:
        """Silences a handler."""
        if handler_name in self.handlers:
            self.handlers[handler_name].disable()

    def ensure_entry(self, node_id: str) -> NodeProgressState:
        """The node's entry, made when it is new."""
        entry = self.nodes.get(node_id)
        if entry is None:
            entry = self.nodes[node_id] = {"state": NodeState.Pending, "value": 0, "max": 1}
        return entry

    def start_progress(self, node_id: str) -> None:
        """The node starts; also when a lazy node is taken up again."""
        entry = self.ensure_entry(node_id)
        entry["state"], entry["value"], entry["max"] = NodeState.Running, 0.0, 1.0
        for handler in self.handlers.values():
            if handler.enabled:
                handler.start_handler(node_id, entry, self.prompt_id)

    def update_progress(
        self, node_id: str, value: float, max_value: float, image: PreviewImageTuple | None = None
    ) -> None:
        """The node made a step."""
        entry = self.ensure_entry(node_id)
        entry["state"], entry["value"], entry["max"] = NodeState.Running, value, max_value
        for handler in self.handlers.values():
            if handler.enabled:
                handler.update_handler(node_id, value, max_value, entry, self.prompt_id, image)

    def finish_progress(self, node_id: str) -> None:
        """The node is done."""
        entry = self.ensure_entry(node_id)
        entry["state"], entry["value"] = NodeState.Finished, entry["max"]
        for handler in self.handlers.values():
            if handler.enabled:
                handler.finish_handler(node_id, entry, self.prompt_id)

    def reset_handlers(self) -> None:
        """Tells every handler that the prompt is over."""
        for handler in self.handlers.values():
            handler.reset()


_current: ProgressRegistry | None = None


def reset_progress_state(prompt_id: str, dynprompt: DynamicPrompt) -> None:
    """Starts the registry of a new prompt; the old one's handlers are told that it is over."""
    global _current
    if _current is not None:
        _current.reset_handlers()
    _current = ProgressRegistry(prompt_id, dynprompt)


def add_progress_handler(handler: ProgressHandler) -> None:
    """Registers a handler for the running prompt."""
    get_progress_state().register_handler(handler)


def get_progress_state() -> ProgressRegistry:
    """The registry of the running prompt (an empty one before the first)."""
    global _current
    if _current is None:
        _current = ProgressRegistry("", DynamicPrompt({}))
    return _current


class ProgressHook:
    """What `comfy.progress.ProgressBar` calls: checks for an interrupt, then reports the step to everybody."""

    def __init__(self, sink: MessageSink) -> None:
        self._sink = sink

    def __call__(
        self,
        value: float,
        total: float,
        preview: PreviewImageTuple | None,
        prompt_id: str | None = None,
        node_id: str | None = None,
    ) -> None:
        """One step of a progress bar, from any thread."""
        throw_exception_if_processing_interrupted()
        context = get_executing_context()
        if prompt_id is None:
            prompt_id = context.prompt_id if context is not None else self._sink.last_prompt_id
        if node_id is None:
            node_id = context.node_id if context is not None else self._sink.last_node_id
        if node_id is None:
            return
        get_progress_state().update_progress(node_id, value, total, preview)
        client_id = self._sink.client_id
        if not has_receiver(self._sink, client_id):
            return
        step = {"value": value, "max": total, "prompt_id": prompt_id, "node": node_id}
        self._sink.send_sync("progress", step, client_id)
        if preview is not None and not understands_metadata(self._sink):
            self._sink.send_sync(PREVIEW_IMAGE, preview, client_id)
