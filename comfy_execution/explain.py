"""Why a node ran, or did not: what in its cache key differs from the last prompt that had a node with its id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from comfy_execution.caching.keys import KeyParts
from comfy_execution.streaming.fusion import Fused

MAX_PROMPTS = 100
"""Explanations are kept of so many prompts."""


class Why(Enum):
    """The reasons there are."""

    CACHED = "its result was in the cache"
    NOT_NEEDED = "nothing that ran needed it, or the prompt ended before"
    NEW = "no node with this id was in the last prompt"
    CLASS_CHANGED = "its class is another one"
    INPUTS_CHANGED = "its own inputs changed"
    UPSTREAM_CHANGED = "what it is linked to changed"
    CHANGE_CHECK = "its change check (IS_CHANGED, fingerprint_inputs) gives another value"
    ALWAYS = "its change check says that it always runs"
    INCOMPARABLE = "an input has no lasting form, or comes from a node that always runs"
    EVICTED = "nothing changed, but no result of it is kept"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason for one node; `inputs` are the names that it speaks of, `stream` whether it was streamed."""

    ran: bool
    why: Why
    inputs: tuple[str, ...] = field(default=())
    stream: Fused | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `stream` only for nodes that could stream by themselves."""
        found: dict[str, Any] = {
            "ran": self.ran,
            "reason": self.why.name.lower(),
            "text": self.why.value,
            "inputs": list(self.inputs),
        }
        if self.stream is not None:
            found["stream"] = self.stream.to_dict()
        return found


def explain_run(now: KeyParts | None, before: KeyParts | None) -> Explanation:
    """Why a node that ran did so, from what its key is made of now and was made of in the last prompt."""
    if now is None:
        return Explanation(True, Why.INCOMPARABLE)
    if now.fingerprint is None:
        return Explanation(True, Why.ALWAYS)
    incomparable = tuple(name for name, text in now.inputs.items() if text is None)
    if incomparable:
        return Explanation(True, Why.INCOMPARABLE, incomparable)
    if before is None:
        return Explanation(True, Why.NEW)
    if now.class_type != before.class_type:
        return Explanation(True, Why.CLASS_CHANGED)
    changed = [
        name for name in {**now.inputs, **before.inputs} if now.inputs.get(name) != before.inputs.get(name)
    ]
    own = tuple(name for name in changed if not _both_links(now.inputs.get(name), before.inputs.get(name)))
    if own:
        return Explanation(True, Why.INPUTS_CHANGED, own)
    if changed:
        return Explanation(True, Why.UPSTREAM_CHANGED, tuple(changed))
    if now.fingerprint != before.fingerprint:
        return Explanation(True, Why.CHANGE_CHECK)
    return Explanation(True, Why.EVICTED)


class Explanations:
    """Explanations of the last prompts. Written by the engine's thread, read by any."""

    def __init__(self, max_prompts: int = MAX_PROMPTS) -> None:
        self._max_prompts = max_prompts
        self._by_prompt: OrderedDict[str, dict[str, Explanation]] = OrderedDict()
        self._before: Mapping[str, KeyParts] = {}

    def note(
        self,
        prompt_id: str,
        node_ids: Collection[str],
        parts: Mapping[str, KeyParts],
        cached: Collection[str],
        executed: Collection[str],
        fused: Mapping[str, Fused],
    ) -> dict[str, Explanation]:
        """Keeps the explanations of a prompt that ended; `fused` says of capable nodes whether they were streamed."""
        found: dict[str, Explanation] = {}
        for node_id in node_ids:
            if node_id in executed:
                why = explain_run(parts.get(node_id), self._before.get(node_id))
                found[node_id] = replace(why, stream=fused.get(node_id))
            else:
                found[node_id] = Explanation(False, Why.CACHED if node_id in cached else Why.NOT_NEEDED)
        self._before = {node_id: parts[node_id] for node_id in node_ids if node_id in parts}
        self._by_prompt[prompt_id] = found
        while len(self._by_prompt) > self._max_prompts:
            self._by_prompt.popitem(last=False)
        return found

    def get(self, prompt_id: str) -> dict[str, Any] | None:
        """Node id -> explanation in JSON form; None for a prompt that is unknown or too long ago."""
        found = self._by_prompt.get(prompt_id)
        return None if found is None else {node_id: why.to_dict() for node_id, why in found.items()}


def _both_links(now: str | None, before: str | None) -> bool:
    """Both are links to the same slot: then what differs is the result behind the link."""
    if now is None or before is None or now[0] != "<" or before[0] != "<":
        return False
    return now.rpartition(":")[2] == before.rpartition(":")[2]
