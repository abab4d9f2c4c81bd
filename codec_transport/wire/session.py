"""Both ends of one latent stream: `StreamRules` decides, the two sessions say whose fault a wrong move is.

What we would send wrongly raises LocalProtocolError and changes nothing; what the peer sent wrongly raises
RemoteProtocolError and ends the stream. Read `rules` first.
"""

from __future__ import annotations

from codec_transport.errors import LimitExceededError, RemoteProtocolError, StreamOrderError
from codec_transport.wire.decoder import DEFAULT_MAX_MESSAGE_BYTES, MessageDecoder
from codec_transport.wire.encoder import check_stream_format, encode_message
from codec_transport.wire.layouts import PIPELINE_LAYOUTS
from codec_transport.wire.messages import FINISH_REASONS, Buffer, LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA, NeedDataType
from codec_transport.wire.rules import StreamRules, StreamState, advance_remote, check_remote_end

# 45 minutes at 24 frames a second; a receiver that plans memory by the header needs some bound.
DEFAULT_MAX_FRAMES = 65_536


class SendingSession:
    """The server's end: messages in, buffers out, in an order that any receiver accepts."""

    def __init__(self, stream_format: str) -> None:
        check_stream_format(stream_format)
        self.stream_format = stream_format
        self._rules = StreamRules()

    @property
    def state(self) -> StreamState:
        """Where the stream stands."""
        return self._rules.state

    @property
    def num_frames(self) -> int:
        """Frames sent so far, an error frame included."""
        return self._rules.num_frames

    def send(self, message: LatentStreamHeader | LatentFrame) -> list[Buffer]:
        """The buffers of one message. Raises: LocalProtocolError for one that must not be sent here."""
        if isinstance(message, LatentFrame):
            self._check_sendable(message)
        self._rules.advance(message)
        return encode_message(message, self.stream_format)

    def send_failure(self) -> list[Buffer]:
        """The buffers of the error frame that ends a stream which cannot go on."""
        seq = self._rules.last_seq + 1
        return self.send(LatentFrame(b"", seq, keyframe=True, done=True, finish_reason="error"))

    def _check_sendable(self, frame: LatentFrame) -> None:
        """What we demand of ourselves beyond what a receiver may refuse."""
        header = self._rules.header
        is_delta = header is not None and PIPELINE_LAYOUTS[header.pipeline].is_delta
        if not frame.keyframe and not is_delta:
            raise StreamOrderError(
                "keyframe false outside a delta pipeline", state=self.state.value, field="keyframe"
            )
        if frame.finish_reason is not None and frame.finish_reason not in FINISH_REASONS:
            raise StreamOrderError(
                f"finish_reason {frame.finish_reason!r}, expected one of {', '.join(FINISH_REASONS)}",
                state=self.state.value,
                field="finish_reason",
            )


class ReceivingSession:
    """The client's end: bytes in, checked messages out."""

    def __init__(
        self,
        stream_format: str,
        *,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        max_frames: int = DEFAULT_MAX_FRAMES,
    ) -> None:
        self._decoder = MessageDecoder(stream_format, max_message_bytes=max_message_bytes)
        self._max_frames = max_frames
        self._rules = StreamRules()
        self._error: RemoteProtocolError | None = None
        self._num_messages = 0

    @property
    def state(self) -> StreamState:
        """Where the stream stands."""
        return self._rules.state

    @property
    def header(self) -> LatentStreamHeader | None:
        """The header, once it has come."""
        return self._rules.header

    def receive_data(self, chunk: Buffer) -> None:
        """Takes the next bytes of the body, however they are cut."""
        self._decoder.receive_data(chunk)

    def next_message(self) -> LatentStreamHeader | LatentFrame | NeedDataType:
        """The next message, or NEED_DATA. An error frame is returned like any other last frame.

        Raises: RemoteProtocolError with place and field, then the same again on every call.
        """
        if self._error is not None:
            raise self._error
        offset = self._decoder.byte_offset
        try:
            if self.state in (StreamState.DONE, StreamState.FAILED):
                self._check_nothing_follows()
                return NEED_DATA
            message = self._decoder.next_message()
            if message is NEED_DATA:
                return NEED_DATA
            self._check_num_frames(message, offset)
            advance_remote(self._rules, message, byte_offset=offset, message_index=self._num_messages)
        except RemoteProtocolError as error:
            self._error = error
            raise
        self._num_messages += 1
        return message

    def receive_end(self) -> None:
        """States that the body is over. Raises: RemoteProtocolError unless the last frame has come."""
        if self._error is not None:
            raise self._error
        self._decoder.receive_end()
        check_remote_end(self._rules)

    def _check_num_frames(self, message: LatentStreamHeader | LatentFrame, offset: int) -> None:
        field = None
        num_frames = self._num_messages
        if isinstance(message, LatentStreamHeader):
            field, num_frames = "total_frames", message.total_frames or 0
        if num_frames > self._max_frames:
            raise LimitExceededError(
                "frames in the stream",
                claimed=num_frames,
                limit=self._max_frames,
                byte_offset=offset,
                message_index=self._num_messages,
                field=field,
            )

    def _check_nothing_follows(self) -> None:
        if self._decoder.num_buffered_bytes:
            raise RemoteProtocolError(
                "bytes behind the last frame",
                byte_offset=self._decoder.byte_offset,
                message_index=self._num_messages,
            )
