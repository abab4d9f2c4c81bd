"""Results that somebody else keeps: a pack's store on disk, in a database, on another machine.

A pack subclasses `CacheProvider` and registers an object of it (`comfy_api.latest.Caching`). Providers are asked, in
the order of their registration, for what a prompt needs and the server's own cache has not; the first answer counts.
What they raise, or do not answer in time, is logged and passed over: a prompt never fails by a provider.

A node's key is equal for equal content on every machine (see `keys`). Nodes that are never the same, by a NaN or by an
input without a lasting form, have none, and providers are not asked about them.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_execution.caching.base import CacheEntry, Key

PATIENCE_S = 30.0
"""How long one call of a provider may take: a picture from a slow disk or a near network, not a hung connection."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheContext:
    """Which result is meant. `cache_key_hash`: SHA-256 in hex, equal where node and ancestors have equal content."""

    node_id: str
    class_type: str
    cache_key_hash: str


@dataclass(frozen=True, slots=True, eq=False)
class CacheValue:
    """A result: per output slot the list of its values, and what the node showed (None: nothing).

    The values are the engine's own: read them, never change them.
    """

    outputs: Sequence[list[Any]]
    ui: Mapping[str, Any] | None = None


class CacheProvider:
    """Base of providers: override `on_lookup` and `on_store`. All calls come from the engine's thread and loop."""

    async def on_lookup(self, context: CacheContext) -> CacheValue | None:
        """The result, None when it is not there."""
        raise NotImplementedError

    async def on_store(self, context: CacheContext, value: CacheValue) -> None:
        """A node ran and gave this. Runs beside the prompt, which ends when all its results are stored."""
        raise NotImplementedError

    def should_cache(self, context: CacheContext, value: CacheValue | None = None) -> bool:
        """Whether to be asked (`value` None) or given the result; everything unless overridden."""
        return True

    def on_prompt_start(self, prompt_id: str) -> Any:
        """A prompt begins; its lookups follow."""

    def on_prompt_end(self, prompt_id: str) -> Any:
        """A prompt ended; no call of it follows."""


class ProviderTable:
    """Providers in the order of their registration. Any thread; a prompt keeps to those it found when it began."""

    def __init__(self) -> None:
        self._providers: tuple[CacheProvider, ...] = ()

    def __iter__(self) -> Iterator[CacheProvider]:
        return iter(self._providers)

    def register(self, provider: CacheProvider) -> None:
        """Adds a provider; the same one again changes nothing. Raises: TypeError for what is none."""
        if not isinstance(provider, CacheProvider):
            raise TypeError(f"a cache provider is an object of a CacheProvider class, got {provider!r}")
        if provider not in self._providers:
            self._providers = (*self._providers, provider)

    def unregister(self, provider: CacheProvider) -> None:
        """Removes a provider; an unknown one is no error."""
        self._providers = tuple(known for known in self._providers if known is not provider)


PROVIDERS = ProviderTable()
"""The process's table: packs write to it while they load."""


@dataclass(frozen=True, slots=True)
class Question:
    """A node whose result is looked for. `num_outputs` is what an answer must have."""

    node_id: str
    class_type: str
    key: Key
    num_outputs: int

    @property
    def context(self) -> CacheContext:
        """As providers see it."""
        return CacheContext(self.node_id, self.class_type, hashlib.sha256(self.key).hexdigest())


class ProviderCalls:
    """What one prompt asks of providers. Used on the engine's loop."""

    def __init__(
        self, prompt_id: str, providers: Iterable[CacheProvider], patience_s: float = PATIENCE_S
    ) -> None:
        self._prompt_id = prompt_id
        self._providers = tuple(providers)
        self._patience_s = patience_s
        self._stores: set[asyncio.Task[Any]] = set()

    def __bool__(self) -> bool:
        return bool(self._providers)

    async def start(self) -> None:
        """Tells every provider that the prompt begins."""
        for provider in self._providers:
            await self._guarded(provider, "on_prompt_start", self._prompt_id)

    async def lookup(self, questions: Iterable[Question]) -> dict[str, CacheEntry]:
        """Node id -> result, for those that a provider has. Questions are asked side by side."""
        asked = list(questions)
        answers = await asyncio.gather(*map(self._first_answer, asked))
        return {
            question.node_id: entry
            for question, entry in zip(asked, answers, strict=True)
            if entry is not None
        }

    def store(self, question: Question, entry: CacheEntry) -> None:
        """Gives a result to all providers, beside what goes on."""
        context, value = question.context, CacheValue(entry.outputs, entry.ui)
        for provider in self._providers:
            task = asyncio.get_running_loop().create_task(self._give(provider, context, value))
            self._stores.add(task)
            task.add_done_callback(self._stores.discard)

    async def finish(self) -> None:
        """Waits until everything is stored, then tells every provider that the prompt ended."""
        if self._stores:
            await asyncio.gather(*self._stores)
        for provider in self._providers:
            await self._guarded(provider, "on_prompt_end", self._prompt_id)

    async def _first_answer(self, question: Question) -> CacheEntry | None:
        context = question.context
        for provider in self._providers:
            if await self._guarded(provider, "should_cache", context):
                value = await self._guarded(provider, "on_lookup", context)
                entry = _entry_of(value, question)
                if entry is not None:
                    return entry
                if value is not None:
                    logger.warning(
                        "%s.on_lookup gave no result of %s with %d outputs, and is passed over: %r",
                        type(provider).__name__,
                        question.class_type,
                        question.num_outputs,
                        type(value),
                    )
        return None

    async def _give(self, provider: CacheProvider, context: CacheContext, value: CacheValue) -> None:
        if await self._guarded(provider, "should_cache", context, value):
            await self._guarded(provider, "on_store", context, value)

    async def _guarded(self, provider: CacheProvider, name: str, *arguments: Any) -> Any:
        """What a provider's method gives, awaited if need be; None when it raises or takes too long."""
        method: Callable[..., Any] = getattr(provider, name)
        try:
            found = method(*arguments)
            if inspect.isawaitable(found):
                async with asyncio.timeout(self._patience_s):
                    found = await found
        except Exception:
            # Foreign code; a result that cannot be had is computed, one that cannot be stored is not.
            logger.exception("%s.%s raised and is passed over", type(provider).__name__, name)
            return None
        return found


def _entry_of(value: Any, question: Question) -> CacheEntry | None:
    """An answer as the engine keeps it; None for what cannot be this node's result."""
    if not isinstance(value, CacheValue):
        return None
    outputs = list(value.outputs)
    if len(outputs) != question.num_outputs or not all(isinstance(values, list) for values in outputs):
        return None
    return CacheEntry(outputs, value.ui or None)
