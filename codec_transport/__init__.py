"""Latents on the wire: encode the latent a sampler made, send it as a stream, decode it at the leaf.

The public names below are loaded on first use (PEP 562), so that `import codec_transport.wire` brings in
neither numpy nor torch. Packages, from the bottom up: `wire` (bytes and messages), `pipelines` (tensors
to payloads and back), `spaces` (latent spaces and their map documents), `endpoints` (HTTP handlers).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` gives, for type checkers; a test compares the two
    from codec_transport.errors import (
        CodecError as CodecError,
    )
    from codec_transport.errors import (
        LatentInputError as LatentInputError,
    )
    from codec_transport.errors import (
        LimitExceededError as LimitExceededError,
    )
    from codec_transport.errors import (
        LocalProtocolError as LocalProtocolError,
    )
    from codec_transport.errors import (
        MessageFieldError as MessageFieldError,
    )
    from codec_transport.errors import (
        NonFiniteLatentError as NonFiniteLatentError,
    )
    from codec_transport.errors import (
        RemoteProtocolError as RemoteProtocolError,
    )
    from codec_transport.errors import (
        RequestRefusedError as RequestRefusedError,
    )
    from codec_transport.errors import (
        StreamFailedError as StreamFailedError,
    )
    from codec_transport.errors import (
        StreamOrderError as StreamOrderError,
    )
    from codec_transport.errors import (
        UnknownSpaceError as UnknownSpaceError,
    )
    from codec_transport.errors import (
        UnknownStreamFormatError as UnknownStreamFormatError,
    )
    from codec_transport.pipelines.cutting import (
        cut_latent as cut_latent,
    )
    from codec_transport.pipelines.decoder import (
        LatentStreamDecoder as LatentStreamDecoder,
    )
    from codec_transport.pipelines.encoder import (
        LatentStreamEncoder as LatentStreamEncoder,
    )
    from codec_transport.pipelines.stream import (
        LatentStreamWriter as LatentStreamWriter,
    )
    from codec_transport.wire.decoder import (
        decode_latent_frame_msgpack as decode_latent_frame_msgpack,
    )
    from codec_transport.wire.decoder import (
        decode_latent_frame_protobuf as decode_latent_frame_protobuf,
    )
    from codec_transport.wire.decoder import (
        decode_latent_header_msgpack as decode_latent_header_msgpack,
    )
    from codec_transport.wire.decoder import (
        decode_latent_header_protobuf as decode_latent_header_protobuf,
    )
    from codec_transport.wire.decoder import (
        split_messages as split_messages,
    )
    from codec_transport.wire.encoder import (
        STREAM_FORMATS as STREAM_FORMATS,
    )
    from codec_transport.wire.encoder import (
        encode_latent_frame_msgpack as encode_latent_frame_msgpack,
    )
    from codec_transport.wire.encoder import (
        encode_latent_frame_protobuf as encode_latent_frame_protobuf,
    )
    from codec_transport.wire.encoder import (
        encode_latent_header_msgpack as encode_latent_header_msgpack,
    )
    from codec_transport.wire.encoder import (
        encode_latent_header_protobuf as encode_latent_header_protobuf,
    )
    from codec_transport.wire.layouts import (
        PIPELINES as PIPELINES,
    )
    from codec_transport.wire.messages import (
        LatentFrame as LatentFrame,
    )
    from codec_transport.wire.messages import (
        LatentStreamHeader as LatentStreamHeader,
    )
    from codec_transport.wire.msgpack_format import (
        NEED_DATA as NEED_DATA,
    )
    from codec_transport.wire.session import (
        ReceivingSession as ReceivingSession,
    )
    from codec_transport.wire.session import (
        SendingSession as SendingSession,
    )

_HOMES: dict[str, str] = {
    "CodecError": "codec_transport.errors",
    "LocalProtocolError": "codec_transport.errors",
    "MessageFieldError": "codec_transport.errors",
    "LatentInputError": "codec_transport.errors",
    "NonFiniteLatentError": "codec_transport.errors",
    "StreamOrderError": "codec_transport.errors",
    "UnknownStreamFormatError": "codec_transport.errors",
    "UnknownSpaceError": "codec_transport.errors",
    "RequestRefusedError": "codec_transport.errors",
    "RemoteProtocolError": "codec_transport.errors",
    "LimitExceededError": "codec_transport.errors",
    "StreamFailedError": "codec_transport.errors",
    "LatentStreamHeader": "codec_transport.wire.messages",
    "LatentFrame": "codec_transport.wire.messages",
    "PIPELINES": "codec_transport.wire.layouts",
    "STREAM_FORMATS": "codec_transport.wire.encoder",
    "NEED_DATA": "codec_transport.wire.msgpack_format",
    "encode_latent_header_msgpack": "codec_transport.wire.encoder",
    "encode_latent_header_protobuf": "codec_transport.wire.encoder",
    "encode_latent_frame_msgpack": "codec_transport.wire.encoder",
    "encode_latent_frame_protobuf": "codec_transport.wire.encoder",
    "decode_latent_header_msgpack": "codec_transport.wire.decoder",
    "decode_latent_header_protobuf": "codec_transport.wire.decoder",
    "decode_latent_frame_msgpack": "codec_transport.wire.decoder",
    "decode_latent_frame_protobuf": "codec_transport.wire.decoder",
    "split_messages": "codec_transport.wire.decoder",
    "SendingSession": "codec_transport.wire.session",
    "ReceivingSession": "codec_transport.wire.session",
    "LatentStreamEncoder": "codec_transport.pipelines.encoder",
    "LatentStreamDecoder": "codec_transport.pipelines.decoder",
    "LatentStreamWriter": "codec_transport.pipelines.stream",
    "cut_latent": "codec_transport.pipelines.cutting",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    """Loads a public name from its home module."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Module attributes and every public name, loaded or not."""
    return sorted({*globals(), *_HOMES})
