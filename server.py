"""`PromptServer`: the one server of the process, as node packs know it. Built by `create_server`.

Life: `create_server(config)` makes it and sets `PromptServer.instance`, so that packs find it while they
load; `await bind()` may come now: the sockets listen, /system_stats answers, all else waits;
`attach_engine(engine)` hands in queue, validation and node descriptions; `add_routes()` comes after all packs
are loaded, because their routes get the /api alias too; then `await start()`, and `await stop()` at the end.
`send_sync` and `queue_updated` are safe from any thread; the rest belongs to the loop's thread.

The work is done in `app`: routes in `app/routes`, the websocket in `app/events`. This module is the surface.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aiohttp import ClientSession, web

import folder_paths
from app.auth.gate import Gate
from app.auth.store import KeyStore
from app.config import ServerConfig
from app.connections import GuardedRunner, ParserLimits
from app.context import Context
from app.engine import Engine, PromptQueue
from app.events.binary import encode_binary, encode_text
from app.events.frames import event_message
from app.events.hub import EventHub
from app.features import server_features
from app.frontend import find_web_roots, force_content_types
from app.graph_runs import GraphRuns
from app.intake import OnPrompt, PromptIntake
from app.listening import host_port, listen, tls_context
from app.logs import Entry, LogBuffer, terminal_size
from app.metrics import Metrics
from app.middleware.connections import GUARD
from app.middleware.origin import is_loopback as is_loopback
from app.routes.application import MAX_HEADER_BYTES, add_all_routes, build_application, early_application
from app.routes.starting import FrontDoor
from app.runs.service import ActiveRun, WorkflowRuns
from app.runs.shapes import Run, RunBody
from app.runs.webhooks import Webhooks
from app.users import UserStore
from protocol import BinaryEventTypes as BinaryEventTypes

__all__ = ["BinaryEventTypes", "PromptServer", "create_server", "is_loopback", "web"]

logger = logging.getLogger(__name__)

SHUTDOWN_TIMEOUT_S = 3.0
"""How long requests that are being answered may take when the server stops."""


def create_server(config: ServerConfig, loop: asyncio.AbstractEventLoop | None = None) -> PromptServer:
    """The server of this process. Call it with the loop running, or name the loop that will run it."""
    return PromptServer(loop or asyncio.get_running_loop(), config)


class PromptServer:
    """Routes, event socket and the state that packs read."""

    instance: ClassVar[PromptServer]

    def __init__(self, loop: asyncio.AbstractEventLoop, config: ServerConfig | None = None) -> None:
        PromptServer.instance = self
        self.loop = loop
        self.config = config or ServerConfig()
        force_content_types()
        self.client_id: str | None = None
        self.last_node_id: str | None = None
        self.last_prompt_id: str | None = None
        self.supports = ["custom_nodes_from_web"]
        self.address, self.port = "127.0.0.1", self.config.port
        self.messages: asyncio.Queue[tuple[Any, Any, str | None]] = asyncio.Queue()
        """For packs that put (event, data, sid) themselves; `send_sync` does not pass through here."""
        self.hub = EventHub(lambda: server_features(self.config))
        self.logs = LogBuffer()
        self.logs.listen(self._log_written)
        self.intake = PromptIntake()
        self.user_manager = UserStore(folder_paths.get_user_directory, self.config.multi_user)
        self.queue_listeners: list[Callable[[], None]] = []
        """Called at every change of the queue, in the thread that changed it."""
        self.routes = web.RouteTableDef()
        self.app = build_application(self.config)
        self.context = Context(
            config=self.config,
            hub=self.hub,
            users=self.user_manager,
            logs=self.logs,
            intake=self.intake,
            roots=find_web_roots(self.config.front_end_root),
            rewrite_prompt=lambda body: self.trigger_on_prompt(body),
            metrics=Metrics(self._now_values),
            running=lambda: (self.client_id, self.last_node_id),
            gate=Gate(KeyStore(folder_paths.get_user_directory())) if self.config.asks_for_keys else None,
        )
        self.web_root = str(self.context.roots.page)
        self.client_session: ClientSession | None = None
        """For calls that packs make themselves; open while the server runs."""
        self._door = FrontDoor(early_application(self.context), self.app)
        self.webhooks = Webhooks(
            lambda: KeyStore(folder_paths.get_user_directory()).webhook_secret,
            allow_private=self.config.webhook_allow_private,
        )
        self._runner: web.AppRunner | None = None
        self._bound: list[tuple[str, int]] = []
        self._publisher: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    # -- what packs read ------------------------------------------------------------------------------------

    @property
    def sockets(self) -> dict[str, web.WebSocketResponse]:
        """Session id -> socket."""
        return self.hub.sockets

    @property
    def sockets_metadata(self) -> dict[str, dict[str, Any]]:
        """Session id -> {"feature_flags": {...}}."""
        return self.hub.sockets_metadata

    @property
    def prompt_queue(self) -> PromptQueue:
        """The queue of the attached engine."""
        return self.context.engine.queue

    @property
    def number(self) -> int:
        """The counter behind queue numbers."""
        return self.intake.number

    @number.setter
    def number(self, value: int) -> None:
        self.intake.number = value

    @property
    def on_prompt_handlers(self) -> list[OnPrompt]:
        """The handlers that may rewrite the body of POST /prompt."""
        return self.intake.on_prompt_handlers

    def get_queue_info(self) -> dict[str, Any]:
        """Pending plus running prompts, as in `status` messages."""
        return {"exec_info": {"queue_remaining": self.prompt_queue.get_tasks_remaining()}}

    # -- prompts --------------------------------------------------------------------------------------------

    def add_on_prompt_handler(self, handler: OnPrompt) -> None:
        """Lets a pack rewrite each POST /prompt body."""
        self.on_prompt_handlers.append(handler)

    def trigger_on_prompt(self, json_data: dict[str, Any]) -> dict[str, Any]:
        """Runs the handlers in order; one that raises is logged and passed over."""
        for handler in self.on_prompt_handlers:
            try:
                json_data = handler(json_data)
            except Exception:  # foreign code
                logger.exception("an on_prompt handler raised and is passed over")
        return json_data

    # -- events ---------------------------------------------------------------------------------------------

    def send_sync(self, event: int | str, data: Any, sid: str | None = None) -> None:
        """Sends an event to one client, or to all. Any thread.

        `event` is a text with JSON data, or a number with bytes, or a preview: (format, picture, max size)
        for UNENCODED_PREVIEW_IMAGE, that and a metadata dict for PREVIEW_IMAGE_WITH_METADATA. The data is
        encoded here, in the caller's thread: later changes of it are not sent, and the loop stays free.
        """
        if not self.wants(sid):
            return
        message = event_message(event, self.intake.tags.tagged(event, data))
        try:
            self.loop.call_soon_threadsafe(self.hub.deliver, message, sid)
        except RuntimeError:
            logger.debug("the loop is closed; event %s is not sent", event)

    def wants(self, sid: str | None) -> bool:
        """Whether somebody reads messages for a session (None: for everybody), now or later. Any thread."""
        return self.hub.wants(sid)

    def queue_updated(self) -> None:
        """Tells all clients how many prompts wait or run, and who else asked to be told."""
        for listener in self.queue_listeners:
            listener()
        self.send_sync("status", {"status": self.get_queue_info()})

    def send_progress_text(self, text: bytes | bytearray | str, node_id: str, sid: str | None = None) -> None:
        """Shows a line of text on a node."""
        self.send_sync(BinaryEventTypes.TEXT, encode_text(node_id, text), sid)

    async def send(self, event: int | str, data: Any, sid: str | None = None) -> None:
        """As `send_sync`, on the loop."""
        if self.hub.wants(sid):
            self.hub.deliver(event_message(event, data), sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """A JSON event."""
        await self.send(event, data, sid)

    async def send_bytes(self, event: int, data: bytes, sid: str | None = None) -> None:
        """A binary event."""
        await self.send(int(event), data, sid)

    async def send_image(self, image_data: tuple[str, Any, int | None], sid: str | None = None) -> None:
        """A preview picture."""
        await self.send(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, image_data, sid)

    async def send_image_with_metadata(
        self,
        image_data: tuple[str, Any, int | None],
        metadata: Mapping[str, Any] | None = None,
        sid: str | None = None,
    ) -> None:
        """A preview picture that says which node it belongs to."""
        await self.send(BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA, (image_data, metadata or {}), sid)

    def encode_bytes(self, event: int, data: bytes) -> bytes:
        """The frame of a binary event."""
        return encode_binary(event, data)

    async def publish_loop(self) -> None:
        """Sends what packs put into `messages`; runs until it is cancelled."""
        while True:
            event, data, sid = await self.messages.get()
            try:
                await self.send(event, data, sid)
            except (TypeError, ValueError):
                logger.exception("event %s of a pack cannot be sent", event)

    def _log_written(self, entry: Entry) -> None:
        if self.logs.subscribers:
            for sid in tuple(self.logs.subscribers):
                self.send_sync("logs", {"entries": [entry], "size": terminal_size()}, sid)

    def _now_values(self) -> dict[str, float]:
        """The gauges of /metrics."""
        queue = self.context.attached.queue if self.context.attached is not None else None
        running = len(queue.running_ids()) if queue is not None else 0
        return {
            "queue_running": running,
            "queue_pending": queue.get_tasks_remaining() - running if queue is not None else 0,
            "event_sockets": len(self.hub.sockets),
            "event_messages_dropped": self.hub.num_dropped,
            "events_logged": len(self.hub.log),
        }

    def _count_prompts(self) -> None:
        self.context.metrics.queue_changed(self.prompt_queue)

    def _run_ended(self, run: ActiveRun, ended: Run, body: RunBody) -> None:
        webhook = body.get("webhook")
        if webhook is not None:
            self.webhooks.send(webhook if isinstance(webhook, str) else webhook["url"], ended)

    # -- life -----------------------------------------------------------------------------------------------

    def attach_engine(self, engine: Engine) -> None:
        """Hands in the engine; once, before `add_routes`."""
        self.context.attached = engine
        waiting = GraphRuns(engine, self.intake, self.loop)
        self.queue_listeners += [waiting.queue_changed, self._count_prompts]
        self.context.workflow_runs = WorkflowRuns(engine, self.intake, waiting, self.hub)
        self.context.workflow_runs.on_end = self._run_ended

    async def setup(self) -> None:
        """Kept for packs that call it: there is nothing to prepare."""

    def add_routes(self) -> None:
        """Adds all routes, those of packs included, each below /api too."""
        add_all_routes(self.app, self.context, self.routes)

    async def start(
        self,
        address: str | None = None,
        port: int | None = None,
        verbose: bool = True,
        call_on_start: Callable[[str, str, int], Any] | None = None,
    ) -> None:
        """Binds and serves. Without arguments: the addresses and port of the config.

        Raises: OSError when an address cannot be bound.
        """
        await self.start_multi_address(self._addresses(address, port), call_on_start, verbose)

    def _addresses(self, address: str | None, port: int | None) -> list[tuple[str, int]]:
        names = [address] if address is not None else list(self.config.addresses)
        return [(name, self.config.port if port is None else port) for name in names]

    async def bind(self, addresses: list[tuple[str, int]] | None = None) -> None:
        """Listens at once; what needs nodes waits until `start`. Without it `start` binds by itself.

        Raises: OSError when an address cannot be bound.
        """
        limits = ParserLimits(max_field_size=MAX_HEADER_BYTES, max_line_size=MAX_HEADER_BYTES)
        outer = self._door.application(client_max_size=int(self.config.max_upload_bytes))
        self._runner = GuardedRunner(outer, self.app[GUARD], limits, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        await self._runner.setup()
        where = self._addresses(None, None) if addresses is None else addresses
        self._bound = await listen(self._runner, where, tls_context(self.config))
        self.address, self.port = self._bound[0]
        self._watch = asyncio.create_task(self.app[GUARD].watch(), name="watch_connections")

    async def start_multi_address(
        self,
        addresses: list[tuple[str, int]],
        call_on_start: Callable[[str, str, int], Any] | None = None,
        verbose: bool = True,
    ) -> None:
        """As `start`, for (address, port) pairs. Port 0 takes a free one, found in `port` afterwards."""
        if not self._bound:
            await self.bind(addresses)
        await self._door.open()
        scheme = "https" if self.config.tls_certfile and self.config.tls_keyfile else "http"
        if verbose:
            for address, port in self._bound:
                logger.info("To see the GUI go to: %s://%s", scheme, host_port(address, port))
        self.client_session = ClientSession()
        self._publisher = asyncio.create_task(self.publish_loop(), name="publish_loop")
        if call_on_start is not None:
            call_on_start(scheme, self.address, self.port)

    async def stop(self) -> None:
        """Closes sockets and connections. The engine's thread is its owner's to stop."""
        self.logs.listen(None)
        tasks = [task for task in (self._publisher, self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.context.workflow_runs is not None:
            await self.context.workflow_runs.close()
        await self.webhooks.close()
        await self.hub.close()
        if self.client_session is not None:
            await self.client_session.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._door.close()
