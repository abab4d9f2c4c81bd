"""Hidden inputs: what the engine tells a node beside its sockets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Hidden(StrEnum):
    """Names a node may ask for in `Schema.hidden`; it reads them as `cls.hidden.<name>`."""

    unique_id = "UNIQUE_ID"
    """Id of the node in the prompt."""
    prompt = "PROMPT"
    """The prompt that runs, with converted values."""
    extra_pnginfo = "EXTRA_PNGINFO"
    """What the client asked to be stored in files; normally {"workflow": ...}."""
    dynprompt = "DYNPROMPT"
    """The prompt with the nodes that expansion added."""
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"
    """Login token of the client, for API nodes."""
    api_key_comfy_org = "API_KEY_COMFY_ORG"
    """API key of the client, for API nodes."""
    comfy_usage_source = "COMFY_USAGE_SOURCE"
    """The client's `Comfy-Usage-Source` header."""
    execution_list = "EXECUTION_LIST"
    """The engine's own list of pending nodes; for built-in loop nodes."""


class HiddenHolder:
    """The values behind `cls.hidden`. A name that the node did not ask for, or nobody knows, is None."""

    unique_id: str | None
    prompt: dict[str, Any] | None
    extra_pnginfo: dict[str, Any] | None
    dynprompt: Any
    auth_token_comfy_org: str | None
    api_key_comfy_org: str | None

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    @classmethod
    def from_types(cls, values: Mapping[str, Any], asked: Iterable[Hidden]) -> HiddenHolder:
        """Takes the asked names out of values keyed by hidden type ("UNIQUE_ID", ...)."""
        return cls({hidden.name: values.get(hidden.value) for hidden in asked})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._values.get(name)
