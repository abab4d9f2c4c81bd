"""Bytes in, messages or NEED_DATA out; bounded at every step.

Nothing is buffered beyond one message plus the chunk that was fed last, and a message that claims to be
longer than the header allows is refused from its first bytes. After an error the decoder repeats that
error: there is no resynchronisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codec_transport.errors import LimitExceededError, RemoteProtocolError
from codec_transport.wire import mapping, msgpack_format, protobuf_format
from codec_transport.wire.encoder import check_stream_format
from codec_transport.wire.layouts import SCALE_BYTES
from codec_transport.wire.messages import Buffer, LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA, MsgpackScanner, NeedDataType

# The longest legal header is about 600 bytes plus 2 per channel; 64 KiB leaves room for 30,000 channels.
MAX_HEADER_BYTES = 64 * 1024
# For readers that split without looking into the header: three times a Wan clip of 81 frames at 720p
# in fp32 ([16, 21, 90, 160], 19 MB).
DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Keys, numbers and reason around a payload take under 100 bytes; the rest is for keys of later versions.
MAX_FRAME_OVERHEAD_BYTES = 1024


def frame_bytes_limit(header: LatentStreamHeader) -> int:
    """Longest message that a frame of this stream can be, whatever its pipeline."""
    return header.num_values * 4 + SCALE_BYTES * header.num_channels + MAX_FRAME_OVERHEAD_BYTES


class MessageSplitter:
    """Cuts a body into messages, one `bytes` each, protobuf without its 4-byte length.

    max_message_bytes may be changed between messages; it holds for the next one.
    """

    def __init__(self, stream_format: str, *, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES) -> None:
        check_stream_format(stream_format)
        self.max_message_bytes = max_message_bytes
        self.message_index = 0
        self.byte_offset = 0  # of the next message, in the whole body
        self._is_protobuf = stream_format == "protobuf"
        self._scanner = MsgpackScanner()
        self._buffer = bytearray()

    @property
    def num_buffered_bytes(self) -> int:
        """Bytes held that no message was made of yet."""
        return len(self._buffer)

    def feed(self, chunk: Buffer) -> None:
        """Takes the next bytes of the body."""
        self._buffer += chunk

    def next_message(self) -> bytes | NeedDataType:
        """The next whole message, or NEED_DATA. Raises: RemoteProtocolError with offset and index."""
        try:
            start, end = self._message_bounds()
        except RemoteProtocolError as error:
            error.byte_offset = self.byte_offset + (error.byte_offset or 0)
            error.message_index = self.message_index
            raise
        if end == 0:
            return NEED_DATA
        with memoryview(self._buffer) as view:
            message = bytes(view[start:end])
        del self._buffer[:end]
        self.byte_offset += end
        self.message_index += 1
        return message

    def end(self) -> None:
        """States that the body is over. Raises: RemoteProtocolError when it ends inside a message."""
        if self._buffer:
            raise RemoteProtocolError(
                f"the body ends inside a message, {len(self._buffer)} bytes into it",
                byte_offset=self.byte_offset,
                message_index=self.message_index,
            )

    def _message_bounds(self) -> tuple[int, int]:
        """Start and end of the first message in the buffer; (0, 0) while it is incomplete."""
        if not self._is_protobuf:
            end = self._scanner.scan(self._buffer, max_message_bytes=self.max_message_bytes)
            return (0, 0) if end is NEED_DATA else (0, end)
        start = protobuf_format.ENVELOPE.size
        if len(self._buffer) < start:
            return 0, 0
        (length,) = protobuf_format.ENVELOPE.unpack_from(self._buffer)
        if length > self.max_message_bytes:
            raise LimitExceededError("message length", claimed=length, limit=self.max_message_bytes)
        return (start, start + length) if len(self._buffer) >= start + length else (0, 0)


class MessageDecoder:
    """Bytes of one body in, its header and frames out. Checks each message, not their order (see session)."""

    def __init__(self, stream_format: str, *, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES) -> None:
        self._splitter = MessageSplitter(stream_format, max_message_bytes=MAX_HEADER_BYTES)
        self._max_message_bytes = max_message_bytes
        self._stream_format = stream_format
        self._error: RemoteProtocolError | None = None

    def receive_data(self, chunk: Buffer) -> None:
        """Takes the next bytes of the body, however they are cut."""
        self._splitter.feed(chunk)

    def next_message(self) -> LatentStreamHeader | LatentFrame | NeedDataType:
        """The next message, or NEED_DATA. Raises: RemoteProtocolError, then the same again on every call."""
        if self._error is not None:
            raise self._error
        try:
            return self._next_message()
        except RemoteProtocolError as error:
            self._error = error
            raise

    def receive_end(self) -> None:
        """States that the body is over. Raises: RemoteProtocolError when it ends inside a message."""
        self._splitter.end()

    @property
    def byte_offset(self) -> int:
        """Bytes of the body that have become messages."""
        return self._splitter.byte_offset

    @property
    def num_buffered_bytes(self) -> int:
        """Bytes held that no message was made of yet."""
        return self._splitter.num_buffered_bytes

    def _next_message(self) -> LatentStreamHeader | LatentFrame | NeedDataType:
        index, offset = self._splitter.message_index, self._splitter.byte_offset
        message = self._splitter.next_message()
        if message is NEED_DATA:
            return NEED_DATA
        try:
            if index > 0:
                return _FRAME_READERS[self._stream_format](message)
            header = _HEADER_READERS[self._stream_format](message)
        except RemoteProtocolError as error:
            if error.byte_offset is not None:
                error.byte_offset += self._splitter.byte_offset - len(message)
            raise error.located(byte_offset=offset, message_index=index) from error.__cause__
        limit = frame_bytes_limit(header)
        if limit > self._max_message_bytes + MAX_FRAME_OVERHEAD_BYTES:
            raise LimitExceededError(
                "frame size that the shape asks for",
                claimed=limit,
                limit=self._max_message_bytes,
                byte_offset=offset,
                message_index=index,
                field="shape",
            )
        self._splitter.max_message_bytes = limit
        return header


def split_messages(
    chunks: Iterable[Buffer],
    stream_format: str,
    *,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
) -> Iterator[bytes]:
    """Yields one `bytes` per message of a body that comes in any chunks; protobuf without its 4-byte length.

    Raises: RemoteProtocolError for bytes that are no message and for a body that ends inside one.
    """
    splitter = MessageSplitter(stream_format, max_message_bytes=max_message_bytes)
    for chunk in chunks:
        splitter.feed(chunk)
        while (message := splitter.next_message()) is not NEED_DATA:
            yield message
    splitter.end()


def decode_latent_header_msgpack(data: Buffer) -> LatentStreamHeader:
    """A header from one msgpack message. Raises: RemoteProtocolError."""
    return mapping.header_from_map(msgpack_format.unpack_map(data))


def decode_latent_header_protobuf(data: Buffer) -> LatentStreamHeader:
    """A header from one protobuf message without its 4-byte length. Raises: RemoteProtocolError."""
    return protobuf_format.unpack_header(data)


def decode_latent_frame_msgpack(data: Buffer) -> LatentFrame:
    """A frame from one msgpack message. Raises: RemoteProtocolError."""
    return mapping.frame_from_map(msgpack_format.unpack_map(data))


def decode_latent_frame_protobuf(data: Buffer) -> LatentFrame:
    """A frame from one protobuf message without its 4-byte length; its payload aliases `data`."""
    return protobuf_format.unpack_frame(data)


_HEADER_READERS = {"msgpack": decode_latent_header_msgpack, "protobuf": decode_latent_header_protobuf}
_FRAME_READERS = {"msgpack": decode_latent_frame_msgpack, "protobuf": decode_latent_frame_protobuf}
