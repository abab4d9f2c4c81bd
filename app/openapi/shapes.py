"""Bodies, queries and answers of ComfyUI's routes as types. Those of /v1/workflows are in `app.runs.shapes`."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from app.typed import Note


class ErrorDetails(TypedDict):
    """What was wrong, and with which field."""

    type: NotRequired[str]
    message: NotRequired[str]
    details: NotRequired[Any]
    extra_info: NotRequired[Annotated[dict[str, Any], Note("`field` names the field at fault")]]


class ErrorBody(TypedDict):
    """Every refusal. `error` is a text where ComfyUI's own answer has one; `field` stands beside it then."""

    error: ErrorDetails | str | dict[str, Any]
    field: NotRequired[str]
    node_errors: NotRequired[Annotated[dict[str, Any] | list[Any], Note("per node, on refused graphs")]]


class ExecInfo(TypedDict):
    """The length of the queue."""

    queue_remaining: Annotated[int, Note("pending and running", 0)]


class QueueLength(TypedDict):
    """As in `status` messages."""

    exec_info: ExecInfo


class PromptBody(TypedDict):
    """A graph to queue."""

    prompt: Annotated[dict[str, Any], Note("node id -> {class_type, inputs}")]
    client_id: NotRequired[str]
    prompt_id: NotRequired[Annotated[str | None, Note("a canonical lower-case UUID")]]
    number: NotRequired[Annotated[float, Note("priority, smaller first")]]
    front: NotRequired[bool]
    extra_data: NotRequired[dict[str, Any]]
    partial_execution_targets: NotRequired[list[str] | None]


class PromptAccepted(TypedDict):
    """A queued graph."""

    prompt_id: str
    number: float
    node_errors: dict[str, Any]


class Queue(TypedDict):
    """Items are [number, prompt id, graph, extra data, outputs to run]."""

    queue_running: list[list[Any]]
    queue_pending: list[list[Any]]


class ClearOrDelete(TypedDict):
    """All of them, or the named ones."""

    clear: NotRequired[bool]
    delete: NotRequired[list[str] | None]


class InterruptBody(TypedDict):
    """Which prompt; whatever runs, without."""

    prompt_id: NotRequired[str | None]


class FreeBody(TypedDict):
    """What to give up after the running prompt."""

    unload_models: NotRequired[bool]
    free_memory: NotRequired[bool]


class HistoryQuery(TypedDict):
    """A part of the history, oldest first."""

    max_items: NotRequired[int]
    offset: NotRequired[int]


class JobsQuery(TypedDict):
    """A page of the job list."""

    status: NotRequired[Annotated[str, Note("pending,in_progress,completed,failed,cancelled")]]
    workflow_id: NotRequired[str]
    sort_by: NotRequired[Annotated[str, Note("created_at or execution_duration")]]
    sort_order: NotRequired[Annotated[str, Note("desc or asc")]]
    limit: NotRequired[Annotated[int, Note("", 1)]]
    offset: NotRequired[int]


class Pagination(TypedDict):
    """Where the page lies."""

    offset: int
    limit: int | None
    total: int
    has_more: bool


class Jobs(TypedDict):
    """Jobs; fields without a value are left out of each."""

    jobs: list[dict[str, Any]]
    pagination: Pagination


class JobIds(TypedDict):
    """The jobs to stop."""

    job_ids: Annotated[list[str], Note("UUIDs", 1)]


class ViewQuery(TypedDict):
    """A file of output, input or temp."""

    filename: str
    type: NotRequired[Annotated[str, Note("output, input or temp")]]
    subfolder: NotRequired[str]
    preview: NotRequired[Annotated[str, Note("webp;75 or jpeg;90: re-encoded")]]
    channel: NotRequired[Annotated[str, Note("rgba, rgb or a")]]


class MetadataQuery(TypedDict):
    """A safetensors file."""

    filename: str


class Uploaded(TypedDict):
    """Where an upload is."""

    name: str
    subfolder: str
    type: str


class SystemStats(TypedDict):
    """The machine."""

    system: dict[str, Any]
    devices: list[dict[str, Any]]


class NewUser(TypedDict):
    """A user to add."""

    username: str


class UserdataQuery(TypedDict):
    """A folder of the user."""

    dir: str
    recurse: NotRequired[Annotated[str, Note("true or false")]]
    full_info: NotRequired[Annotated[str, Note("true or false")]]
    split: NotRequired[Annotated[str, Note("true or false")]]


class TreeQuery(TypedDict):
    """Where to start."""

    path: NotRequired[str]


class StoreQuery(TypedDict):
    """How to store."""

    overwrite: NotRequired[Annotated[str, Note("false refuses to overwrite")]]
    full_info: NotRequired[Annotated[str, Note("true or false")]]


class LogEntries(TypedDict):
    """The last lines."""

    entries: list[dict[str, str]]
    size: dict[str, int]


class LogSubscription(TypedDict):
    """Whom to send lines."""

    clientId: str
    enabled: NotRequired[bool]


class Ready(TypedDict):
    """Whether prompts are taken and run."""

    ready: bool
    reason: str | None


class SocketQuery(TypedDict):
    """Who listens, and from where on."""

    clientId: NotRequired[str]
    after: NotRequired[Annotated[int, Note("number of the last event seen")]]


class LoginForm(TypedDict):
    """A key, and the page to go on to."""

    key: str
    next: NotRequired[str]


class LoginQuery(TypedDict):
    """The page to go on to."""

    next: NotRequired[str]


class EventHeaders(TypedDict):
    """Where a stream goes on."""

    Last_Event_ID: NotRequired[str]


class RunHeaders(TypedDict):
    """How a run is answered, and whether it may be a repeat."""

    Accept: NotRequired[Annotated[str, Note("application/json, text/event-stream, or the kind of file")]]
    Idempotency_Key: NotRequired[Annotated[str, Note("the same key and body run once", 1, 255)]]
    Last_Event_ID: NotRequired[str]
