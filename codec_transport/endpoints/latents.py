"""GET /codec/latents/{prompt_id}: what a prompt emitted, encoded again without sampling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from codec_transport.channel import DEFAULT_CHANNEL, EmittedLatent
from codec_transport.endpoints.catalogue import facts_of_space, facts_of_workflow
from codec_transport.endpoints.context import CodecContext, answering, base_url_of, codec_of
from codec_transport.endpoints.latent_answer import fitted, num_frames
from codec_transport.endpoints.negotiation import negotiate_kept
from codec_transport.endpoints.negotiation_records import Endpoint, ModelFacts
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.sender import LatentSender
from codec_transport.endpoints.workflows import checked_graph, describe, emitting_nodes
from codec_transport.wire.codings import AVAILABLE_CODINGS

NUMBERS = ("keyframe_interval",)
"""Query parameters that stand for numbers of the request body."""


@answering
async def get_latents(request: web.Request) -> web.StreamResponse:
    """The latent that a prompt emitted last on a channel, through any pipeline, in either format."""
    context = codec_of(request)
    prompt_id = request.match_info["prompt_id"]
    parts = _kept_parts(context, prompt_id, request.query.get("channel"))
    is_clip = num_frames(parts) > 1 or parts[0].frame_rate > 0
    delivery = negotiate_kept(
        {name: _value(name, text) for name, text in request.query.items()},
        request.headers,
        endpoint=Endpoint.VIDEOS if is_clip else Endpoint.IMAGES,
        model=_facts(context, parts[0], base_url_of(request)),
        default_pipeline=parts[0].pipeline,
        fps=round(parts[0].frame_rate) or None,
        codings=AVAILABLE_CODINGS,
    )
    with context.slots.taken(request.remote):
        sender = LatentSender(request, fitted(delivery, parts), context.streams, context.metrics)
        await sender.start({"X-Codec-Prompt-Id": prompt_id})
        await sender.run(_in_order(parts))
        return sender.response


def _kept_parts(context: CodecContext, prompt_id: str, channel: str | None) -> Sequence[EmittedLatent]:
    """Raises: RejectionError 404 with the channels that there are."""
    known = context.channels.kept_channels(prompt_id)
    if channel is None:
        channel = known[0] if len(known) == 1 else DEFAULT_CHANNEL
    parts = context.channels.kept(prompt_id, channel)
    if not parts:
        raise RejectionError(
            404,
            "latents_not_found",
            "no latent of that prompt and channel is kept here: it was never emitted, or others took its place",
            param="channel" if known else "prompt_id",
            extras={"channels": list(known)},
        )
    return parts


def _facts(context: CodecContext, latent: EmittedLatent, base_url: str) -> ModelFacts:
    """The latent's space as its node said, else as the checkpoint of its prompt says."""
    if latent.latent_space:
        return facts_of_space(latent.latent_space, context.spaces, base_url, name="latent")
    prompt = context.runner.graph(latent.prompt_id)
    workflow = None
    if prompt:
        graph = checked_graph(dict(prompt))
        nodes = [describe(graph, node_id) for node_id in emitting_nodes(graph)]
        workflow = next((node for node in nodes if node.channel == latent.channel), None)
    return facts_of_workflow(workflow, context.models, context.spaces, base_url)


def _value(name: str, text: str) -> str | int:
    return int(text) if name in NUMBERS and text.isascii() and text.isdecimal() and len(text) < 10 else text


async def _in_order(parts: Sequence[EmittedLatent]) -> AsyncIterator[EmittedLatent]:
    for part in parts:
        yield part


ROUTES = (web.get("/codec/latents/{prompt_id}", get_latents),)
