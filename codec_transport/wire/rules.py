"""Which message may follow which, and what must hold between the messages of one stream.

House rule: legal moves stand in `TRANSITIONS` and nowhere else.

    AWAITING_HEADER --header--> STREAMING --frame--> STREAMING --last_frame--> DONE
                                          --error_frame--> FAILED
"""

from __future__ import annotations

from enum import Enum

from codec_transport.errors import RemoteProtocolError, StreamOrderError
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, SCALE_BYTES, Scales, bad_scale_channel
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader


class StreamState(Enum):
    """Where a stream stands."""

    AWAITING_HEADER = "awaiting_header"
    STREAMING = "streaming"
    DONE = "done"  # the last frame has passed
    FAILED = "failed"  # the sender reported a failure; nothing may follow


class StreamEvent(Enum):
    """What a message is to the stream."""

    HEADER = "header"
    FRAME = "frame"
    LAST_FRAME = "last_frame"  # done
    ERROR_FRAME = "error_frame"  # done, reason "error", no payload


TRANSITIONS: dict[StreamState, dict[StreamEvent, StreamState]] = {
    StreamState.AWAITING_HEADER: {StreamEvent.HEADER: StreamState.STREAMING},
    StreamState.STREAMING: {
        StreamEvent.FRAME: StreamState.STREAMING,
        StreamEvent.LAST_FRAME: StreamState.DONE,
        StreamEvent.ERROR_FRAME: StreamState.FAILED,
    },
    StreamState.DONE: {},
    StreamState.FAILED: {},
}


def event_of(message: LatentStreamHeader | LatentFrame) -> StreamEvent:
    """The kind of a message."""
    if isinstance(message, LatentStreamHeader):
        return StreamEvent.HEADER
    if message.is_error_report and message.done:
        return StreamEvent.ERROR_FRAME
    return StreamEvent.LAST_FRAME if message.done else StreamEvent.FRAME


class StreamRules:
    """Position in one stream plus everything that must hold between its messages. Not for reuse."""

    def __init__(self) -> None:
        self.state = StreamState.AWAITING_HEADER
        self.header: LatentStreamHeader | None = None
        self.num_frames = 0
        self.last_seq = -1
        self._has_keyframe = False

    def advance(self, message: LatentStreamHeader | LatentFrame) -> StreamEvent:
        """Takes one message and moves on. Raises: StreamOrderError; the position stays as it was then."""
        event = event_of(message)
        next_state = TRANSITIONS[self.state].get(event)
        if next_state is None:
            legal = ", ".join(legal.value for legal in TRANSITIONS[self.state]) or "the end of the stream"
            raise StreamOrderError(
                f"{event.value} while the stream is {self.state.value}, expected {legal}",
                state=self.state.value,
            )
        if isinstance(message, LatentStreamHeader):
            self.header = message
        else:
            self._check_frame(message, event)
            self.num_frames += 1
            self.last_seq = message.seq
            self._has_keyframe = self._has_keyframe or message.keyframe
        self.state = next_state
        return event

    def check_end(self) -> None:
        """Raises: StreamOrderError when the stream ends before its last frame."""
        if self.state not in (StreamState.DONE, StreamState.FAILED):
            raise StreamOrderError(
                f"the stream ends after {self.num_frames} frames without one that is done",
                state=self.state.value,
                field="done",
            )

    def _check_frame(self, frame: LatentFrame, event: StreamEvent) -> None:
        assert self.header is not None, "the table lets no frame pass before a header"
        if frame.seq <= self.last_seq:
            raise StreamOrderError(
                f"seq {frame.seq} after {self.last_seq}, expected a larger one",
                state=self.state.value,
                field="seq",
            )
        if event is StreamEvent.ERROR_FRAME:
            return
        layout = PIPELINE_LAYOUTS[self.header.pipeline]
        if layout.is_delta and not frame.keyframe and not self._has_keyframe:
            raise StreamOrderError(
                "a delta frame before any keyframe", state=self.state.value, field="keyframe"
            )
        expected_bytes = self.header.payload_bytes(keyframe=frame.keyframe)
        if len(frame.data) != expected_bytes:
            raise StreamOrderError(
                f"payload of {len(frame.data)} bytes, expected {expected_bytes}",
                state=self.state.value,
                field="data",
            )
        if layout.scales is Scales.PAYLOAD and (frame.keyframe or not layout.is_delta):
            block = memoryview(frame.data)[: SCALE_BYTES * self.header.num_channels]
            channel = bad_scale_channel(block)
            if channel is not None:
                raise StreamOrderError(
                    f"the scale of channel {channel} is not a finite number of at least 0",
                    state=self.state.value,
                    field="data",
                )


def advance_remote(
    rules: StreamRules,
    message: LatentStreamHeader | LatentFrame,
    *,
    byte_offset: int | None = None,
    message_index: int | None = None,
) -> StreamEvent:
    """Moves on by a message that came from the peer. Raises: RemoteProtocolError for a wrong one."""
    try:
        return rules.advance(message)
    except StreamOrderError as error:
        raise RemoteProtocolError(
            str(error), byte_offset=byte_offset, message_index=message_index, field=error.field
        ) from error


def check_remote_end(rules: StreamRules) -> None:
    """Raises: RemoteProtocolError when the peer ended the stream before its last frame."""
    try:
        rules.check_end()
    except StreamOrderError as error:
        raise RemoteProtocolError(
            str(error), message_index=rules.num_frames + 1, field=error.field
        ) from error
