"""From the body of POST /prompt to an item of the queue: parsing, numbering, validation.

`PromptIntake` owns the counter behind queue numbers and the on_prompt handlers of packs. `prepare` changes
nothing but the counter: the caller writes the answer to its client first and then puts the item, because
clients attach their listeners only after the answer.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.engine import QueueItem, Validate
from app.errors import AppError, RequestError
from app.workflow_tags import WorkflowTags, workflow_tag

SECRET_KEYS = ("auth_token_comfy_org", "api_key_comfy_org")
"""Cut out of extra_data at once: they reach nodes, never queue listings or history."""

OnPrompt = Callable[[dict[str, Any]], dict[str, Any]]


class PromptRefusedError(AppError, ValueError):
    """A prompt that does not run. Fields: `error` (dict for the client), `node_errors`."""

    status = 400

    def __init__(self, error: Mapping[str, Any], node_errors: Mapping[str, Any] | None = None) -> None:
        self.error, self.node_errors = dict(error), dict(node_errors or {})
        super().__init__(f"{self.error.get('type')}: {self.error.get('message')}")

    def to_body(self) -> dict[str, Any]:
        return {"error": self.error, "node_errors": self.node_errors}


@dataclass(frozen=True, slots=True)
class AcceptedPrompt:
    """A prompt with at least one good output: what to answer, and what to put into the queue."""

    prompt_id: str
    number: int | float
    node_errors: Mapping[str, Any]
    item: QueueItem

    @property
    def client_id(self) -> str | None:
        """The websocket client that gets the prompt's messages."""
        found: str | None = self.item[3].get("client_id")
        return found

    def to_body(self) -> dict[str, Any]:
        """The answer of POST /prompt."""
        return {"prompt_id": self.prompt_id, "number": self.number, "node_errors": dict(self.node_errors)}


class PromptIntake:
    """Counter and handlers of one server. Used on the server's loop only."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.number = 0
        self.on_prompt_handlers: list[OnPrompt] = []
        self.tags = WorkflowTags()
        self._clock = clock

    def take_number(self, body: Mapping[str, Any]) -> int | float:
        """The queue number: an explicit one as float, else the counter, negated for `front`."""
        if body.get("number") is not None:
            return _finite(body["number"])
        number = self.number
        self.number += 1
        return -number if body.get("front") else number

    async def prepare(
        self, body: Mapping[str, Any], validate: Validate, usage_source: str | None = None
    ) -> AcceptedPrompt:
        """Parses and validates one body.

        Raises: RequestError for fields of the wrong kind, PromptRefusedError with the client's dict for a
        prompt that does not run.
        """
        number = self.take_number(body)
        if "prompt" not in body:
            raise PromptRefusedError(prompt_error("no_prompt", "No prompt provided", "No prompt provided"))
        prompt = check_graph(body["prompt"])
        prompt_id = parse_prompt_id(body.get("prompt_id"))
        targets = _targets(body.get("partial_execution_targets"))
        extra_data, secrets = self._extra_data(body, usage_source)
        tag = workflow_tag(body, extra_data)
        is_valid, error, outputs, node_errors = await validate(prompt_id, prompt, targets)
        if not is_valid:
            raise PromptRefusedError(error or {}, node_errors)
        self.tags.remember(prompt_id, tag)
        item = (number, prompt_id, prompt, extra_data, list(outputs), secrets)
        return AcceptedPrompt(prompt_id, number, node_errors, item)

    def _extra_data(
        self, body: Mapping[str, Any], usage_source: str | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        given = body.get("extra_data")
        if given is not None and not isinstance(given, dict):
            raise RequestError("invalid_extra_data", "must be an object", field="extra_data")
        extra_data = dict(given or {})
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        if extra_data.get("client_id") is not None and not isinstance(extra_data["client_id"], str):
            raise RequestError("invalid_client_id", "must be a text", field="client_id")
        if usage_source:
            extra_data["comfy_usage_source"] = usage_source
        secrets = {key: extra_data.pop(key) for key in SECRET_KEYS if key in extra_data}
        extra_data["create_time"] = int(self._clock() * 1000)
        return extra_data, secrets


def prompt_error(type_: str, message: str, details: str = "", **extra_info: Any) -> dict[str, Any]:
    """The `error` object of a refused prompt."""
    return {"type": type_, "message": message, "details": details, "extra_info": extra_info}


def parse_prompt_id(given: object) -> str:
    """The client's id, which must be a canonical lower-case UUID, or a new one for None."""
    if given is None:
        return str(uuid.uuid4())
    try:
        canonical = str(uuid.UUID(given)) if isinstance(given, str) else None
    except ValueError:
        canonical = None
    if canonical is None or canonical != given:
        raise PromptRefusedError(
            prompt_error(
                "invalid_prompt_id",
                "prompt_id must be a canonical lower-case UUID, or null for one made by the server",
                repr(given)[:100],
                field="prompt_id",
            )
        )
    return canonical


def check_graph(prompt: object) -> dict[str, Any]:
    """The graph, when it is an object of node objects; what is in the nodes is validation's business."""
    if not isinstance(prompt, dict):
        raise PromptRefusedError(
            prompt_error(
                "invalid_prompt",
                "prompt must be an object of node id -> {class_type, inputs}",
                f"got {type(prompt).__name__}",
                field="prompt",
            )
        )
    for node_id, node in prompt.items():
        if not isinstance(node, dict):
            raise PromptRefusedError(_bad_node(node_id, "must be an object with class_type and inputs"))
        if "class_type" in node and not isinstance(node["class_type"], str):
            raise PromptRefusedError(_bad_node(node_id, "class_type must be a text"))
        if "class_type" in node and not isinstance(node.get("inputs"), dict):
            raise PromptRefusedError(_bad_node(node_id, "inputs must be an object"))
    return prompt


def _bad_node(node_id: str, reason: str) -> dict[str, Any]:
    return prompt_error(
        "invalid_prompt",
        f"Cannot execute because a node is not usable: {reason}.",
        f"Node ID '#{node_id}'",
        field=f"prompt.{node_id}",
        node_id=node_id,
    )


def _finite(value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise RequestError("invalid_number", "must be a finite number", field="number")


def _targets(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        raise RequestError("invalid_targets", "must be a list of node ids", field="partial_execution_targets")
    return [str(item) for item in value]
