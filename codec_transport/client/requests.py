"""What goes to the server: requests as values, and what they promise to understand. Does no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from codec_transport.errors import LocalProtocolError
from codec_transport.spaces.space import IMAGE_LATENTS, VIDEO_LATENTS, sha256_label
from codec_transport.wire.codings import codings_at_hand

PATHS = {IMAGE_LATENTS: "/v1/images/generations", VIDEO_LATENTS: "/v1/videos/generations"}
KEPT_PATH = "/codec/latents/"
DEFAULT_MAX_BODY_BYTES = 256 * 1024 * 1024  # a clip of 120 frames of 16x90x160 in fp32 is 110 MiB
CLIENT_VERSION = "0.3"
DEFAULT_TIMEOUT_S = 600.0  # between two bytes; a CPU server may sample for minutes before the first


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a receiver can undo and insists on.

    map_hash: `sha256:<hex>` of the map that latents are decoded by; others are refused. dictionaries: contents of
    zstd dictionaries at hand; without any, zstd is not offered. max_body_bytes: most that a body may unfold to.
    """

    map_hash: str | None = None
    dictionaries: tuple[bytes, ...] = ()
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES

    def headers(self, stream_format: str) -> dict[str, str]:
        """The request headers that say so."""
        headers = {
            "Accept": f"application/x-codec-{stream_format}",
            "Accept-Encoding": ", ".join(codings_at_hand(has_dictionary=bool(self.dictionaries)))
            or "identity",
            "Codec-Client-Version": CLIENT_VERSION,
        }
        return headers if self.map_hash is None else {**headers, "X-Codec-Map": self.map_hash}

    def dictionary(self, label: str) -> bytes | None:
        """The dictionary of this hash (`sha256:<hex>`), if it is at hand."""
        return next((content for content in self.dictionaries if sha256_label(content) == label), None)


@dataclass(frozen=True, slots=True)
class LatentRequest:
    """One HTTP request for latents. path: below the server's base URL, with the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)


def generation_request(
    prompt: str,
    understanding: Understanding,
    *,
    modality: str = IMAGE_LATENTS,
    pipeline: str | None = "int8-adaptive",
    stream_format: str = "msgpack",
    **fields: Any,
) -> LatentRequest:
    """Asks for new latents. fields: further members of the request (`size`, `seed`, `frames`, `workflow`, ...).

    Raises: LocalProtocolError for a modality that has no endpoint.
    """
    if modality not in PATHS:
        raise LocalProtocolError(f"modality {modality!r:.40}, expected one of {', '.join(PATHS)}")
    body = {
        "prompt": prompt,
        "modality": modality,
        "pipeline": pipeline,
        "stream_format": stream_format,
        **fields,
    }
    content = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
    headers = {"Content-Type": "application/json", **understanding.headers(stream_format)}
    return LatentRequest("POST", PATHS[modality], headers, content)


def kept_request(
    prompt_id: str,
    understanding: Understanding,
    *,
    pipeline: str | None = None,
    stream_format: str = "msgpack",
    channel: str | None = None,
) -> LatentRequest:
    """Asks for a finished prompt's latent once more, through any pipeline."""
    choices = {"pipeline": pipeline, "stream_format": stream_format, "channel": channel}
    query = urlencode({name: value for name, value in choices.items() if value is not None})
    path = f"{KEPT_PATH}{quote(prompt_id, safe='')}?{query}"
    return LatentRequest("GET", path, understanding.headers(stream_format))


def split_server(server: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and the path in front of the endpoints. Raises: LocalProtocolError for no http(s) address."""
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError as error:
        raise LocalProtocolError(f"server {server!r:.120}, expected an http(s) address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LocalProtocolError(f"server {server!r:.120}, expected an http(s) address")
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")
