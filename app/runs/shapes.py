"""What goes in and out of /v1/workflows, as types; `app.typed` checks bodies against them and documents them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from app.typed import Note

RunStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class WebhookOptions(TypedDict):
    """Whom to tell when the run ends."""

    url: Annotated[
        str, Note("http or https; private addresses only when the server allows them", 1, 2048, "uri")
    ]


class RunBody(TypedDict):
    """A graph in API format and how its results are wanted. Fields that are not known are ignored."""

    prompt: Annotated[dict[str, Any], Note("node id -> {class_type, inputs}, as POST /prompt takes it")]
    prompt_id: NotRequired[Annotated[str | None, Note("a canonical lower-case UUID; made when absent")]]
    client_id: NotRequired[Annotated[str | None, Note("websocket session that gets the events as well")]]
    extra_data: NotRequired[dict[str, Any]]
    partial_execution_targets: NotRequired[Annotated[list[str] | None, Note("only these output nodes run")]]
    front: NotRequired[Annotated[bool, Note("ahead of the prompts that wait")]]
    stream: NotRequired[Annotated[bool, Note("answer with server-sent events")]]
    background: NotRequired[Annotated[bool, Note("answer 202 at once; the run goes on without its caller")]]
    response_format: NotRequired[Annotated[Literal["url", "b64_json"], Note("how files are given")]]
    on_disconnect: NotRequired[
        Annotated[
            Literal["cancel", "continue"],
            Note("what happens when the caller leaves; cancel, after 10 s for callers that can come back"),
        ]
    ]
    timeout_s: NotRequired[Annotated[float, Note("longest wait for the end, then 504", 0.001, 86400)]]
    webhook: NotRequired[Annotated[str | WebhookOptions | None, Note("whom to tell when the run ends")]]


class RunFile(TypedDict):
    """A file that a node made."""

    node_id: str
    kind: Annotated[str, Note("key of the node's result, such as images")]
    filename: str
    subfolder: str
    type: Annotated[str, Note("output, temp or input")]
    content_type: str
    size_bytes: int | None
    url: NotRequired[str]
    b64_json: NotRequired[Annotated[str, Note("the file in base64")]]


class RunError(TypedDict):
    """Why a run did not succeed."""

    type: str
    message: str
    node_id: str | None
    node_type: str | None


class Run(TypedDict):
    """A run and, once it ended, its results."""

    id: Annotated[str, Note("the prompt id: works in /history, /queue and /jobs too")]
    object: Literal["workflow.run"]
    status: RunStatus
    created_at: Annotated[int | None, Note("ms since 1970")]
    outputs: Annotated[dict[str, Any], Note("node id -> what the node showed, as in /history")]
    files: list[RunFile]
    error: RunError | None
    node_errors: Annotated[dict[str, Any], Note("outputs that were refused while others ran")]


class Cancelled(TypedDict):
    """Whether there was something to stop."""

    cancelled: bool
