"""Content codings of a body: which there are, and the two ends of one response.

zstd is used with a dictionary or not at all: published clients refuse it without one. brotli and zstd need
their packages, which are imported on first use; a coding whose package is missing is not offered.
"""

from __future__ import annotations

from importlib.util import find_spec

from codec_transport.errors import LimitExceededError, LocalProtocolError, RemoteProtocolError
from codec_transport.wire.coders import BodyCoder as BodyCoder
from codec_transport.wire.coders import BrotliCoder, GzipCoder, IdentityCoder, ZstdCoder
from codec_transport.wire.messages import Buffer
from codec_transport.wire.unfolding import (
    BrotliUnfolder,
    GzipUnfolder,
    IdentityUnfolder,
    Unfolder,
    ZstdUnfolder,
)

IDENTITY = "identity"
ZSTD = "zstd"
_PACKAGES = {ZSTD: "zstandard", "br": "brotli", "gzip": "zlib"}
# Codings that this process can do, best first; zstd only where a dictionary is at hand.
KNOWN_CODINGS: tuple[str, ...] = tuple(
    coding for coding, package in _PACKAGES.items() if find_spec(package) is not None
)
# What negotiation may choose from besides identity when there is no dictionary.
AVAILABLE_CODINGS: tuple[str, ...] = tuple(coding for coding in KNOWN_CODINGS if coding != ZSTD)


def codings_at_hand(*, has_dictionary: bool) -> tuple[str, ...]:
    """What negotiation may choose from besides identity, best first."""
    return KNOWN_CODINGS if has_dictionary else AVAILABLE_CODINGS


def body_coder(coding: str, *, dictionary: bytes | None = None) -> BodyCoder:
    """A coder for one response. dictionary: raw bytes, for zstd, which does not go without.

    Raises: LocalProtocolError for a coding that is not built in, or a dictionary that is none.
    """
    if coding == IDENTITY:
        return IdentityCoder()
    if coding not in KNOWN_CODINGS:
        raise LocalProtocolError(f"content coding {coding!r:.40}, expected one of {_names()}")
    if coding == "gzip":
        return GzipCoder()
    if coding == "br":
        return BrotliCoder()
    if dictionary is None:
        raise LocalProtocolError("content coding zstd without a dictionary, expected one")
    try:
        return ZstdCoder(dictionary)
    except ValueError as error:
        raise LocalProtocolError(f"content coding zstd: {error}") from error


class BodyDecoder:
    """Undoes the coding of one body as its bytes come in.

    max_bytes: most that the whole body may unfold to; for latents, frames times the longest message.
    dictionary: the one that the response's `Codec-Zstd-Dict` names, its hash already checked.
    Raises: RemoteProtocolError for a coding that cannot be undone here.
    """

    def __init__(self, coding: str, *, max_bytes: int, dictionary: bytes | None = None) -> None:
        self._coding = coding
        self._unfolder = _unfolder(coding, dictionary)
        self._max_bytes = max_bytes
        self._num_bytes = 0

    def feed(self, chunk: Buffer) -> bytes:
        """The bytes that `chunk` unfolds to. Raises: RemoteProtocolError, LimitExceededError."""
        if self._unfolder.is_complete and self._coding != IDENTITY and len(chunk):
            raise RemoteProtocolError(f"bytes behind the end of the {self._coding} data")
        unfolded = self._unfolder.unfold(chunk, self._max_bytes - self._num_bytes)
        self._num_bytes += len(unfolded)
        if self._num_bytes > self._max_bytes:
            raise LimitExceededError("decoded body", claimed=self._num_bytes, limit=self._max_bytes)
        return unfolded

    def end(self) -> None:
        """States that the body is over. Raises: RemoteProtocolError when its coding is not complete."""
        if not self._unfolder.is_complete:
            raise RemoteProtocolError(f"the body ends inside its {self._coding} data")


def _unfolder(coding: str, dictionary: bytes | None) -> Unfolder:
    if coding == IDENTITY:
        return IdentityUnfolder()
    if coding not in KNOWN_CODINGS:
        raise RemoteProtocolError(f"content coding {coding!r:.40}, expected one of {_names()}")
    if coding == "gzip":
        return GzipUnfolder()
    if coding == "br":
        return BrotliUnfolder()
    if dictionary is None:
        raise RemoteProtocolError("the body is zstd data and its dictionary is not at hand")
    try:
        return ZstdUnfolder(dictionary)
    except ValueError as error:
        raise LocalProtocolError(f"dictionary: {error}") from error


def _names() -> str:
    return ", ".join((*KNOWN_CODINGS, IDENTITY))
