"""The progress handler that tells clients: `progress_state` maps, and previews with metadata."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from comfy_execution.messages import (
    PREVIEW_IMAGE_WITH_METADATA,
    MessageSink,
    has_receiver,
    understands_metadata,
)
from comfy_execution.progress import (
    NodeProgressState,
    PreviewImageTuple,
    ProgressHandler,
    ProgressRegistry,
)

MAX_PLAIN_NODES = 64
"""Up to so many started nodes every change sends the whole map: 64 nodes make 128 maps, 8192 entries, some 2 MB."""
COALESCE_S = 0.05
"""Beyond that: 20 maps a second, which is what an eye can follow."""
MAX_BYTES_PER_S = 20_000_000
"""Fewer still where a map is large: ids inside of nested expansions grow with their depth, without a limit."""
_ENTRY_BYTES = 170
"""JSON of one entry without the ids in it, which it holds five times (once as its key)."""


class ProgressMessages(ProgressHandler):
    """Tells clients: `progress_state` with the complete map, and previews with metadata.

    The complete map makes a prompt's messages quadratic in its nodes, by contract. Up to `MAX_PLAIN_NODES` started
    nodes every change is sent; beyond that at most one map per `COALESCE_S`, and the last change always, by a timer
    or by `flush` before the prompt's closing message.
    """

    def __init__(self, sink: MessageSink, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("messages")
        self._sink = sink
        self._clock = clock
        self._lock = threading.RLock()
        self._registry: ProgressRegistry | None = None
        self._entries: dict[str, dict[str, Any]] = {}
        self._missed: set[str] = set()
        self._size_bytes = 0
        self._sent_at = 0.0
        self._timer: threading.Timer | None = None

    def set_registry(self, registry: ProgressRegistry) -> None:
        """Forgets what it showed of another prompt."""
        self._registry = registry
        self._entries = {}
        self._missed = set()
        self._size_bytes = 0

    def start_handler(self, node_id: str, state: NodeProgressState, prompt_id: str) -> None:
        """Shows the map."""
        self._show(node_id, state, prompt_id)

    def update_handler(
        self,
        node_id: str,
        value: float,
        max_value: float,
        state: NodeProgressState,
        prompt_id: str,
        image: PreviewImageTuple | None = None,
    ) -> None:
        """Shows the map, then the preview to a client that takes metadata."""
        self._show(node_id, state, prompt_id)
        if image is not None and understands_metadata(self._sink):
            metadata = {
                "node_id": node_id,
                "prompt_id": prompt_id,
                **self._ancestry(node_id),
                "image_type": "image/png" if image[0] == "PNG" else "image/jpeg",
            }
            self._sink.send_sync(PREVIEW_IMAGE_WITH_METADATA, (image, metadata), self._sink.client_id)

    def finish_handler(self, node_id: str, state: NodeProgressState, prompt_id: str) -> None:
        """Shows the map."""
        self._show(node_id, state, prompt_id)

    def flush(self) -> None:
        """Sends what was held back. Safe from any thread."""
        with self._lock:
            if self._timer is not None:
                self._stop_timer()
                self._send()

    def reset(self) -> None:
        """The prompt is over: what was held back goes out, then nothing more is shown."""
        self.flush()
        self._entries = {}

    def _show(self, node_id: str, state: NodeProgressState, prompt_id: str) -> None:
        """Entries are replaced, never changed: a message that waits to be sent keeps what it was built with."""
        if not has_receiver(self._sink, self._sink.client_id):
            self._missed.add(node_id)
            return
        with self._lock:
            self._put(node_id, state, prompt_id)
            if self._missed:
                self._catch_up(prompt_id)
            interval_s = max(COALESCE_S, self._size_bytes / MAX_BYTES_PER_S)
            wait_s = self._sent_at + interval_s - self._clock()
            if len(self._entries) <= MAX_PLAIN_NODES or wait_s <= 0:
                self._stop_timer()
                self._send()
            elif self._timer is None:
                self._timer = threading.Timer(wait_s, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        if self._registry is None:
            return
        self._sent_at = self._clock()
        message = {"prompt_id": self._registry.prompt_id, "nodes": dict(self._entries)}
        self._sink.send_sync("progress_state", message, self._sink.client_id)

    def _catch_up(self, prompt_id: str) -> None:
        """Fills the entries that nobody listened to when they changed."""
        known = {} if self._registry is None else self._registry.nodes
        for node_id in self._missed:
            if node_id in known:
                self._put(node_id, known[node_id], prompt_id)
        self._missed.clear()

    def _put(self, node_id: str, state: NodeProgressState, prompt_id: str) -> None:
        if node_id not in self._entries:
            self._size_bytes += _ENTRY_BYTES + 5 * len(node_id)
        self._entries[node_id] = self._entry(node_id, state, prompt_id)

    def _entry(self, node_id: str, state: NodeProgressState, prompt_id: str) -> dict[str, Any]:
        return {
            "value": state["value"],
            "max": state["max"],
            "state": state["state"].value,
            "node_id": node_id,
            "prompt_id": prompt_id,
            **self._ancestry(node_id),
        }

    def _ancestry(self, node_id: str) -> dict[str, str | None]:
        if self._registry is None:
            return {"display_node_id": node_id, "parent_node_id": None, "real_node_id": node_id}
        prompt = self._registry.dynprompt
        return {
            "display_node_id": prompt.get_display_node_id(node_id),
            "parent_node_id": prompt.get_parent_node_id(node_id),
            "real_node_id": prompt.get_real_node_id(node_id),
        }
