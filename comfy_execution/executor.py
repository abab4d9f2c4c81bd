"""Runs prompts one after another: caches, node objects, the loop they run on, and what history gets of each.

`execute` is called by the worker (and wrapped by packs); one run's inner life is in `comfy_execution.run`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from comfy_execution.caching.base import ResultCache
from comfy_execution.caching.modes import CacheType, make_cache
from comfy_execution.caching.providers import PROVIDERS, CacheProvider, ProviderCalls
from comfy_execution.errors import EngineThreadError
from comfy_execution.explain import Explanations
from comfy_execution.messages import MessageSink, PromptMessages, node_meta
from comfy_execution.objects import NodeObjects
from comfy_execution.progress import (
    add_progress_handler,
    get_progress_state,
    reset_progress_state,
)
from comfy_execution.progress_messages import ProgressMessages
from comfy_execution.prompt import DynamicPrompt, running_copy
from comfy_execution.registry import Registry, installed
from comfy_execution.reports import error_report, node_position
from comfy_execution.run import PromptRun
from comfy_execution.run_state import RunContext, RunState
from comfy_execution.states import EndPrompt, Outcome
from comfy_execution.streaming.policy import StreamPolicy
from comfy_execution.streaming.session import RegionFacts

logger = logging.getLogger(__name__)


class PromptExecutor:
    """The engine of one server. Belongs to one thread, whose asyncio loop it owns.

    `success`, `status_messages` and `history_result` tell about the last prompt; `explanations` why the nodes of the
    last prompts ran or not, and may be read from any thread; `stream_facts` what its regions did.
    """

    def __init__(
        self,
        server: MessageSink,
        cache_type: CacheType | bool = CacheType.CLASSIC,
        cache_args: Mapping[str, Any] | None = None,
        *,
        registry: Registry | None = None,
        streams: StreamPolicy | None = None,
        providers: Iterable[CacheProvider] = PROVIDERS,
    ) -> None:
        self.server = server
        self.caches: ResultCache = make_cache(
            cache_type if isinstance(cache_type, CacheType) else CacheType.CLASSIC, cache_args
        )
        self._registry = registry
        self._providers = providers
        self._stream_policy = streams or StreamPolicy()
        self.stream_facts: list[RegionFacts] = []
        self._objects = NodeObjects()
        self._runner: asyncio.Runner | None = None
        self.explanations = Explanations()
        self.success = True
        self.status_messages: list[tuple[str, dict[str, Any]]] = []
        self.history_result: dict[str, Any] = {"outputs": {}, "meta": {}}

    def reset(self) -> None:
        """Forgets all results and node objects."""
        self.caches.clear()
        self._objects.clear()

    def close(self) -> None:
        """Ends the loop. Called in the engine's thread, when no prompt runs."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def execute(
        self,
        prompt: dict[str, Any],
        prompt_id: str,
        extra_data: Mapping[str, Any] | None = None,
        execute_outputs: Sequence[str] = (),
    ) -> None:
        """Runs one validated prompt to its end. Raises nothing for what nodes do.

        Raises: EngineThreadError in a thread whose event loop runs.
        """
        if _has_running_loop():
            raise EngineThreadError
        if self._runner is None:
            self._runner = asyncio.Runner()
        self._runner.run(self.execute_async(prompt, prompt_id, extra_data, execute_outputs))

    async def execute_async(
        self,
        prompt: dict[str, Any],
        prompt_id: str,
        extra_data: Mapping[str, Any] | None = None,
        execute_outputs: Sequence[str] = (),
    ) -> None:
        """As `execute`, on the running loop."""
        extra = extra_data or {}
        self.server.client_id = extra.get("client_id")
        self.server.last_node_id = None
        if not self.caches.keeps_objects:
            self._objects.clear()
        dynprompt = DynamicPrompt(running_copy(prompt))
        messages = PromptMessages(self.server, prompt_id, dynprompt)
        self.success, self.status_messages = False, messages.status_messages
        self.history_result = {"outputs": {}, "meta": {}}
        reset_progress_state(prompt_id, dynprompt)
        progress_messages = ProgressMessages(self.server)
        add_progress_handler(progress_messages)
        registry = self._registry or installed()
        context = RunContext(
            prompt_id=prompt_id,
            prompt=dynprompt,
            extra_data=extra,
            specs=registry.snapshot(),
            cache=self.caches,
            objects=self._objects,
            messages=messages,
            progress=get_progress_state(),
            providers=ProviderCalls(prompt_id, self._providers),
        )
        state = RunState(context)
        run = PromptRun(context, state, self._stream_policy)
        cached: list[str] = []
        messages.started()
        try:
            await context.providers.start()
            cached = await state.prepare(execute_outputs)
            messages.cached(cached)
            end = await run.run(execute_outputs)
            run.reshow_cached(cached)
            progress_messages.flush()
            self._close_prompt(end, run, messages)
        except Exception as error:
            # Not a node's doing but ours: the prompt ends, the engine goes on.
            logger.exception("prompt %s ended by an error of the engine", prompt_id)
            position = node_position(execute_outputs[0] if execute_outputs else "", "", tuple(run.executed))
            messages.failed(error_report(position, error, {}, prompt))
        finally:
            await context.providers.finish()
            self._keep_history(run, dynprompt)
            self.stream_facts = run.streams.facts
            self._explain(prompt_id, state, cached, run)
            self.server.last_node_id = None
            get_progress_state().reset_handlers()

    def _close_prompt(self, end: EndPrompt, run: PromptRun, messages: PromptMessages) -> None:
        if end.outcome is Outcome.SUCCESS:
            self.success = True
            messages.succeeded()
        elif end.outcome is Outcome.INTERRUPTED:
            logger.info("prompt interrupted")
            messages.interrupted(run.report)
        else:
            # ComfyUI tells clients of a cycle made at run time, and writes success into the history (trace 35).
            self.success = end.outcome is Outcome.CYCLE
            logger.error(
                "node %s (%s) raised %s: %s",
                run.report["node_id"],
                run.report["node_type"],
                run.report["exception_type"],
                run.report["exception_message"].rstrip(),
            )
            messages.failed(run.report)

    def _explain(self, prompt_id: str, state: RunState, cached: Sequence[str], run: PromptRun) -> None:
        found = self.explanations.note(
            prompt_id,
            state.sent_ids,
            state.key_parts,
            frozenset(cached),
            run.executed.keys(),
            run.fusion.decisions,
        )
        if logger.isEnabledFor(logging.DEBUG):
            for node_id, why in found.items():
                logger.debug("node %s ran: %s, %s %s", node_id, why.ran, why.why.value, list(why.inputs))

    def _keep_history(self, run: PromptRun, dynprompt: DynamicPrompt) -> None:
        self.history_result = {
            "outputs": dict(run.ui),
            "meta": {node_id: node_meta(dynprompt, node_id) for node_id in run.ui},
        }


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
