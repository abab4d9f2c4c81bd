"""POST /v1/images/generations and /v1/videos/generations: latents or pixels, decided before sampling."""

from __future__ import annotations

from aiohttp import web

from codec_transport.endpoints.catalogue import facts_of, facts_of_workflow
from codec_transport.endpoints.context import answering, base_url_of, codec_of
from codec_transport.endpoints.event_answer import answer_events
from codec_transport.endpoints.latent_answer import answer_latents
from codec_transport.endpoints.negotiation import negotiate
from codec_transport.endpoints.negotiation_records import Endpoint, ModelFacts
from codec_transport.endpoints.pixel_answer import answer_pixels
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.workflows import Workflow
from codec_transport.wire.codings import AVAILABLE_CODINGS


@answering
async def generate_images(request: web.Request) -> web.StreamResponse:
    """Pictures, or the latent of one picture as a stream."""
    return await _generate(request, Endpoint.IMAGES)


@answering
async def generate_videos(request: web.Request) -> web.StreamResponse:
    """Videos; a model without a video mode is answered 404 `model_not_found`."""
    return await _generate(request, Endpoint.VIDEOS)


async def _generate(request: web.Request, endpoint: Endpoint) -> web.StreamResponse:
    context = codec_of(request)
    base_url = base_url_of(request)

    def resolve(name: str | None) -> ModelFacts | None:
        found = context.models.resolve(name)
        return None if found is None else facts_of(found, context.spaces, base_url)

    def resolve_workflow(workflow: Workflow) -> ModelFacts:
        return facts_of_workflow(workflow, context.models, context.spaces, base_url)

    generation = negotiate(
        await _body(request, context.limits.max_body_bytes),
        request.headers,
        endpoint=endpoint,
        resolve_model=resolve,
        resolve_workflow=resolve_workflow,
        limits=context.limits,
        codings=AVAILABLE_CODINGS,
    )
    if generation.latents is not None:
        return await answer_latents(request, context, generation, generation.latents)
    if generation.is_stream:
        return await answer_events(request, context, generation)
    return await answer_pixels(request, context, generation)


async def _body(request: web.Request, max_bytes: int) -> bytes:
    """The body, read no further than one byte over the limit. Raises: RejectionError 413."""
    too_large = RejectionError(413, "too_large", f"the body is larger than {max_bytes} bytes")
    if request.content_length is not None and request.content_length > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


ROUTES = (
    web.post("/v1/images/generations", generate_images),
    web.post("/v1/videos/generations", generate_videos),
)
