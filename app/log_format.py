"""`--log-format json`: one object per line, with the prompt and node that a line belongs to."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from comfy_execution.context import get_executing_context

ENGINE_THREAD = "engine"


class JsonFormatter(logging.Formatter):
    """A record as JSON: time, level, logger, message; prompt_id, node_id and exception where there is one.

    `running`: the prompt that the engine's thread is at, for its lines outside of a node.
    """

    def __init__(self, running: Callable[[], str | None] = lambda: None) -> None:
        super().__init__()
        self._running = running

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._origin(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)

    def _origin(self, record: logging.LogRecord) -> dict[str, Any]:
        context = get_executing_context()
        node_id = context.node_id if context is not None else None
        prompt_id: Any = getattr(record, "prompt_id", None)
        if prompt_id is None and context is not None:
            prompt_id = context.prompt_id
        if prompt_id is None and record.threadName == ENGINE_THREAD:
            prompt_id = self._running()
        return {
            key: value for key, value in (("prompt_id", prompt_id), ("node_id", node_id)) if value is not None
        }
