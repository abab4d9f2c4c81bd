"""Latents over HTTP with the standard library, one request at a time."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from codec_transport.client.receiver import DEFAULT_MAX_BODY_BYTES, LatentReceiver, refusal
from codec_transport.errors import LocalProtocolError, RemoteProtocolError
from codec_transport.spaces.space import IMAGE_LATENTS, VIDEO_LATENTS

_PATHS = {IMAGE_LATENTS: "/v1/images/generations", VIDEO_LATENTS: "/v1/videos/generations"}
_CHUNK_BYTES = 64 * 1024
_MAX_REFUSAL_BYTES = 64 * 1024  # a refusal is a sentence and some names
DEFAULT_TIMEOUT_S = 600.0  # between two bytes; a CPU server may sample for minutes before the first


def stream_latents(
    server: str,
    prompt: str,
    *,
    modality: str = IMAGE_LATENTS,
    pipeline: str = "int8-adaptive",
    stream_format: str = "msgpack",
    map_hash: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    **fields: Any,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yields the latents of a request as they come: float32 (C, H, W), model space.

    server: base URL. fields: further members of the request (`size`, `seed`, `steps`, `model`, ...).
    map_hash: pins the latent map. Closing the generator early closes the connection, which cancels the
    generation. Redirects are not followed.
    Raises: RequestRefusedError, RemoteProtocolError, StreamFailedError, OSError for the network.
    """
    request = {"prompt": prompt, "modality": modality, "pipeline": pipeline, "stream_format": stream_format}
    headers = {
        "Content-Type": "application/json",
        "Accept": f"application/x-codec-{stream_format}",
        "Accept-Encoding": "gzip",
        "Codec-Client-Version": "0.3",
    }
    if map_hash is not None:
        headers["X-Codec-Map"] = map_hash
    if modality not in _PATHS:
        raise LocalProtocolError(f"modality {modality!r:.40}, expected one of {', '.join(_PATHS)}")
    connection, prefix = _connection(server, timeout_s)
    try:
        connection.request("POST", prefix + _PATHS[modality], json.dumps({**request, **fields}), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise refusal(response.status, response.read(_MAX_REFUSAL_BYTES))
        receiver = LatentReceiver(
            dict(response.getheaders()), map_hash=map_hash, max_body_bytes=max_body_bytes
        )
        while chunk := response.read1(_CHUNK_BYTES):
            yield from receiver.feed(chunk)
        receiver.end()
    except http.client.HTTPException as error:
        raise RemoteProtocolError(f"the HTTP response broke off ({type(error).__name__})") from error
    finally:
        connection.close()


def fetch_latent(server: str, prompt: str, **options: Any) -> npt.NDArray[np.float32]:
    """The whole result of a request: (C, H, W) for a picture, (T, C, H, W) for a clip.

    Options and errors: as `stream_latents`.
    """
    frames = list(stream_latents(server, prompt, **options))
    return frames[0] if len(frames) == 1 else np.stack(frames)


def _connection(server: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """A connection to the base URL, and the path in front of the endpoints."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LocalProtocolError(f"server {server!r:.120}, expected an http(s) address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout_s), parts.path.rstrip("/")
