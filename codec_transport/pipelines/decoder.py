"""Messages back to latents: every check of a receiver, then the inverse arithmetic, in numpy.

`value = integer * scale / levels`: the product is exact in binary32, the division rounds once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codec_transport.errors import StreamFailedError
from codec_transport.wire.dtypes import WIRE_DTYPES
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, SCALE_BYTES, Scales
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.rules import StreamEvent, StreamRules, advance_remote, check_remote_end

_Float32 = npt.NDArray[np.float32]
_Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame's latent. values: float32, the header's shape, model space (before any VAE un-scaling).

    integers: the quantised values before scaling, int8, same shape; None for `raw`.
    """

    values: _Float32
    integers: _Int8 | None


class LatentStreamDecoder:
    """Decodes the frames of one stream in order, checking each against the header and those before it."""

    def __init__(self, header: LatentStreamHeader) -> None:
        self.header = header
        self._layout = PIPELINE_LAYOUTS[header.pipeline]
        self._rules = StreamRules()
        advance_remote(self._rules, header)
        self._scales = (
            _scales_from(header.scales)
            if header.scales is not None and self._layout.scales is Scales.HEADER
            else np.zeros(0, np.float32)
        )
        self._keyframe_integers = np.zeros(0, np.int8)

    def decode_frame(self, frame: LatentFrame) -> _Float32:
        """The frame's latent: float32, the header's shape, a fresh array.

        Raises: StreamFailedError for the sender's error frame, RemoteProtocolError for a frame that is
        out of order, of the wrong length, or whose scales are not finite.
        """
        return self.decode(frame).values

    def decode(self, frame: LatentFrame) -> DecodedFrame:
        """As `decode_frame`, with the integers behind the values."""
        index = self._rules.num_frames + 1
        event = advance_remote(self._rules, frame, message_index=index)
        if event is StreamEvent.ERROR_FRAME:
            raise StreamFailedError(frame.seq, message_index=index)
        if self._layout.scales is Scales.NONE:
            return self._decode_raw(frame)
        return self._decode_scaled(frame)

    def finish(self) -> None:
        """States that no frame follows. Raises: RemoteProtocolError when `done` never came."""
        check_remote_end(self._rules)

    def _decode_raw(self, frame: LatentFrame) -> DecodedFrame:
        code = WIRE_DTYPES[self.header.dtype].code
        if code is None:
            values = _unpack_nibbles(frame.data, self.header.num_values).astype(np.float32)
        else:
            values = np.frombuffer(frame.data, code).astype(np.float32)
        return DecodedFrame(values.reshape(self.header.shape), None)

    def _decode_scaled(self, frame: LatentFrame) -> DecodedFrame:
        body = memoryview(frame.data)
        is_residual = self._layout.is_delta and not frame.keyframe
        if self._layout.scales is Scales.PAYLOAD and not is_residual:
            head = SCALE_BYTES * self.header.num_channels
            self._scales = _scales_from(body[:head])
            body = body[head:]
        if self._layout.is_packed:
            integers = _unpack_nibbles(body, self.header.num_values)
        else:
            integers = np.frombuffer(body, np.int8)
        if is_residual:
            integers = self._rebuilt(integers)
        elif self._layout.is_delta:
            self._keyframe_integers = integers
        values = integers.reshape(self.header.num_channels, -1).astype(np.float32)
        values *= self._scales[:, None]
        values /= np.float32(self._layout.levels)
        shape = self.header.shape
        return DecodedFrame(values.reshape(shape), integers.reshape(shape))

    def _rebuilt(self, residuals: _Int8) -> _Int8:
        levels = self._layout.levels
        sums = np.add(self._keyframe_integers, residuals, dtype=np.int16)
        return np.clip(sums, -levels, levels).astype(np.int8)


def _scales_from(block: bytes | memoryview) -> _Float32:
    return np.frombuffer(block, "<f2").astype(np.float32)


def _unpack_nibbles(packed: bytes | bytearray | memoryview, num_values: int) -> _Int8:
    """Integers of two to a byte, the earlier one low, in two's complement of four bits."""
    pairs = np.frombuffer(packed, np.int8)
    integers = np.empty(2 * len(pairs), np.int8)
    # a shift to the left edge and an arithmetic one back extend the sign of the low nibble
    np.right_shift(np.left_shift(pairs, 4), 4, out=integers[0::2])
    np.right_shift(pairs, 4, out=integers[1::2])
    return integers[:num_values]
