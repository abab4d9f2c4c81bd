"""What the engine says to clients, and to whom. Shapes are contract (websocket reference).

`MessageSink` is the server as the engine sees it. `PromptMessages` knows one running prompt: it builds a message only
when somebody receives it, and keeps the list that the history shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from comfy_execution.prompt import DynamicPrompt

PREVIEW_IMAGE = 2
"""In-process event `(format, picture, max size or None)`; the server encodes it into binary type 1."""
PREVIEW_IMAGE_WITH_METADATA = 4
"""In-process event `((format, picture, max size or None), metadata)`; encoded into binary type 4."""


class MessageSink(Protocol):
    """The server's side of the engine: where messages go. `send_sync` is safe from any thread.

    More attributes are used when they are there: `wants(sid)` (whether a message for a session has a reader), without
    it `sockets` (session id -> socket; without that everybody is taken to listen), and `sockets_metadata` (session id
    -> {"feature_flags": {...}}).
    """

    client_id: str | None
    last_node_id: str | None
    last_prompt_id: str | None

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Queues one message for the session `sid`, for every session when it is None."""

    def queue_updated(self) -> None:
        """Tells every session how long the queue is."""


def has_receiver(sink: MessageSink, sid: str | None) -> bool:
    """Whether anybody would get a message for `sid` (None: for everybody)."""
    asked = getattr(sink, "wants", None)
    if asked is not None:
        return bool(asked(sid))
    sockets = getattr(sink, "sockets", None)
    if sockets is None:
        return True
    return bool(sockets) if sid is None else sid in sockets


def understands_metadata(sink: MessageSink) -> bool:
    """Whether the running prompt's client takes previews with metadata."""
    if sink.client_id is None:
        return False
    known: Mapping[str, Any] = getattr(sink, "sockets_metadata", {})
    flags = known.get(sink.client_id, {}).get("feature_flags", {})
    return flags.get("supports_preview_metadata") is True


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def node_meta(prompt: DynamicPrompt, node_id: str) -> dict[str, str | None]:
    """The `meta` entry of history for one node."""
    return {
        "node_id": node_id,
        "display_node": prompt.get_display_node_id(node_id),
        "parent_node": prompt.get_parent_node_id(node_id),
        "real_node_id": prompt.get_real_node_id(node_id),
    }


class PromptMessages:
    """Messages of one prompt. `status_messages` become `status.messages` of the history entry."""

    def __init__(
        self, sink: MessageSink, prompt_id: str, prompt: DynamicPrompt, clock_ms: Callable[[], int] = now_ms
    ) -> None:
        self._sink = sink
        self._prompt_id = prompt_id
        self._prompt = prompt
        self._clock_ms = clock_ms
        self.status_messages: list[tuple[str, dict[str, Any]]] = []

    def started(self) -> None:
        """`execution_start`."""
        self._milestone("execution_start", {"prompt_id": self._prompt_id})

    def cached(self, node_ids: Sequence[str]) -> None:
        """`execution_cached`, once per prompt, also with an empty list."""
        self._milestone("execution_cached", {"nodes": list(node_ids), "prompt_id": self._prompt_id})

    def succeeded(self) -> None:
        """`execution_success`."""
        self._milestone("execution_success", {"prompt_id": self._prompt_id})

    def failed(self, report: Mapping[str, Any]) -> None:
        """`execution_error` with the body that `reports.error_report` made."""
        self._milestone("execution_error", {"prompt_id": self._prompt_id, **report})

    def interrupted(self, report: Mapping[str, Any]) -> None:
        """`execution_interrupted`; without a client it goes to everybody."""
        self._milestone("execution_interrupted", {"prompt_id": self._prompt_id, **report}, to_all=True)

    def executing(self, node_id: str) -> None:
        """`executing`, before a node runs."""
        display_id = self._prompt.get_display_node_id(node_id)
        self._sink.last_node_id = display_id
        if self._client_listens():
            self._send(
                "executing", {"node": node_id, "display_node": display_id, "prompt_id": self._prompt_id}
            )

    def executed(self, node_id: str, ui: Mapping[str, Any] | None) -> None:
        """`executed`, with the node's ui (None for a cached node that had none)."""
        if self._client_listens():
            self._send(
                "executed",
                {
                    "node": node_id,
                    "display_node": self._prompt.get_display_node_id(node_id),
                    "output": ui,
                    "prompt_id": self._prompt_id,
                },
            )

    def blocked(self, node_id: str, class_type: str, message: str, executed: Sequence[str]) -> None:
        """The blocked form of `execution_error`: shown to the client, not in the history."""
        if has_receiver(self._sink, self._sink.client_id):
            self._send(
                "execution_error",
                {
                    "prompt_id": self._prompt_id,
                    "node_id": node_id,
                    "node_type": class_type,
                    "executed": list(executed),
                    "exception_message": f"Execution Blocked: {message}",
                    "exception_type": "ExecutionBlocked",
                    "traceback": [],
                    "current_inputs": [],
                    "current_outputs": [],
                },
            )

    def _milestone(self, event: str, data: dict[str, Any], *, to_all: bool = False) -> None:
        data["timestamp"] = self._clock_ms()
        self.status_messages.append((event, data))
        client_id = self._sink.client_id
        if (client_id is not None or to_all) and has_receiver(self._sink, client_id):
            self._send(event, data)

    def _client_listens(self) -> bool:
        client_id = self._sink.client_id
        return client_id is not None and has_receiver(self._sink, client_id)

    def _send(self, event: str, data: dict[str, Any]) -> None:
        self._sink.send_sync(event, data, self._sink.client_id)
