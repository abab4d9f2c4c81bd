"""What is known of the nodes of one running prompt: specs, keys, results. The graph asks it, the driver fills it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from comfy_execution.caching.base import CacheEntry, Key, ResultCache
from comfy_execution.caching.keys import KeyBook, KeyParts
from comfy_execution.caching.providers import ProviderCalls, Question
from comfy_execution.errors import NodeNotFoundError
from comfy_execution.fingerprints import read_fingerprints
from comfy_execution.graph import Dependency
from comfy_execution.graph_utils import is_link
from comfy_execution.inputs import GatheredInputs, Outputs, dependencies, gather_inputs, hidden_values
from comfy_execution.messages import PromptMessages
from comfy_execution.node_runner import CallPlan
from comfy_execution.node_spec import NodeSpec
from comfy_execution.objects import NodeObjects
from comfy_execution.progress import ProgressRegistry
from comfy_execution.prompt import DynamicPrompt
from comfy_execution.registry import SpecSnapshot


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run needs from the executor."""

    prompt_id: str
    prompt: DynamicPrompt
    extra_data: Mapping[str, Any]
    specs: SpecSnapshot
    cache: ResultCache
    objects: NodeObjects
    messages: PromptMessages
    progress: ProgressRegistry
    providers: ProviderCalls


class RunState:
    """Nodes of one prompt by id. Satisfies `GraphView`: all questions are answered from memory."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._specs: dict[str, NodeSpec] = {}
        self._keys = KeyBook()
        self._entries: dict[str, CacheEntry] = {}
        self.opened: Callable[[str], Outputs | None] = lambda _: None
        """Outputs of a node that is open (it streams); set by whoever runs streams."""

    # ---- GraphView ------------------------------------------------------------------------------------------------

    def dependencies(self, node_id: str) -> list[Dependency]:
        """Links into a node."""
        return dependencies(self._context.prompt.get_node(node_id), self.spec(node_id))

    def is_output(self, node_id: str) -> bool:
        """Its class is an output node."""
        return self.spec(node_id).is_output

    def is_async(self, node_id: str) -> bool:
        """Its work function is a coroutine function."""
        return self.spec(node_id).is_async

    def has_values(self, node_id: str) -> bool:
        """Its whole result is at hand; what the cache gives is held until nobody needs it any more."""
        entry = self._entry(node_id)
        return entry is not None and not entry.absent

    def has_value(self, node_id: str, slot: int) -> bool:
        """One output is at hand."""
        entry = self._entry(node_id)
        return entry is not None and slot not in entry.absent

    # ---- results --------------------------------------------------------------------------------------------------

    def result(self, node_id: str) -> CacheEntry:
        """The result of a node that has values."""
        return self._entries[node_id]

    def cached(self, node_id: str) -> CacheEntry | None:
        """What the cache has for a node, without holding it."""
        key = self._keys[node_id]
        return None if key is None else self._context.cache.get(key)

    def keep(self, node_id: str, entry: CacheEntry) -> None:
        """A node is finished: its result is held for this prompt, and offered to the cache."""
        self._entries[node_id] = entry
        key = self._keys[node_id]
        if key is not None:
            self._context.cache.put(key, entry)
            if self._context.providers and not entry.absent:
                self._context.providers.store(self._question(node_id, key), entry)

    @property
    def sent_ids(self) -> Collection[str]:
        """Ids of the nodes of the prompt as it was sent."""
        return self._context.prompt.original_prompt.keys()

    @property
    def key_parts(self) -> Mapping[str, KeyParts]:
        """What the keys of this prompt's nodes are made of."""
        return self._keys.parts

    def let_go(self, node_ids: Iterable[str]) -> None:
        """Results that no planned node needs any more."""
        for node_id in node_ids:
            self._entries.pop(node_id, None)

    def outputs(self, node_id: str) -> Outputs | None:
        """Output lists of a node, None while they are not there; None in place of an output that is not."""
        opened = self.opened(node_id)
        if opened is not None:
            return opened
        entry = self._entry(node_id)
        if entry is None or not entry.absent:
            return None if entry is None else entry.outputs
        return [None if slot in entry.absent else values for slot, values in enumerate(entry.outputs)]

    def _entry(self, node_id: str) -> CacheEntry | None:
        entry = self._entries.get(node_id)
        if entry is None:
            entry = self.cached(node_id)
            if entry is not None:
                self._entries[node_id] = entry
        return entry

    # ---- nodes ----------------------------------------------------------------------------------------------------

    async def prepare(self, output_ids: Iterable[str]) -> list[str]:
        """Makes the cache keys, drops what this prompt does not use and asks providers for what `output_ids` need.

        Gives the ids of the nodes that are cached.
        """
        prompt = self._context.prompt.original_prompt
        for node_id, node in prompt.items():
            try:
                self._specs[node_id] = self._context.specs.spec(node["class_type"])
            except Exception:
                # A node that nobody needs may be of a class that cannot describe itself.
                self._keys.add_unkeyed([node_id])
        known = {node_id: node for node_id, node in prompt.items() if node_id in self._specs}
        await self._make_keys(known, b"")
        self._context.cache.begin_prompt(self._keys.known(prompt))
        self._context.objects.begin_prompt(prompt)
        await self._ask_providers(known, output_ids)
        return [node_id for node_id in prompt if self._counts_as_cached(node_id)]

    def _counts_as_cached(self, node_id: str) -> bool:
        """With its whole result; an interposer that passes frames on unchanged also without the frames."""
        entry = self._entries.get(node_id) or self.cached(node_id)
        if entry is None or not entry.absent:
            return entry is not None
        roles = self._specs[node_id].streams
        return roles is not None and roles.passthrough is not None

    async def add_expansion(self, parent_id: str, nodes: Mapping[str, dict[str, Any]]) -> tuple[str, ...]:
        """Reads the classes and makes the keys of nodes that an expansion added; ids of its output nodes.

        Raises: NodeNotFoundError for an unknown class; whatever a class raises when it is read.
        """
        for node_id in nodes:
            self._specs.pop(node_id, None)
            self.spec(node_id)
        key = self._keys[parent_id]
        if key is None:
            self._keys.add_unkeyed(nodes)
        else:
            await self._make_keys(nodes, key)
            self._context.cache.adopt(key, self._keys.known(nodes))
            await self._ask_providers(nodes, _ends(nodes))
        return tuple(node_id for node_id in nodes if self._specs[node_id].is_output)

    def spec(self, node_id: str) -> NodeSpec:
        """The spec of a node's class.

        Raises: NodeNotFoundError for an unknown node or class; whatever the class raises when it is read.
        """
        spec = self._specs.get(node_id)
        if spec is None:
            class_type = self._context.prompt.get_node(node_id).get("class_type", "")
            if class_type not in self._context.specs:
                raise NodeNotFoundError(node_id, class_type)
            spec = self._specs[node_id] = self._context.specs.spec(class_type)
        return spec

    def constants(self, node_id: str) -> Mapping[str, Any]:
        """Inputs of a node that are no links."""
        inputs = self._context.prompt.get_node(node_id)["inputs"]
        return {name: value for name, value in inputs.items() if not is_link(value)}

    def known_spec(self, node_id: str) -> NodeSpec | None:
        """The spec of a node whose class described itself, None for others."""
        return self._specs.get(node_id)

    def inputs(self, node_id: str) -> GatheredInputs:
        """The values a node's function gets.

        Raises: NodeInputError.
        """
        return gather_inputs(
            node_id, self._context.prompt.get_node(node_id), self.spec(node_id), self.outputs
        )

    def call_plan(self, node_id: str) -> CallPlan:
        """Object and hidden values of a node.

        Raises: whatever the class's constructor raises.
        """
        context, spec = self._context, self.spec(node_id)
        root_id = context.prompt.get_real_node_id(node_id)
        root_class = context.prompt.get_node(root_id)["class_type"]
        instance = context.objects.get(node_id, spec, root_id, root_class)
        hidden = hidden_values(spec, node_id, context.prompt, context.extra_data) if spec.hidden else {}
        return CallPlan(context.prompt_id, node_id, spec, instance, hidden)

    async def _ask_providers(self, nodes: Collection[str], starts: Iterable[str]) -> None:
        """Holds what providers have of the results that `starts` need: in waves, from there against the links.

        What lies behind a result that is there is not asked for.
        """
        if not self._context.providers:
            return
        seen: set[str] = set()
        wave = [node_id for node_id in starts if node_id in nodes]
        while wave:
            seen.update(wave)
            missing = [node_id for node_id in wave if not self.has_values(node_id)]
            keys = [(node_id, self._keys[node_id]) for node_id in missing]
            found = await self._context.providers.lookup(
                self._question(node_id, key) for node_id, key in keys if key is not None
            )
            for node_id, key in keys:
                if key is not None and node_id in found:
                    self._entries[node_id] = found[node_id]
                    self._context.cache.put(key, found[node_id])
            behind = dict.fromkeys(
                dependency.source_id
                for node_id in missing
                if node_id not in found
                for dependency in self.dependencies(node_id)
            )
            wave = [node_id for node_id in behind if node_id in nodes and node_id not in seen]

    def _question(self, node_id: str, key: Key) -> Question:
        spec = self.spec(node_id)
        return Question(node_id, spec.class_type, key, len(spec.outputs))

    async def _make_keys(self, nodes: Mapping[str, dict[str, Any]], scope: bytes) -> None:
        context = self._context
        fingerprints = await read_fingerprints(
            nodes, self._specs, context.prompt_id, context.prompt, context.extra_data
        )
        self._keys.add(nodes, self._specs, fingerprints, scope)


def _ends(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Ids of the nodes that no other one is linked to."""
    linked = {value[0] for node in nodes.values() for value in node["inputs"].values() if is_link(value)}
    return [node_id for node_id in nodes if node_id not in linked]
