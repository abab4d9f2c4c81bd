"""What a prompt's messages say of the workflow it came from: `workflow_metadata` of POST /prompt.

A client gives a small object, or the id of the page's workflow is taken. Its fields go into every JSON message
of that prompt and into the metadata of its previews; fields of the message itself win.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from app.errors import RequestError
from protocol import BinaryEventTypes

MAX_BYTES = 256
"""As JSON. It is repeated in every message."""

MAX_PROMPTS = 20_000
"""More than wait or run at a time; older prompts have sent their last message."""


def workflow_tag(body: Mapping[str, Any], extra_data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields for one prompt, {} when nothing is known of its workflow.

    Raises: RequestError when the client's own are no object or too many.
    """
    given = body.get("workflow_metadata")
    if given is None:
        found: Any = extra_data
        for key in ("extra_pnginfo", "workflow", "id"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return {"workflow_id": found} if isinstance(found, str) and len(found) <= MAX_BYTES else {}
    if not isinstance(given, dict):
        raise RequestError("invalid_metadata", "must be an object", field="workflow_metadata")
    if len(json.dumps(given)) > MAX_BYTES:
        message = f"must not be longer than {MAX_BYTES} bytes as JSON"
        raise RequestError("invalid_metadata", message, field="workflow_metadata")
    return given


class WorkflowTags:
    """The fields of the prompts that were taken last. Written on the loop, read by any thread."""

    def __init__(self) -> None:
        self._of_prompt: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def remember(self, prompt_id: str, tag: dict[str, Any]) -> None:
        """Keeps the fields of a prompt that goes into the queue."""
        if not tag:
            return
        self._of_prompt[prompt_id] = tag
        if len(self._of_prompt) > MAX_PROMPTS:
            self._of_prompt.popitem(last=False)

    def tagged(self, event: int | str, data: Any) -> Any:
        """The data of a message with the fields of its prompt in it."""
        if not self._of_prompt:
            return data
        if isinstance(event, str):
            return data if event == "status" else self._merged(data)
        if event == BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA and isinstance(data, tuple):
            picture, metadata = data
            return picture, self._merged(metadata)
        return data

    def _merged(self, data: Any) -> Any:
        prompt_id = data.get("prompt_id") if isinstance(data, dict) else None
        tag = self._of_prompt.get(prompt_id) if isinstance(prompt_id, str) else None
        return {**tag, **data} if tag else data
