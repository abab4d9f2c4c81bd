"""Coders of response bodies: one context per response, flushed after every message.

A coder returns everything it holds after each message, so that the message can be decoded at once; the
flush costs under 0.2 % at real frame sizes. Undoing a coding is in `unfolding`, choosing one in `codings`.

Levels: quantised latents repeat zeros and nothing else, so what any coder wins here is the entropy of
single values, and the lowest level that counts them finds it. Measured on int8, int4 and fp16 frames of
unit Gaussian values: brotli 3 is within 0.2 % of brotli 9 and zstd 1 within 0.1 % of zstd 19.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol

from codec_transport.wire.messages import Buffer

GZIP_WINDOW_BITS = 31  # 32 KiB window, gzip wrapper
# Run lengths plus Huffman, no search for matches: on unit Gaussian int8, int4 and delta frames this is as
# small as or smaller than level 6 and 2 to 12 times faster.
_GZIP_STRATEGY = zlib.Z_RLE
_GZIP_MEMORY_LEVEL = 9  # longer blocks, fewer Huffman tables
_BROTLI_QUALITY = 3
_BROTLI_WINDOW_BITS = 18  # 256 KiB hold a frame; matches farther away do not exist, memory per stream does
ZSTD_LEVEL = 3  # what dictionaries are trained and digested for
_DIGESTED_DICTIONARIES = 64  # a digested one takes a few hundred KiB


class BodyCoder(Protocol):
    """Turns the messages of one response into its coded body."""

    def message(self, buffers: Iterable[Buffer]) -> list[Buffer]:
        """The coded bytes of one message, flushed."""

    def finish(self) -> list[Buffer]:
        """What ends the coded body. The coder is of no use afterwards."""


class IdentityCoder:
    """Passes buffers on uncopied."""

    def message(self, buffers: Iterable[Buffer]) -> list[Buffer]:
        """The buffers themselves."""
        return list(buffers)

    def finish(self) -> list[Buffer]:
        """Nothing."""
        return []


class GzipCoder:
    """gzip with a sync flush after every message."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(
            6, zlib.DEFLATED, GZIP_WINDOW_BITS, _GZIP_MEMORY_LEVEL, _GZIP_STRATEGY
        )

    def message(self, buffers: Iterable[Buffer]) -> list[Buffer]:
        """The compressed message, complete."""
        coded = [self._compressor.compress(buffer) for buffer in buffers]
        coded.append(self._compressor.flush(zlib.Z_SYNC_FLUSH))
        return [b"".join(coded)]

    def finish(self) -> list[Buffer]:
        """The end of the gzip member."""
        return [self._compressor.flush(zlib.Z_FINISH)]


class BrotliCoder:
    """Brotli with a flush after every message."""

    def __init__(self) -> None:
        import brotli  # only servers that code and clients that decode need it

        self._compressor: Any = brotli.Compressor(
            mode=brotli.MODE_GENERIC, quality=_BROTLI_QUALITY, lgwin=_BROTLI_WINDOW_BITS
        )

    def message(self, buffers: Iterable[Buffer]) -> list[Buffer]:
        """The compressed message, complete."""
        coded = [self._compressor.process(buffer) for buffer in buffers]
        coded.append(self._compressor.flush())
        return [b"".join(coded)]

    def finish(self) -> list[Buffer]:
        """The end of the brotli stream."""
        return [self._compressor.finish()]


class ZstdCoder:
    """Zstandard with a dictionary and a block flush after every message; the frame names no content size."""

    def __init__(self, dictionary: bytes) -> None:
        """dictionary: raw bytes as `zstd --train` writes them. Raises: ValueError when they are none."""
        import zstandard

        compressor = zstandard.ZstdCompressor(
            level=ZSTD_LEVEL, dict_data=digested_dictionary(dictionary), write_content_size=False
        )
        self._compressor: Any = compressor.compressobj()
        self._flush_block = zstandard.COMPRESSOBJ_FLUSH_BLOCK

    def message(self, buffers: Iterable[Buffer]) -> list[Buffer]:
        """The compressed message, complete."""
        coded = [self._compressor.compress(buffer) for buffer in buffers]
        coded.append(self._compressor.flush(self._flush_block))
        return [b"".join(coded)]

    def finish(self) -> list[Buffer]:
        """The end of the zstd frame."""
        return [self._compressor.flush()]


def zstd_dictionary(content: bytes) -> Any:
    """The dictionary as zstandard's object. Raises: ValueError when the bytes are no trained dictionary."""
    import zstandard

    try:
        # a full dictionary, never "raw content": bytes that are none must not pass as one
        found = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
        if not found.dict_id():
            raise ValueError("the bytes are no trained zstd dictionary")
    except zstandard.ZstdError as error:
        raise ValueError("the bytes are no trained zstd dictionary") from error
    return found


@lru_cache(maxsize=_DIGESTED_DICTIONARIES)
def digested_dictionary(content: bytes) -> Any:
    """The dictionary with its tables built, shared by all responses that use it.

    Raises: ValueError for bytes that are no trained dictionary, broken tables included.
    """
    import zstandard

    dictionary = zstd_dictionary(content)
    try:
        dictionary.precompute_compress(level=ZSTD_LEVEL)
    except zstandard.ZstdError as error:
        raise ValueError("the bytes are no trained zstd dictionary") from error
    return dictionary
