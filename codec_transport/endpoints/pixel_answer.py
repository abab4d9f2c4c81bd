"""Answering a generation request with pictures, in the JSON shape of OpenAI's image endpoint."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from codec_transport.endpoints.context import CodecContext, base_url_of
from codec_transport.endpoints.negotiation_records import VARY, GenerationRequest
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.endpoints.runner import is_success
from codec_transport.endpoints.submission import submit
from codec_transport.endpoints.waiting import cancelling, wait_for_end


async def answer_pixels(
    request: web.Request, context: CodecContext, generation: GenerationRequest, values: Mapping[str, Any]
) -> web.Response:
    """Runs the request's graph and answers with its pictures. Raises: RejectionError."""
    prompt_id = str(uuid.uuid4())
    as_url = generation.response_format == "url"
    await submit(context, generation, "files" if as_url else "pixels", prompt_id, values)
    with cancelling(context, prompt_id):
        entry = await wait_for_end(request, context, prompt_id)
    if entry is None or not is_success(entry):
        raise RejectionError(
            500, "generation_failed", "the generation failed or was interrupted; the log says why"
        )
    files = list(_pictures(entry["outputs"]))
    if as_url:
        base = base_url_of(request)
        data = [{"url": f"{base}/view?{urlencode(file)}"} for file in files]
    else:
        data = [{"b64_json": await asyncio.to_thread(_read, context, file)} for file in files]
    headers = {"Vary": VARY, "Cache-Control": "no-store", "X-Codec-Seed": str(values["seed"])}
    return web.json_response({"created": int(time.time()), "data": data}, headers=headers)


def _pictures(outputs: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """File entries {filename, subfolder, type} of every picture in the ui outputs."""
    for output in outputs.values():
        for entry in output.get("images") or ():
            yield {key: str(entry[key]) for key in ("filename", "subfolder", "type")}


def _read(context: CodecContext, file: Mapping[str, str]) -> str:
    path = context.file_path(file["type"], file["subfolder"], file["filename"])
    return base64.b64encode(path.read_bytes()).decode("ascii")
