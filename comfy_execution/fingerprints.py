"""IS_CHANGED of V1 classes and `fingerprint_inputs` of V3 ones: asked once per node and prompt, before it runs."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

from comfy.interruption import InterruptProcessingException, interrupt_current_processing
from comfy_execution.context import CurrentNodeContext
from comfy_execution.inputs import hidden_values, literal_inputs
from comfy_execution.node_spec import NodeSpec
from comfy_execution.prompt import DynamicPrompt

_NEVER_THE_SAME = float("nan")
"""What an exception counts as: the node runs every time."""

logger = logging.getLogger(__name__)


async def read_fingerprints(
    nodes: Mapping[str, dict[str, Any]],
    specs: Mapping[str, NodeSpec],
    prompt_id: str,
    prompt: DynamicPrompt,
    extra_data: Mapping[str, Any],
) -> dict[str, Any]:
    """Fingerprints of the nodes whose class has them; each is noted in its node as the list `is_changed`.

    The note is contract: it reaches nodes through the hidden input PROMPT, and so the text chunks of pictures.
    """
    fingerprints: dict[str, Any] = {}
    for node_id, node in nodes.items():
        spec = specs.get(node_id)
        fingerprint = None if spec is None else spec.behaviour.fingerprint
        if spec is None or fingerprint is None:
            continue
        try:
            with CurrentNodeContext(prompt_id, node_id):
                value = fingerprint(
                    literal_inputs(node, spec), hidden_values(spec, node_id, prompt, extra_data)
                )
                if inspect.isawaitable(value):
                    value = await value
        except InterruptProcessingException:
            # The request was taken by raising; put back, it stops the first node that is called.
            interrupt_current_processing()
            value = _NEVER_THE_SAME
        except Exception as error:
            # Foreign code; any failure means "run it again".
            logger.warning("node %s (%s): the change check raised %r", node_id, spec.class_type, error)
            value = _NEVER_THE_SAME
        fingerprints[node_id] = value
        node["is_changed"] = [value]
    return fingerprints
