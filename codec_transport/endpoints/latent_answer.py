"""Answering a generation request with a latent stream: header first, then the frames as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from aiohttp import web

from codec_transport.channel import EmittedLatent
from codec_transport.endpoints.context import CodecContext
from codec_transport.endpoints.inbox import LatentInbox
from codec_transport.endpoints.negotiation_records import GenerationRequest, LatentDelivery
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.sender import LatentSender
from codec_transport.endpoints.submission import Work, prepare_work, submit
from codec_transport.endpoints.waiting import cancelling, wait_for_end, watched
from codec_transport.pipelines.cutting import frame_shape


async def answer_latents(
    request: web.Request, context: CodecContext, generation: GenerationRequest, delivery: LatentDelivery
) -> web.StreamResponse:
    """Queues the request's graph, sends the header at once and each frame when it is there.

    Raises: RejectionError before the first byte. After it every failure becomes an error frame.
    """
    work = prepare_work(context, generation, "latents")
    with context.slots.taken(request.remote):
        inbox = LatentInbox()
        context.channels.listen(work.prompt_id, work.channel, inbox.deliver)
        try:
            await submit(context, work)
            with cancelling(context, work.prompt_id):
                parts = _parts(request, context, work, inbox)
                if work.seed is None:
                    return await _answer_when_known(request, context, work, delivery, parts)
                return await _answer_at_once(request, context, work, delivery, parts)
        finally:
            context.channels.forget(work.prompt_id, work.channel)
            inbox.close()


async def _answer_at_once(
    request: web.Request,
    context: CodecContext,
    work: Work,
    delivery: LatentDelivery,
    parts: AsyncIterator[EmittedLatent],
) -> web.StreamResponse:
    sender = LatentSender(request, delivery, context.streams, context.metrics)
    await sender.start(work.headers())
    if not await sender.run(parts):
        context.runner.cancel(work.prompt_id)
    return sender.response


async def _answer_when_known(
    request: web.Request,
    context: CodecContext,
    work: Work,
    delivery: LatentDelivery,
    parts: AsyncIterator[EmittedLatent],
) -> web.StreamResponse:
    """The header with the first latent: only a caller's own graph knows its shape."""
    first = await anext(parts, None)
    if first is None:
        raise RejectionError(
            500,
            "generation_failed",
            "the workflow failed, was interrupted or gave no latent; the log says why",
        )
    return await _answer_at_once(request, context, work, fitted(delivery, [first]), _chained(first, parts))


def num_frames(parts: Sequence[EmittedLatent]) -> int:
    """Latent frames in all parts: items of the batch, times their own time steps where they have any."""
    shapes = [part.samples.shape for part in parts]
    return sum(int(shape[0]) * (int(shape[2]) if len(shape) == 5 else 1) for shape in shapes)


def fitted(delivery: LatentDelivery, parts: Sequence[EmittedLatent]) -> LatentDelivery:
    """The delivery with the shape and the number of frames of latents that are at hand.

    Raises: RejectionError 500 for a latent that is none of its space, or several where one picture was asked for.
    """
    shape, frames = frame_shape(tuple(parts[0].samples.shape)), num_frames(parts)
    if shape[0] != delivery.space.shape[0]:
        message = (
            f"the latent has {shape[0]} channels, space {delivery.space.id} has {delivery.space.shape[0]}"
        )
        raise RejectionError(500, "generation_failed", message)
    if frames > 1 and not delivery.is_clip:
        message = f"{frames} latents came, a picture is one; the video endpoint sends them as frames"
        raise RejectionError(500, "generation_failed", message)
    return replace(delivery, shape=shape, total_frames=frames if parts[-1].is_last else None)


async def _chained(first: EmittedLatent, rest: AsyncIterator[EmittedLatent]) -> AsyncIterator[EmittedLatent]:
    yield first
    if not first.is_last:
        async for part in rest:
            yield part


async def _parts(
    request: web.Request, context: CodecContext, work: Work, inbox: LatentInbox
) -> AsyncIterator[EmittedLatent]:
    """What the prompt emits, until its last part; ends early when the prompt does. Raises: ClientGoneError."""
    while True:
        with watched(inbox.next()) as arrival:
            await wait_for_end(request, context, work.prompt_id, arrival)
            # a latent is handed over before its prompt ends, so one that is not here now never comes
            latent = arrival.result() if arrival.done() else inbox.next_nowait()
        if latent is None:
            return
        yield latent
        if latent.is_last:
            return
