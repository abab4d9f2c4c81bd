"""What `execute` of a V3 node gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class UiValue(Protocol):
    """Anything that knows its entry for the client: the classes of `ui`."""

    def as_dict(self) -> dict[str, Any]:
        """The ui dict: key -> list or tuple."""


class NodeOutput:
    """Results in slot order, and beside them what to show, a graph to run instead, or a reason to stop.

    `ui` is a dict or one of the `ui` classes. `expand` is a finished graph (`GraphBuilder.finalize()`); the
    schema needs `enable_expand`. `block_execution` is a text: nodes that need these results do not run.
    """

    def __init__(
        self,
        *args: Any,
        ui: UiValue | Mapping[str, Any] | None = None,
        expand: Mapping[str, Any] | None = None,
        block_execution: str | None = None,
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        """The results, or None when there are none."""
        return self.args if self.args else None

    def __getitem__(self, index: int) -> Any:
        return self.args[index]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NodeOutput:
        """Reads the V1 dict form: `result`, `ui`, `expand`."""
        result = data.get("result") or ()
        results = tuple(result) if isinstance(result, (list, tuple)) else (result,)
        return cls(*results, ui=data.get("ui"), expand=data.get("expand"))

    def ui_dict(self) -> dict[str, Any] | None:
        """What the client is shown, or None."""
        if self.ui is None:
            return None
        return dict(self.ui) if isinstance(self.ui, Mapping) else self.ui.as_dict()
