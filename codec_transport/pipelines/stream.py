"""The stream layer: numbers frames, chooses keyframes, ends the stream in one piece.

Delta streams get a keyframe at the start, at least every `keyframe_interval` frames, and whenever a
residual would clamp, which makes them exact on the integer grid. All other pipelines mark every frame as
a keyframe, because each of theirs stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codec_transport.errors import LocalProtocolError
from codec_transport.pipelines.encoder import LatentStreamEncoder
from codec_transport.wire.layouts import PIPELINE_LAYOUTS
from codec_transport.wire.messages import Buffer, LatentFrame
from codec_transport.wire.rules import StreamState
from codec_transport.wire.session import SendingSession

DEFAULT_KEYFRAME_INTERVAL = 24  # one per second of film; what the published map documents say


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """What a stream has sent so far.

    num_frames: frames, an error frame included. num_keyframes: of them. num_forced_keyframes: sent ahead
    of the interval because a residual would have clamped. num_bytes: before any content coding.
    """

    num_frames: int
    num_keyframes: int
    num_forced_keyframes: int
    num_bytes: int


class LatentStreamWriter:
    """Writes one stream as lists of buffers, to be sent in order; no buffer is touched again afterwards.

    Raises: LocalProtocolError when a frame is written before the header, after the last frame, or the
    interval is below 1.
    """

    def __init__(
        self, encoder: LatentStreamEncoder, *, keyframe_interval: int = DEFAULT_KEYFRAME_INTERVAL
    ) -> None:
        if keyframe_interval < 1:
            raise LocalProtocolError(f"keyframe_interval {keyframe_interval}, expected at least 1")
        self._encoder = encoder
        self._session = SendingSession(encoder.stream_format)
        self._interval = keyframe_interval
        self._is_delta = PIPELINE_LAYOUTS[encoder.header_message.pipeline].is_delta
        self._since_keyframe = 0
        self._num_keyframes = 0
        self._num_forced_keyframes = 0
        self._num_bytes = 0

    @property
    def state(self) -> StreamState:
        """Where the stream stands."""
        return self._session.state

    @property
    def statistics(self) -> StreamStatistics:
        """What was sent so far."""
        return StreamStatistics(
            self._session.num_frames, self._num_keyframes, self._num_forced_keyframes, self._num_bytes
        )

    def header(self) -> list[Buffer]:
        """The header. Possible as soon as the shape is known, before sampling ends."""
        return self._counted(self._session.send(self._encoder.header_message))

    def frame(self, latent: Any, *, last: bool, finish_reason: str = "ok") -> list[Buffer]:
        """The next frame; `finish_reason` goes out with the last one only.

        latent: the stream's shape, numpy or torch. Raises: LatentInputError, NonFiniteLatentError; the
        stream can then still be ended with `fail`.
        """
        keyframe = not self._is_delta or self._since_keyframe % self._interval == 0
        encoded = self._encoder.encode(latent, keyframe=keyframe)
        is_forced = encoded.has_clamped_residuals
        if is_forced:
            keyframe = True
            encoded = self._encoder.encode(latent, keyframe=True)
        reason = finish_reason if last else None
        message = LatentFrame(encoded.data, self._session.num_frames, keyframe, last, reason)
        buffers = self._session.send(message)
        self._since_keyframe = 1 if keyframe else self._since_keyframe + 1
        self._num_keyframes += keyframe
        self._num_forced_keyframes += is_forced
        return self._counted(buffers)

    def fail(self) -> list[Buffer]:
        """The error frame that ends a stream which cannot go on; nothing when it is already over.

        Raises: StreamOrderError before the header: answer with an ordinary error instead.
        """
        if self.state in (StreamState.DONE, StreamState.FAILED):
            return []
        self._num_keyframes += 1
        return self._counted(self._session.send_failure())

    def _counted(self, buffers: list[Buffer]) -> list[Buffer]:
        self._num_bytes += sum(len(buffer) for buffer in buffers)
        return buffers
