"""GET /codec/info, /codec/schema, /codec/health, /health: what this server speaks and whether it lives."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from codec_transport.endpoints.catalogue import facts_of
from codec_transport.endpoints.context import answering, base_url_of, codec_of
from codec_transport.endpoints.discovery import PUBLIC, json_answer
from codec_transport.endpoints.negotiation_records import Endpoint
from codec_transport.endpoints.rejection import RejectionError
from codec_transport.spaces.map_document import dictionary_entries
from codec_transport.spaces.registry import CODEC_VERSION
from codec_transport.wire.codings import AVAILABLE_CODINGS, IDENTITY
from codec_transport.wire.encoder import STREAM_FORMATS

SCHEMA = """\
syntax = "proto3";

package codec;

message LatentStreamHeader {
  string latent_space_id = 1;
  repeated uint32 shape = 2;
  string dtype = 3;
  string pipeline = 4;
  optional bytes scales = 5;
  optional uint32 fps = 6;
  optional uint32 total_frames = 7;
  optional float vae_scale_factor = 8;
}

message LatentFrame {
  bytes data = 1;
  uint32 seq = 2;
  bool keyframe = 3;
  bool done = 4;
  optional string finish_reason = 5;
}
"""


@answering
async def get_info(request: web.Request) -> web.Response:
    """Formats, pipelines, the model that answers and every latent space."""
    context, base_url = codec_of(request), base_url_of(request)
    served = context.models.resolve(None)
    facts = None if served is None else facts_of(served, context.spaces, base_url)
    space = None if facts is None else facts.space
    latent_map = None if facts is None else facts.latent_map
    has_video = facts is not None and facts.has_video
    modalities = (
        [] if space is None else [Endpoint.IMAGES.value, *([Endpoint.VIDEOS.value] if has_video else [])]
    )
    return json_answer(
        {
            "modality_supported": modalities,
            "stream_format_supported": list(STREAM_FORMATS),
            "compression_supported": [*AVAILABLE_CODINGS, IDENTITY],
            "image_pipelines": [] if space is None else list(space.pipelines_for(Endpoint.IMAGES.value)),
            "video_pipelines": list(space.pipelines_for(Endpoint.VIDEOS.value))
            if space is not None and has_video
            else [],
            "latent_space_id": None if space is None else space.id,
            "latent_map_url": None if latent_map is None else latent_map.url,
            "latent_map_sha256": None if latent_map is None else latent_map.hash,
            "model": None if facts is None else facts.name,
            "engine": "comfyui",
            "codec_version": CODEC_VERSION,
            "latent_spaces": context.spaces.describe(base_url),
            "dictionaries": [] if space is None else dictionary_entries(space, base_url),
            "limits": {
                **asdict(context.limits),
                **asdict(context.streams),
                "max_waiting": context.max_waiting,
            },
        }
    )


async def get_schema(_request: web.Request) -> web.Response:
    """The two messages for a proto compiler."""
    return web.Response(text=SCHEMA, content_type="text/plain", headers=PUBLIC)


async def get_health(request: web.Request) -> web.Response:
    """200 while the process lives."""
    try:
        served = codec_of(request).models.resolve(None)
    except RejectionError:
        served = None
    return web.json_response(
        {
            "ok": True,
            "status": "ok",
            "model": None if served is None else served.checkpoint,
            "latent_space": None if served is None else served.latent_space,
        },
        headers={"Cache-Control": "no-store"},
    )


ROUTES = (
    web.get("/codec/info", get_info),
    web.get("/codec/schema", get_schema),
    web.get("/codec/health", get_health),
    web.get("/health", get_health),
)
