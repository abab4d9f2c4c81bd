"""Latents over HTTP with the standard library, one request at a time."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from codec_transport.client.receiver import LatentReceiver, refusal
from codec_transport.client.requests import (
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_TIMEOUT_S,
    LatentRequest,
    Understanding,
    generation_request,
    kept_request,
    split_server,
)
from codec_transport.errors import RemoteProtocolError
from codec_transport.wire.messages import LatentStreamHeader

_CHUNK_BYTES = 64 * 1024
MAX_REFUSAL_BYTES = 64 * 1024  # a refusal is a sentence and some names


class LatentStream:
    """A running response: iterate for the latents, float32 (C, H, W), model space, as they come.

    Closing it early closes the connection, which cancels the generation. Redirects are not followed.
    Raises: RequestRefusedError, RemoteProtocolError, StreamFailedError, OSError for the network.
    """

    def __init__(
        self,
        server: str,
        request: LatentRequest,
        understanding: Understanding | None = None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Sends the request and waits for the head of the answer. timeout_s: between two bytes."""
        scheme, host, port, prefix = split_server(server)
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        self._connection = kind(host, port, timeout=timeout_s)
        try:
            self._response = self._answer(prefix, request)
            self.headers = dict(self._response.getheaders())
            self._receiver = LatentReceiver(self.headers, understanding or Understanding())
        except BaseException:
            self.close()
            raise

    def _answer(self, prefix: str, request: LatentRequest) -> http.client.HTTPResponse:
        with _as_remote_fault():
            self._connection.request(
                request.method, prefix + request.path, request.body, dict(request.headers)
            )
            response = self._connection.getresponse()
            if response.status != 200:
                raise refusal(response.status, response.read(MAX_REFUSAL_BYTES))
        return response

    @property
    def header(self) -> LatentStreamHeader | None:
        """The stream's header, once it has come: after the first latent at the latest."""
        return self._receiver.header

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        try:
            with _as_remote_fault():
                while chunk := self._response.read1(_CHUNK_BYTES):
                    yield from self._receiver.feed(chunk)
            self._receiver.end()
        finally:
            self.close()

    def close(self) -> None:
        """Ends the connection. Calling it again is fine."""
        self._connection.close()

    def __enter__(self) -> LatentStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stream_latents(
    server: str,
    prompt: str,
    *,
    map_hash: str | None = None,
    dictionaries: tuple[bytes, ...] = (),
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    **fields: Any,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yields the latents of a request as they come: float32 (C, H, W), model space.

    server: base URL. fields: as `generation_request`. The other options: as `Understanding` and `LatentStream`,
    and so are the errors.
    """
    understanding = Understanding(map_hash, dictionaries, max_body_bytes)
    request = generation_request(prompt, understanding, **fields)
    with LatentStream(server, request, understanding, timeout_s=timeout_s) as stream:
        yield from stream


def fetch_latent(server: str, prompt: str, **options: Any) -> npt.NDArray[np.float32]:
    """The whole result of a request: (C, H, W) for a picture, (T, C, H, W) for a clip.

    Options and errors: as `stream_latents`.
    """
    return joined(list(stream_latents(server, prompt, **options)))


def fetch_kept(server: str, prompt_id: str, **choices: Any) -> npt.NDArray[np.float32]:
    """A finished prompt's latent once more, without sampling. choices: as `kept_request`. Errors: as `LatentStream`."""
    understanding = Understanding()
    with LatentStream(server, kept_request(prompt_id, understanding, **choices), understanding) as stream:
        return joined(list(stream))


def joined(latents: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """One latent as it is, several stacked along a new first axis."""
    return latents[0] if len(latents) == 1 else np.stack(latents)


@contextlib.contextmanager
def _as_remote_fault() -> Iterator[None]:
    try:
        yield
    except http.client.HTTPException as error:
        raise RemoteProtocolError(f"the HTTP response broke off ({type(error).__name__})") from error
