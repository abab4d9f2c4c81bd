"""GET /.well-known/codec/...: latent maps, their immutable addresses, the index, static scales, dictionaries."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from codec_transport.endpoints.context import answering, base_url_of, codec_of
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.errors import UnknownSpaceError

PUBLIC = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
}
IMMUTABLE = {**PUBLIC, "Cache-Control": "public, max-age=31536000, immutable"}


@answering
async def get_latent_map(request: web.Request) -> web.Response:
    """The map of a space, inline; clients pin the hash of exactly these bytes. `?schema=1`: the older form."""
    spaces = codec_of(request).spaces
    find = spaces.old_map if request.query.get("schema") == "1" else spaces.map
    try:
        latent_map = find(request.match_info["space_id"], base_url_of(request))
    except UnknownSpaceError as error:
        raise _unknown("latent space") from error
    headers = {**PUBLIC, "ETag": f'"{latent_map.hash}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=latent_map.body, content_type="application/json", headers=headers)


@answering
async def get_map_by_hash(request: web.Request) -> web.Response:
    """The same bytes at an address that never changes."""
    try:
        latent_map = codec_of(request).spaces.by_hash(request.match_info["hex"], base_url_of(request))
    except UnknownSpaceError as error:
        raise _unknown("latent map") from error
    return web.Response(body=latent_map.body, content_type="application/json", headers=IMMUTABLE)


@answering
async def get_scales(request: web.Request) -> web.Response:
    """A block of static scales by its hash."""
    try:
        block = codec_of(request).spaces.scales_block(request.match_info["hex"])
    except UnknownSpaceError as error:
        raise _unknown("block of scales") from error
    return web.Response(body=block, content_type="application/octet-stream", headers=IMMUTABLE)


@answering
async def get_dictionary(request: web.Request) -> web.Response:
    """A zstd dictionary by its hash."""
    try:
        content = codec_of(request).spaces.dictionary(request.match_info["hex"])
    except UnknownSpaceError as error:
        raise _unknown("dictionary") from error
    return web.Response(body=content, content_type="application/octet-stream", headers=IMMUTABLE)


@answering
async def get_index(request: web.Request) -> web.Response:
    """Every map with address and hash."""
    return json_answer(codec_of(request).spaces.index(base_url_of(request)))


async def answer_options(_request: web.Request) -> web.Response:
    """What browsers ask before a cross-origin read."""
    return web.Response(headers={**PUBLIC, "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS"})


def json_answer(document: Any) -> web.Response:
    """A public JSON document."""
    return web.Response(text=json.dumps(document), content_type="application/json", headers=PUBLIC)


def _unknown(what: str) -> RejectionError:
    return RejectionError(404, "not_found", f"no {what} of that name here", headers=PUBLIC)


_BASE = "/.well-known/codec"
ROUTES = (
    web.get(f"{_BASE}/index.json", get_index),
    web.get(f"{_BASE}/latents/sha256/{{hex}}.json", get_map_by_hash),
    web.get(f"{_BASE}/latents/{{space_id:.+}}.json", get_latent_map),
    web.get(f"{_BASE}/scales/{{hex}}.bin", get_scales),
    web.get(f"{_BASE}/dicts/{{hex}}.zstd", get_dictionary),
    web.options(f"{_BASE}/{{path:.*}}", answer_options),
)
