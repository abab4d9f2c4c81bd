"""Runs that somebody waits for: started once, watched by any number, stopped when nobody is left. Loop only."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.engine import Engine
from app.errors import RequestError
from app.events.hub import EventHub
from app.graph_runs import GraphRuns
from app.intake import PromptIntake
from app.runs import results
from app.runs.shapes import Run, RunBody

RECONNECT_GRACE_S = 10.0
"""For a caller whose connection broke and who can come back: a stream, or a call with an Idempotency-Key."""
TRAILING_EVENTS_S = 5.0
"""How long events are read after the end: the closing `executing` comes a moment after the history entry."""
MAX_REMEMBERED = 1_000
"""Ended runs whose Idempotency-Key still leads to them, and node errors that results repeat."""


@dataclass(slots=True, eq=False)
class ActiveRun:
    """One run that was asked for here. `ended` resolves to the final `Run`; it is cancelled when the server stops."""

    prompt_id: str
    session: str
    node_errors: Mapping[str, Any]
    base_url: str
    grace_s: float | None
    """None: goes on without callers."""
    first_seq: int
    ended: asyncio.Future[Run]
    num_watching: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class WorkflowRuns:
    """Starts runs and keeps them findable by id and by Idempotency-Key."""

    def __init__(self, engine: Engine, intake: PromptIntake, waiting: GraphRuns, hub: EventHub) -> None:
        self._engine, self._intake, self._waiting, self._hub = engine, intake, waiting, hub
        self._active: OrderedDict[str, ActiveRun] = OrderedDict()
        self._by_key: OrderedDict[str, tuple[str, asyncio.Task[ActiveRun]]] = OrderedDict()
        self.grace_s = RECONNECT_GRACE_S
        self.on_end: Callable[[ActiveRun, Run, RunBody], None] | None = None

    async def start(self, body: RunBody, base_url: str, key: str | None, source: str | None) -> ActiveRun:
        """The run of a body; the earlier one when the key was used for the same body before.

        Raises: RequestError (422 for a key that was used for another body), PromptRefusedError.
        """
        if key is None:
            return await self._start(body, base_url, source, has_key=False)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        known = self._by_key.get(key)
        if known is None:
            task = asyncio.ensure_future(self._start(body, base_url, source, has_key=True))
            known = self._by_key[key] = (digest, task)
            while len(self._by_key) > MAX_REMEMBERED:
                self._by_key.popitem(last=False)
        elif known[0] != digest:
            text = "was used for another body; a new body needs a new key"
            raise RequestError("idempotency_key_reused", text, field="Idempotency-Key", status=422)
        try:
            return await asyncio.shield(known[1])
        except Exception:
            self._by_key.pop(key, None)  # what was refused may be sent again
            raise

    def find(self, prompt_id: str) -> ActiveRun | None:
        """A run that was started here."""
        return self._active.get(prompt_id)

    def describe(self, prompt_id: str, base_url: str) -> Run | None:
        """Any prompt as a run, also one of POST /prompt; None when nobody knows it."""
        run = self._active.get(prompt_id)
        known = results.describe_run(
            self._engine.queue, prompt_id, base_url, run.node_errors if run is not None else None
        )
        if known is None and run is not None and run.ended.done() and not run.ended.cancelled():
            return run.ended.result()
        return known

    def cancel(self, prompt_id: str) -> bool:
        """Stops a prompt that runs, drops one that waits; whether there was one."""
        queue = self._engine.queue
        stopped = queue.interrupt_if_running(prompt_id)
        return stopped or queue.delete_queue_item(lambda item: bool(item[1] == prompt_id))

    @contextlib.contextmanager
    def watching(self, run: ActiveRun) -> Iterator[None]:
        """While the block lasts somebody waits for the run. When the last one leaves early, it is stopped."""
        run.num_watching += 1
        try:
            yield
        finally:
            run.num_watching -= 1
            if run.num_watching == 0 and not run.ended.done() and run.grace_s is not None:
                asyncio.get_running_loop().call_later(run.grace_s, self._stop_unwatched, run)

    def _stop_unwatched(self, run: ActiveRun) -> None:
        if run.num_watching == 0 and not run.ended.done():
            self.cancel(run.prompt_id)
            self._waiting.queue_changed()

    async def _start(self, body: RunBody, base_url: str, source: str | None, *, has_key: bool) -> ActiveRun:
        session = body.get("client_id") or f"run-{secrets.token_hex(16)}"
        asked: dict[str, Any] = {**body, "client_id": session}
        accepted = await self._intake.prepare(asked, self._engine.validate, source)
        if accepted.prompt_id in self._active or self.describe(accepted.prompt_id, base_url) is not None:
            raise RequestError(
                "prompt_id_in_use", "names a prompt that exists", field="prompt_id", status=409
            )
        run = ActiveRun(
            prompt_id=accepted.prompt_id,
            session=session,
            node_errors=accepted.node_errors,
            base_url=base_url,
            grace_s=self._grace(body, has_key=has_key),
            first_seq=self._hub.log.newest,
            ended=asyncio.get_running_loop().create_future(),
        )
        self._active[run.prompt_id] = run
        self._forget_old()
        self._hub.start_reading(session)
        self._engine.queue.put(accepted.item)
        task = asyncio.create_task(self._follow(run, body), name=f"run {run.prompt_id}")
        run.tasks.add(task)
        task.add_done_callback(run.tasks.discard)
        return run

    def _grace(self, body: RunBody, *, has_key: bool) -> float | None:
        goes_on = bool(body.get("background") or body.get("webhook"))
        if body.get("on_disconnect", "continue" if goes_on else "cancel") == "continue":
            return None
        return self.grace_s if has_key or body.get("stream") else 0.0

    async def _follow(self, run: ActiveRun, body: RunBody) -> None:
        try:
            entry = await self._waiting.outcome(run.prompt_id)
            if entry is None:
                ended = results.removed_run(run.prompt_id)
            else:
                ended = results.finished_run(run.prompt_id, entry, run.base_url, run.node_errors)
            run.ended.set_result(ended)
            self._hub.log.wake()
            if self.on_end is not None:
                self.on_end(run, ended, body)
            await asyncio.sleep(TRAILING_EVENTS_S)
        finally:
            self._hub.stop_reading(run.session)

    def _forget_old(self) -> None:
        ended = [run.prompt_id for run in self._active.values() if run.ended.done()]
        for prompt_id in ended[: max(0, len(ended) - MAX_REMEMBERED)]:
            del self._active[prompt_id]

    async def close(self) -> None:
        """Ends the following of runs and lets their callers go; the prompts themselves are the queue's."""
        tasks = [task for run in self._active.values() for task in run.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in self._active.values():
            run.ended.cancel()
        self._hub.log.wake()
