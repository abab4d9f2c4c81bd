"""Zstandard dictionaries from captured bodies, with what they gain on bodies they have not seen.

A dictionary cannot make noise smaller: on quantised latents it saves the entropy tables and what every body
repeats (keys, ids, shapes). That is much of a body of 1 KiB and nothing of one of 100 KiB, so the gain is
measured on a hold-out and reported, and the smallest size within one point of the best wins.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from codec_transport.errors import LocalProtocolError
from codec_transport.wire.coders import ZSTD_LEVEL, BodyCoder
from codec_transport.wire.codings import body_coder
from codec_transport.wire.decoder import split_messages
from codec_transport.wire.messages import LatentFrame, LatentStreamHeader
from codec_transport.wire.msgpack_format import NEED_DATA
from codec_transport.wire.session import ReceivingSession

SIZES = (4096, 16384, 65536)
HOLD_OUT_SHARE = 0.2
ENOUGH = 0.01  # sizes whose saving is this close to the best count as equal
MIN_BODIES = 16  # below this there is nothing to hold out
_SEED = 7  # which bodies are held out must not change from run to run


@dataclass(frozen=True, slots=True)
class SizeResult:
    """One size that was tried. share: coded bytes of the hold-out over its plain ones."""

    size_bytes: int
    share: float


@dataclass(frozen=True, slots=True)
class TrainedDictionary:
    """The dictionary that won, with the evidence.

    content: raw bytes. share: coded over plain bytes of the hold-out. gzip_share: the same for gzip.
    num_bodies: trained on. num_held_out: measured on. tried: every size.
    """

    content: bytes = field(repr=False)
    share: float
    gzip_share: float
    num_bodies: int
    num_held_out: int
    tried: tuple[SizeResult, ...]


def train(bodies: Sequence[bytes], stream_format: str, *, sizes: Sequence[int] = SIZES) -> TrainedDictionary:
    """Trains on 80 % of the bodies, measures on the rest.

    bodies: whole identity bodies of one space, format and pipeline. Raises: LocalProtocolError for too few
    or too small bodies.
    """
    import zstandard

    if len(bodies) < MIN_BODIES:
        raise LocalProtocolError(f"{len(bodies)} bodies, expected at least {MIN_BODIES}")
    shuffled = list(bodies)
    random.Random(_SEED).shuffle(shuffled)
    num_held_out = max(1, round(len(shuffled) * HOLD_OUT_SHARE))
    held_out, samples = shuffled[:num_held_out], shuffled[num_held_out:]
    tried: dict[int, tuple[bytes, float]] = {}
    for size in sizes:
        try:
            content = zstandard.train_dictionary(size, [*samples], level=ZSTD_LEVEL).as_bytes()
        except zstandard.ZstdError:
            continue  # too little material for this size; a smaller one may do
        tried[size] = content, _share(held_out, stream_format, "zstd", content)
    if not tried:
        raise LocalProtocolError(f"{len(samples)} bodies of {sum(map(len, samples))} bytes are too little")
    best = min(share for _, share in tried.values())
    content, share = next(tried[size] for size in sorted(tried) if tried[size][1] <= best + ENOUGH)
    return TrainedDictionary(
        content,
        share,
        _share(held_out, stream_format, "gzip", None),
        len(samples),
        len(held_out),
        tuple(SizeResult(len(content), share) for content, share in tried.values()),
    )


def coded_size(body: bytes, stream_format: str, coder: BodyCoder) -> int:
    """Bytes of a body through a coder, flushed after every message as the server does."""
    head = 4 if stream_format == "protobuf" else 0
    size, position = 0, 0
    for message in split_messages([body], stream_format):
        end = position + head + len(message)
        size += sum(len(buffer) for buffer in coder.message([body[position:end]]))
        position = end
    return size + sum(len(buffer) for buffer in coder.finish())


def describe_body(body: bytes) -> tuple[LatentStreamHeader, str]:
    """Header and stream format of a captured body. Raises: LocalProtocolError when it is no latent stream."""
    for stream_format in ("msgpack", "protobuf"):
        session = ReceivingSession(stream_format)
        try:
            session.receive_data(body)
            header, rest = session.next_message(), None
            while (message := session.next_message()) is not NEED_DATA:
                rest = message
            session.receive_end()
        except ValueError:
            continue
        if isinstance(header, LatentStreamHeader) and isinstance(rest, LatentFrame):
            return header, stream_format
    raise LocalProtocolError("no whole latent stream, uncoded, in msgpack or protobuf")


def _share(bodies: Sequence[bytes], stream_format: str, coding: str, dictionary: bytes | None) -> float:
    coded = sum(coded_size(body, stream_format, body_coder(coding, dictionary=dictionary)) for body in bodies)
    return coded / sum(map(len, bodies))
