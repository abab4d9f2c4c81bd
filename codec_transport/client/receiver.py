"""A latent response, sans-IO: status, headers and chunks in, latents out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from codec_transport.client.requests import Understanding
from codec_transport.errors import RemoteProtocolError, RequestRefusedError
from codec_transport.pipelines.decoder import LatentStreamDecoder
from codec_transport.wire.codings import IDENTITY, ZSTD, BodyDecoder
from codec_transport.wire.messages import Buffer, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.session import ReceivingSession

_FORMATS = {
    "application/x-msgpack": "msgpack",
    "application/x-codec-msgpack": "msgpack",
    "application/x-protobuf": "protobuf",
    "application/x-codec-protobuf": "protobuf",
}


class LatentReceiver:
    """One successful response on its way to latents.

    Raises: RemoteProtocolError for headers that do not announce a latent stream this package can read, that name
    another map than the caller decodes by, or a dictionary that is not at hand.
    """

    def __init__(self, headers: Mapping[str, str], understanding: Understanding | None = None) -> None:
        understanding = understanding or Understanding()
        map_hash = understanding.map_hash
        fields = {name.lower(): value.strip() for name, value in headers.items()}
        content_type = fields.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _FORMATS:
            raise RemoteProtocolError(
                f"content type {content_type!r:.80}, expected one of {', '.join(_FORMATS)}",
                field="Content-Type",
            )
        announced = fields.get("codec-latent-map")
        if map_hash is not None and announced is not None and announced.lower() != map_hash.lower():
            raise RemoteProtocolError(
                f"latent map {announced!r:.90}, expected {map_hash}", field="Codec-Latent-Map"
            )
        coding = fields.get("content-encoding", IDENTITY).lower() or IDENTITY
        self._body = BodyDecoder(
            coding,
            max_bytes=understanding.max_body_bytes,
            dictionary=_dictionary(fields, understanding) if coding == ZSTD else None,
        )
        self._session = ReceivingSession(_FORMATS[content_type])
        self._decoder: LatentStreamDecoder | None = None

    @property
    def header(self) -> LatentStreamHeader | None:
        """The stream's header, once it has come."""
        return self._session.header

    def feed(self, chunk: Buffer) -> Iterator[npt.NDArray[np.float32]]:
        """Yields the latents that are complete with this chunk: float32, the header's shape.

        Raises: RemoteProtocolError, StreamFailedError when the server reports a failure.
        """
        self._session.receive_data(self._body.feed(chunk))
        while (message := self._session.next_message()) is not NEED_DATA:
            if isinstance(message, LatentStreamHeader):
                self._decoder = LatentStreamDecoder(message)
                continue
            assert self._decoder is not None, "the session lets no frame pass before a header"
            yield self._decoder.decode_frame(message)

    def end(self) -> None:
        """States that the body is over. Raises: RemoteProtocolError unless it was whole."""
        self._body.end()
        self._session.receive_end()


def _dictionary(fields: Mapping[str, str], understanding: Understanding) -> bytes:
    """The dictionary that a zstd response names. Raises: RemoteProtocolError when it names none that is at hand."""
    label = fields.get("codec-zstd-dict", "")
    content = understanding.dictionary(label)
    if content is None:
        raise RemoteProtocolError(
            f"zstd with dictionary {label!r:.90}, expected one of the {len(understanding.dictionaries)} at hand",
            field="Codec-Zstd-Dict",
        )
    return content


def refusal(status: int, body: bytes) -> RequestRefusedError:
    """The error that a response other than 200 stands for, whatever its body."""
    answer: Any = None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return RequestRefusedError(status, "no reason that could be read")
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return RequestRefusedError(
            status,
            str(error.get("message", "no reason given")),
            code=_text_or_none(error.get("code")),
            param=_text_or_none(error.get("param")),
        )
    return RequestRefusedError(status, "no reason given", code=_text_or_none(error))


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
