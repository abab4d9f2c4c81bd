"""What a handler can reach: one record in the aiohttp application, read with `context_of(request)`.

Handlers are plain functions in `app/routes`; they hold no state and close over nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from app.auth.gate import Caller, Gate
from app.config import ServerConfig
from app.engine import Engine
from app.events.hub import EventHub
from app.frontend import WebRoots
from app.intake import PromptIntake
from app.jobs import FinishedJobs
from app.logs import LogBuffer
from app.metrics import Metrics
from app.packed_text import PackedText
from app.runs.service import WorkflowRuns
from app.users import UserStore


@dataclass(slots=True)
class Context:
    """The parts of one server. `engine` is set by `PromptServer.attach_engine` before the first request."""

    config: ServerConfig
    hub: EventHub
    users: UserStore
    logs: LogBuffer
    intake: PromptIntake
    roots: WebRoots
    rewrite_prompt: Callable[[Any], Any]
    """Runs the on_prompt handlers of packs over a POST /prompt body."""
    running: Callable[[], tuple[str | None, str | None]]
    """(client id, display node id) of what runs now, for a client that reconnects."""
    object_info: PackedText = field(default_factory=PackedText)
    metrics: Metrics = field(default_factory=lambda: Metrics(dict))
    finished_jobs: FinishedJobs = field(default_factory=FinishedJobs)
    attached: Engine | None = None
    workflow_runs: WorkflowRuns | None = None
    gate: Gate | None = None
    """Who may come in; None when this server asks for no keys."""

    @property
    def engine(self) -> Engine:
        """The engine behind the routes."""
        assert self.attached is not None, "attach_engine() comes before the first request"
        return self.attached

    @property
    def runs(self) -> WorkflowRuns:
        """The runs behind /v1/workflows."""
        assert self.workflow_runs is not None, "attach_engine() comes before the first request"
        return self.workflow_runs


CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
"""Who sent a request, on servers that ask for keys."""
CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)


def context_of(request: web.Request) -> Context:
    """The context of the application, also from a handler of a sub-application."""
    found: Context = request.config_dict[CONTEXT]
    return found
