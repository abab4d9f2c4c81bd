"""One message in, a list of buffers out; the payload passes through uncopied.

The buffers of one message belong together and go out in order. `encode_*_msgpack` / `encode_*_protobuf`
join them for callers that want `bytes`; that join is the payload's only copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codec_transport.errors import UnknownStreamFormatError
from codec_transport.wire import msgpack_format, protobuf_format
from codec_transport.wire.messages import Buffer, LatentFrame, LatentStreamHeader


@dataclass(frozen=True, slots=True)
class FormatWriter:
    """How one stream format writes the two messages."""

    header: Callable[[LatentStreamHeader], list[Buffer]]
    frame: Callable[[LatentFrame], list[Buffer]]


_WRITERS: dict[str, FormatWriter] = {
    "msgpack": FormatWriter(msgpack_format.pack_header, msgpack_format.pack_frame),
    "protobuf": FormatWriter(protobuf_format.pack_header, protobuf_format.pack_frame),
}
STREAM_FORMATS: tuple[str, ...] = tuple(_WRITERS)


def check_stream_format(stream_format: str) -> None:
    """Raises: UnknownStreamFormatError unless the name is one of STREAM_FORMATS."""
    if stream_format not in _WRITERS:
        raise UnknownStreamFormatError(stream_format, STREAM_FORMATS)


def encode_message(message: LatentStreamHeader | LatentFrame, stream_format: str) -> list[Buffer]:
    """The bytes of one message as buffers, the envelope of protobuf included.

    The payload's buffer is the frame's own: it stays valid as long as the caller keeps it unchanged.
    """
    check_stream_format(stream_format)
    writer = _WRITERS[stream_format]
    return writer.header(message) if isinstance(message, LatentStreamHeader) else writer.frame(message)


def encode_latent_header_msgpack(
    *,
    latent_space_id: str,
    shape: Sequence[int],
    dtype: str,
    pipeline: str,
    scales: bytes | None = None,
    fps: int | None = None,
    total_frames: int | None = None,
    vae_scale_factor: float | None = None,
) -> bytes:
    """A header as msgpack. Raises: MessageFieldError for a value that no header can hold."""
    header = LatentStreamHeader(
        latent_space_id, tuple(shape), dtype, pipeline, scales, fps, total_frames, vae_scale_factor
    )
    return b"".join(msgpack_format.pack_header(header))


def encode_latent_header_protobuf(
    *,
    latent_space_id: str,
    shape: Sequence[int],
    dtype: str,
    pipeline: str,
    scales: bytes | None = None,
    fps: int | None = None,
    total_frames: int | None = None,
    vae_scale_factor: float | None = None,
) -> bytes:
    """A header as protobuf behind its 4-byte length. Raises: MessageFieldError."""
    header = LatentStreamHeader(
        latent_space_id, tuple(shape), dtype, pipeline, scales, fps, total_frames, vae_scale_factor
    )
    return b"".join(protobuf_format.pack_header(header))


def encode_latent_frame_msgpack(
    *, data: Buffer, seq: int, keyframe: bool, done: bool = False, finish_reason: str | None = None
) -> bytes:
    """A frame as msgpack. Raises: MessageFieldError for a value that no frame can hold."""
    return b"".join(msgpack_format.pack_frame(LatentFrame(data, seq, keyframe, done, finish_reason)))


def encode_latent_frame_protobuf(
    *, data: Buffer, seq: int, keyframe: bool, done: bool = False, finish_reason: str | None = None
) -> bytes:
    """A frame as protobuf behind its 4-byte length. Raises: MessageFieldError."""
    return b"".join(protobuf_format.pack_frame(LatentFrame(data, seq, keyframe, done, finish_reason)))
