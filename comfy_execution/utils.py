"""Door to `comfy_execution.context`: packs ask here which node call is being executed."""

from comfy_execution.context import CurrentNodeContext as CurrentNodeContext
from comfy_execution.context import ExecutionContext as ExecutionContext
from comfy_execution.context import get_executing_context as get_executing_context

__all__ = ["CurrentNodeContext", "ExecutionContext", "get_executing_context"]
