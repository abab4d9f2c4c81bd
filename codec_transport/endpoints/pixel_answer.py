"""Answering a generation request with pixels: pictures or a video file, in OpenAI's JSON shape."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from codec_transport.endpoints.context import CodecContext, base_url_of
from codec_transport.endpoints.negotiation_records import VARY, Endpoint, GenerationRequest
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.runner import is_success
from codec_transport.endpoints.submission import Work, prepare_work, submit
from codec_transport.endpoints.waiting import cancelling, wait_for_end

FILE_KEYS = ("images", "gifs", "video")
"""Keys of the ui outputs under which nodes show the files they made."""


async def answer_pixels(
    request: web.Request, context: CodecContext, generation: GenerationRequest
) -> web.StreamResponse:
    """Runs the request's graph and answers with its files. Raises: RejectionError, ClientGoneError."""
    started = time.monotonic()
    work = pixel_work(context, generation)
    await submit(context, work)
    with cancelling(context, work.prompt_id):
        entry = await wait_for_end(request, context, work.prompt_id)
    headers = {
        "Vary": VARY,
        "Cache-Control": "no-store",
        "X-Codec-Generation-Ms": f"{(time.monotonic() - started) * 1000:.1f}",
        **work.headers(),
    }
    return web.json_response(await pixel_body(request, context, generation, entry), headers=headers)


def pixel_work(context: CodecContext, generation: GenerationRequest) -> Work:
    """The graph that makes the files; those that are asked for by address stay in the output folder."""
    stays = generation.response_format == "url" or generation.endpoint is Endpoint.VIDEOS
    return prepare_work(context, generation, "files" if stays else "pixels")


async def pixel_body(
    request: web.Request,
    context: CodecContext,
    generation: GenerationRequest,
    entry: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The answer's JSON for a prompt's history entry. Raises: RejectionError 500 when it has no result."""
    files = list(_files(entry["outputs"])) if entry is not None and is_success(entry) else []
    if not files:
        raise RejectionError(
            500, "generation_failed", "the generation failed or was interrupted; the log says why"
        )
    is_clip = generation.endpoint is Endpoint.VIDEOS
    if is_clip:
        files = files[-1:]
    if generation.response_format == "url":
        base = base_url_of(request)
        data = [{"url": f"{base}/view?{urlencode(file)}"} for file in files]
    else:
        data = [{"b64_json": await asyncio.to_thread(_read, context, file)} for file in files]
    body: dict[str, Any] = {"created": int(time.time()), "data": data}
    if is_clip and generation.graph is None:
        body |= {"fps": generation.fps, "frames": generation.num_frames}
    return body


def _files(outputs: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """File entries {filename, subfolder, type} of every picture and video in the ui outputs."""
    for output in outputs.values():
        for key in FILE_KEYS:
            for entry in output.get(key) or ():
                if isinstance(entry, dict) and "filename" in entry:
                    yield {name: str(entry.get(name, "")) for name in ("filename", "subfolder", "type")}


def _read(context: CodecContext, file: Mapping[str, str]) -> str:
    path = context.file_path(file["type"], file["subfolder"], file["filename"])
    return base64.b64encode(path.read_bytes()).decode("ascii")
