"""From a negotiated request to a prompt in the host's queue."""

from __future__ import annotations

import logging
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from codec_transport.endpoints.catalogue import ServedModel
from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.negotiation_records import Endpoint, GenerationRequest
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.templates import Graph, Outcome, build_graph, template_name

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
SEED_BITS = 53
"""Drawn seeds stay exact in the double-precision numbers of JavaScript clients."""

ARROW = "->"
"""Between what the first and what the last frame of a clip shows."""


@dataclass(frozen=True, slots=True)
class Work:
    """A graph ready for the queue.

    channel: where its latents come out. seed: of a template, None for a caller's graph.
    """

    graph: Graph
    prompt_id: str
    channel: str
    seed: int | None

    def headers(self) -> dict[str, str]:
        """What an answer says of the work behind it."""
        headers = {"X-Codec-Prompt-Id": self.prompt_id}
        return headers if self.seed is None else {**headers, "X-Codec-Seed": str(self.seed)}


def prepare_work(context: CodecContext, generation: GenerationRequest, outcome: Outcome) -> Work:
    """The caller's graph, or the template of the model's family filled with the request.

    Raises: RejectionError 404 when the model has gone since it was negotiated.
    """
    prompt_id = str(uuid.uuid4())
    if generation.graph is not None:
        return Work(generation.graph, prompt_id, generation.channel, None)
    model = context.models.resolve(generation.model)
    if model is None:
        raise RejectionError(404, "model_not_found", "the model has just gone", param="model")
    values = graph_values(generation, model)
    name = template_name(model.family, is_clip=generation.endpoint is Endpoint.VIDEOS)
    return Work(build_graph(name, outcome, values), prompt_id, generation.channel, values["seed"])


def graph_values(generation: GenerationRequest, model: ServedModel) -> dict[str, Any]:
    """What the family's template is filled with; a seed is drawn when the request names none."""
    latents = generation.latents
    first, arrow, last = (part.strip() for part in generation.prompt.partition(ARROW))
    return {
        "checkpoint": model.checkpoint,
        "prompt": generation.prompt,
        "first_prompt": first,
        "last_prompt": last if arrow else first,
        "negative_prompt": generation.negative_prompt,
        "width": generation.width,
        "height": generation.height,
        "count": generation.num_images,
        "frames": generation.num_frames,
        "frame_rate": float(generation.fps or 0),
        "seed": secrets.randbits(SEED_BITS) if generation.seed is None else generation.seed,
        "steps": generation.steps,
        "guidance_scale": model.guidance_scale
        if generation.guidance_scale is None
        else generation.guidance_scale,
        "sampler_name": generation.sampler_name or model.sampler_name,
        "scheduler": generation.scheduler or model.scheduler,
        "latent_space": model.latent_space,
        "pipeline": latents.pipeline if latents is not None else "raw",
        "channel": generation.channel,
    }


async def submit(context: CodecContext, work: Work) -> None:
    """Queues the graph.

    Raises: RejectionError 503 when the queue is full; for a graph that validation refuses 400 with its `node_errors`
    when it is the caller's, 500 when it is ours.
    """
    if context.runner.num_waiting >= context.max_waiting:
        raise RejectionError(503, "busy", "the queue is full", headers={"Retry-After": str(RETRY_AFTER_S)})
    refused = await context.runner.submit(work.prompt_id, work.graph)
    if refused is None:
        return
    if work.seed is None:
        reason = (refused.get("error") or {}).get("message") or "some of its outputs cannot run"
        extras = {"prompt_error": refused.get("error"), "node_errors": refused.get("node_errors") or {}}
        raise RejectionError(400, "invalid_workflow", f"workflow: {reason}", param="workflow", extras=extras)
    logger.error("the request graph was refused: %s", refused)
    raise RejectionError(
        500, "generation_failed", "the request's graph was refused; the server's log says why"
    )
