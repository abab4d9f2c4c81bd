"""Undoing the content coding of a body, with a bound on what it may unfold to.

Each unfolder takes one chunk and the room that is left, and gives at most a little more than that room:
gzip stops at one byte beyond, brotli within its output block of 32 KiB, zstd within one slice of its input
(see ZSTD_SLICE).
"""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from codec_transport.errors import RemoteProtocolError
from codec_transport.wire.coders import GZIP_WINDOW_BITS, zstd_dictionary
from codec_transport.wire.messages import Buffer

# A zstd block takes at least 4 bytes and makes at most 128 KiB. zstandard's streaming decompressor has no
# limit of its own, so it gets the input in slices: 64 bytes make 2 MiB at most before the room is checked.
ZSTD_SLICE = 64
# RFC 9659: a browser refuses windows above 8 MiB, and so do we; it is what a decoder must set aside.
ZSTD_MAX_WINDOW = 8 * 1024 * 1024


class Unfolder(Protocol):
    """Undoes one coding."""

    @property
    def is_complete(self) -> bool:
        """True once the coded data has come to its end."""

    def unfold(self, chunk: Buffer, room: int) -> bytes:
        """What the chunk unfolds to, or more than `room` bytes of it. Raises: RemoteProtocolError."""


class IdentityUnfolder:
    """Passes bytes on."""

    is_complete = True

    def unfold(self, chunk: Buffer, room: int) -> bytes:
        """The chunk, or enough of it to see that it is too long."""
        return bytes(chunk[: room + 1])


class GzipUnfolder:
    """One gzip member."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(GZIP_WINDOW_BITS)

    @property
    def is_complete(self) -> bool:
        """True behind the member's checksum."""
        return self._decompressor.eof

    def unfold(self, chunk: Buffer, room: int) -> bytes:
        """At most room + 1 bytes."""
        try:
            unfolded = self._decompressor.decompress(chunk, room + 1)
        except zlib.error as error:
            raise RemoteProtocolError("the body is not gzip data") from error
        if self._decompressor.unused_data:
            raise RemoteProtocolError("bytes behind the end of the gzip data")
        return unfolded


class BrotliUnfolder:
    """One brotli stream."""

    def __init__(self) -> None:
        import brotli

        self._error: type[Exception] = brotli.error
        self._decompressor: Any = brotli.Decompressor()

    @property
    def is_complete(self) -> bool:
        """True behind the last meta-block."""
        return bool(self._decompressor.is_finished())

    def unfold(self, chunk: Buffer, room: int) -> bytes:
        """Stops as soon as there is more than `room`."""
        parts: list[bytes] = []
        pending: Buffer = chunk
        left = room + 1
        try:
            while True:
                part: bytes = self._decompressor.process(pending, output_buffer_limit=left)
                parts.append(part)
                left -= len(part)
                pending = b""
                if left <= 0 or self._decompressor.can_accept_more_data() or self.is_complete:
                    return b"".join(parts)
        except self._error as error:
            raise RemoteProtocolError("the body is not brotli data") from error


class ZstdUnfolder:
    """One zstd frame, made with the dictionary that the response named."""

    def __init__(self, dictionary: bytes) -> None:
        """dictionary: raw bytes. Raises: ValueError when they are no trained dictionary."""
        import zstandard

        self._error: type[Exception] = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(
            dict_data=zstd_dictionary(dictionary), max_window_size=ZSTD_MAX_WINDOW
        )
        self._decompressor: Any = decompressor.decompressobj()

    @property
    def is_complete(self) -> bool:
        """True behind the frame's last block."""
        return bool(self._decompressor.eof)

    def unfold(self, chunk: Buffer, room: int) -> bytes:
        """Stops at the first slice that makes more than `room`."""
        view = memoryview(chunk)
        parts: list[bytes] = []
        for start in range(0, len(view), ZSTD_SLICE):
            if self.is_complete:
                raise RemoteProtocolError("bytes behind the end of the zstd data")
            try:
                part: bytes = self._decompressor.decompress(view[start : start + ZSTD_SLICE])
            except self._error as error:
                raise RemoteProtocolError("the body is not zstd data of this dictionary") from error
            if self._decompressor.unused_data:
                raise RemoteProtocolError("bytes behind the end of the zstd data")
            parts.append(part)
            room -= len(part)
            if room < 0:
                break
        return b"".join(parts)
