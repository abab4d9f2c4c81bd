"""Door to the engine for custom nodes: the names they import from `execution`. Homes: `comfy_execution.*`.

Packs wrap `validate_prompt` and methods of `PromptExecutor` and `PromptQueue`: what they assign here is what runs.
"""

from comfy._facade import open_door
from comfy_execution.caching.modes import CacheType as CacheType
from comfy_execution.executor import PromptExecutor as PromptExecutor
from comfy_execution.graph_utils import ExecutionBlocker as ExecutionBlocker
from comfy_execution.history import MAXIMUM_HISTORY_SIZE as MAXIMUM_HISTORY_SIZE
from comfy_execution.legacy import ExecutionResult as ExecutionResult
from comfy_execution.legacy import get_input_data as get_input_data
from comfy_execution.legacy import map_node_over_list as map_node_over_list
from comfy_execution.queue import PromptQueue as PromptQueue
from comfy_execution.reports import full_type_name as full_type_name
from comfy_execution.validation import validate_inputs as validate_inputs
from comfy_execution.validation import validate_prompt as validate_prompt

__all__ = [
    "MAXIMUM_HISTORY_SIZE",
    "CacheType",
    "ExecutionBlocker",
    "ExecutionResult",
    "PromptExecutor",
    "PromptQueue",
    "full_type_name",
    "get_input_data",
    "map_node_over_list",
    "validate_inputs",
    "validate_prompt",
]

open_door(__name__)
