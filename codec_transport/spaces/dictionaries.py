"""Zstandard dictionaries of a latent space: one per stream format and pipeline, found by name in a directory.

A file is what `zstd --train` writes, named `<last part of the space's id>-<format>-<pipeline>-v1.dict` with `-`
for the `+` of delta pipelines: the names that servers of this family use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from codec_transport.errors import MapFileError
from codec_transport.wire.coders import digested_dictionary
from codec_transport.wire.codings import KNOWN_CODINGS, ZSTD
from codec_transport.wire.encoder import STREAM_FORMATS
from codec_transport.wire.layouts import PIPELINES

MAX_DICTIONARY_BYTES = 1024 * 1024  # trained ones are 4 to 112 KiB; every client downloads what it uses
_MAGIC = b"\x37\xa4\x30\xec"  # RFC 8878, section 5


@dataclass(frozen=True, slots=True)
class ZstdDictionary:
    """One dictionary. content: raw bytes, as they are hashed and served."""

    stream_format: str
    pipeline: str
    content: bytes = field(repr=False)

    @property
    def hex(self) -> str:
        """SHA-256 of the content, 64 hex digits."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def hash(self) -> str:
        """The value of `Codec-Zstd-Dict`."""
        return f"sha256:{self.hex}"


def dictionary_name(space_id: str, stream_format: str, pipeline: str) -> str:
    """The file name of a dictionary."""
    return f"{space_id.rpartition('/')[2]}-{stream_format}-{pipeline.replace('+', '-')}-v1.dict"


def read_dictionary(path: Path, stream_format: str, pipeline: str) -> ZstdDictionary:
    """One dictionary file. Raises: MapFileError for a file that cannot be read or holds none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MapFileError(path, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_DICTIONARY_BYTES:
        raise MapFileError(path, f"{len(content)} bytes, expected at most {MAX_DICTIONARY_BYTES}")
    if not content.startswith(_MAGIC):
        raise MapFileError(path, "is no trained zstd dictionary (RFC 8878, section 5)")
    if ZSTD in KNOWN_CODINGS:
        try:
            digested_dictionary(content)
        except ValueError as error:
            raise MapFileError(path, str(error)) from error
    return ZstdDictionary(stream_format, pipeline, content)


def dictionaries_in(directory: Path, space_id: str) -> tuple[ZstdDictionary, ...]:
    """Every dictionary of a space that lies in the directory. Raises: MapFileError."""
    return tuple(
        read_dictionary(path, stream_format, pipeline)
        for stream_format in STREAM_FORMATS
        for pipeline in PIPELINES
        if (path := directory / dictionary_name(space_id, stream_format, pipeline)).is_file()
    )
