"""PreviewAny: shows any value as text."""

from __future__ import annotations

import json
from typing import Any


class PreviewAny:
    """Shows what comes in as text: strings as they are, plain data as JSON, anything else by its own
    words."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"source": ("*", {})}}

    RETURN_TYPES = ()
    FUNCTION = "main"
    OUTPUT_NODE = True
    CATEGORY = "utils"

    def main(self, source: Any = None) -> dict[str, Any]:
        return {"ui": {"text": (value_text(source),)}}


def value_text(value: Any) -> str:
    """The text that stands for a value in the page."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, int | float):
        return str(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)


NODE_CLASS_MAPPINGS = {"PreviewAny": PreviewAny}
NODE_DISPLAY_NAME_MAPPINGS = {"PreviewAny": "Preview Any"}
