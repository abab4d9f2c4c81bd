"""Which node call is being executed in this thread or task.

The engine sets the context around every call of a node's function; threads that a node starts on its own do not
inherit it (use `contextvars.copy_context().run`). Door for packs: `comfy_execution.utils`.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import NamedTuple


class ExecutionContext(NamedTuple):
    """One call of one node."""

    prompt_id: str
    node_id: str
    list_index: int | None


executing: ContextVar[ExecutionContext | None] = ContextVar("comfy_execution.executing", default=None)


def get_executing_context() -> ExecutionContext | None:
    """The node call that runs here, or None outside of one."""
    return executing.get()


class CurrentNodeContext:
    """`with CurrentNodeContext(prompt_id, node_id): ...` attributes what happens inside to that node."""

    def __init__(self, prompt_id: str, node_id: str, list_index: int | None = None) -> None:
        self.context = ExecutionContext(prompt_id, node_id, list_index)
        self._token: Token[ExecutionContext | None] | None = None

    def __enter__(self) -> CurrentNodeContext:
        self._token = executing.set(self.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            executing.reset(self._token)
            self._token = None
