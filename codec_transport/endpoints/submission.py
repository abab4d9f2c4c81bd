"""From a negotiated request to a prompt in the host's queue."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from codec_transport.endpoints.catalogue import ServedModel
from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.negotiation_records import GenerationRequest
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.templates import Outcome, build_graph

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
SEED_BITS = 53
"""Drawn seeds stay exact in the double-precision numbers of JavaScript clients."""


def graph_values(generation: GenerationRequest, model: ServedModel) -> dict[str, Any]:
    """What the family's template is filled with; a seed is drawn when the request names none."""
    latents = generation.latents
    return {
        "checkpoint": model.checkpoint,
        "prompt": generation.prompt,
        "negative_prompt": generation.negative_prompt,
        "width": generation.width,
        "height": generation.height,
        "count": generation.num_images,
        "seed": secrets.randbits(SEED_BITS) if generation.seed is None else generation.seed,
        "steps": generation.steps,
        "guidance_scale": model.guidance_scale
        if generation.guidance_scale is None
        else generation.guidance_scale,
        "sampler_name": generation.sampler_name or model.sampler_name,
        "scheduler": generation.scheduler or model.scheduler,
        "latent_space": model.latent_space,
        "pipeline": latents.pipeline if latents is not None else "raw",
    }


async def submit(
    context: CodecContext,
    generation: GenerationRequest,
    outcome: Outcome,
    prompt_id: str,
    values: Mapping[str, Any],
) -> None:
    """Queues the request's graph under an id.

    Raises: RejectionError 503 when the queue is full, 500 when the graph is refused.
    """
    if context.runner.num_waiting >= context.max_waiting:
        raise RejectionError(503, "busy", "the queue is full", headers={"Retry-After": str(RETRY_AFTER_S)})
    model = context.models.resolve(generation.model)
    if model is None:
        raise RejectionError(404, "model_not_found", "the model has just gone", param="model")
    refused = await context.runner.submit(prompt_id, build_graph(model.family, outcome, values))
    if refused is not None:
        logger.error("the request graph of family %s was refused: %s", model.family, refused)
        raise RejectionError(
            500, "generation_failed", "the request's graph was refused; the server's log says why"
        )
