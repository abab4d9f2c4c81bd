"""Animated PNG and WebP written picture by picture, in memory that does not grow with their number.

Pillow compresses each frame as a still picture; its chunks are put into the animation's own frame chunks here.
Source: PNG specification third edition, section 11.3 (acTL, fcTL, fdAT); WebP container specification (VP8X, ANIM,
ANMF, EXIF).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol

from PIL import Image

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_WEBP_ALPHA, _WEBP_EXIF, _WEBP_ANIMATION = 0x10, 0x08, 0x02


class AnimationWriter(Protocol):
    """Adds frames to an open file, then closes the animation; the file itself belongs to the caller."""

    def add(self, picture: Image.Image) -> None:
        """One more frame, of the first one's size."""

    def finish(self) -> None:
        """Numbers that only the end knows, metadata. At least one frame must have come."""


class ApngWriter:
    """Animated PNG; `text` goes into private chunks `comf` after the pixels, where clients look for it."""

    def __init__(self, file: BinaryIO, fps: float, text: Mapping[str, str], compress_level: int) -> None:
        self._file, self._text, self._level = file, dict(text), compress_level
        self._delay = (int(1000.0 / fps), 1000)
        self._num_frames = self._sequence = 0
        self._count_at = 0

    def add(self, picture: Image.Image) -> None:
        """One more frame."""
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG", compress_level=self._level)
        chunks = list(_png_chunks(buffer.getvalue()))
        if not self._num_frames:
            self._file.write(_PNG_SIGNATURE)
            self._chunk(b"IHDR", chunks[0][1])
            self._count_at = self._file.tell()
            self._chunk(b"acTL", struct.pack(">II", 0, 0))
        control = struct.pack(
            ">IIIIIHHBB", self._next(), picture.width, picture.height, 0, 0, *self._delay, 0, 0
        )
        self._chunk(b"fcTL", control)
        for kind, content in chunks:
            if kind == b"IDAT" and not self._num_frames:
                self._chunk(b"IDAT", content)
            elif kind == b"IDAT":
                self._chunk(b"fdAT", struct.pack(">I", self._next()) + content)
        self._num_frames += 1

    def finish(self) -> None:
        """Metadata, the end, and the number of frames at the start."""
        for key, value in self._text.items():
            self._chunk(b"comf", key.encode("latin-1", "ignore") + b"\x00" + value.encode("latin-1"))
        self._chunk(b"IEND", b"")
        end = self._file.tell()
        self._file.seek(self._count_at)
        self._chunk(b"acTL", struct.pack(">II", self._num_frames, 0))
        self._file.seek(end)

    def _next(self) -> int:
        number, self._sequence = self._sequence, self._sequence + 1
        return number

    def _chunk(self, kind: bytes, content: bytes) -> None:
        check = zlib.crc32(kind + content)
        self._file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check))


class WebpWriter:
    """Animated WebP; `exif` is the block that holds the metadata, empty for none."""

    def __init__(self, file: BinaryIO, fps: float, exif: bytes, lossless: bool, quality: int) -> None:
        self._file, self._exif = file, exif
        self._duration_ms = int(1000.0 / fps)
        self._options = {"lossless": lossless, "quality": quality}
        self._size = (0, 0)
        self._num_frames = 0
        self._has_alpha = False

    def add(self, picture: Image.Image) -> None:
        """One more frame."""
        buffer = io.BytesIO()
        picture.save(buffer, format="WEBP", **self._options)
        if not self._num_frames:
            self._size = picture.size
            self._file.write(b"RIFF\0\0\0\0WEBP")
            self._chunk(b"VP8X", self._header())
            self._chunk(b"ANIM", struct.pack("<IH", 0, 0))
        self._has_alpha = self._has_alpha or picture.mode == "RGBA"
        # no blending with the frame before: every frame is whole
        place = (
            b"\0" * 6 + _u24(picture.width - 1) + _u24(picture.height - 1) + _u24(self._duration_ms) + b"\x02"
        )
        data = b"".join(
            _riff_chunk(kind, content)
            for kind, content in _riff_chunks(buffer.getvalue())
            if kind in (b"ALPH", b"VP8 ", b"VP8L")
        )
        self._chunk(b"ANMF", place + data)
        self._num_frames += 1

    def finish(self) -> None:
        """Metadata, and the sizes at the start."""
        if self._exif:
            self._chunk(b"EXIF", self._exif)
        end = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", end - 8))
        self._file.seek(12)
        self._chunk(b"VP8X", self._header())
        self._file.seek(end)

    def _header(self) -> bytes:
        flags = _WEBP_ANIMATION | (_WEBP_EXIF if self._exif else 0) | (_WEBP_ALPHA if self._has_alpha else 0)
        return bytes([flags, 0, 0, 0]) + _u24(self._size[0] - 1) + _u24(self._size[1] - 1)

    def _chunk(self, kind: bytes, content: bytes) -> None:
        self._file.write(_riff_chunk(kind, content))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_SIGNATURE)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += length + 12


def _riff_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at + 4)
        yield content[at : at + 4], content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _riff_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _u24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]
