"""Streams for node authors: what a source and an interposer hand on, what a sink pulls from.

Subclass `ImageStreamInput` or `LatentStreamInput` and override the `do_*` hooks, or write a generator and wrap it with
`image_stream` / `latent_stream`; several outputs of one producer are a `StreamGroup`. docs/streaming.md shows all of
them. This module gathers the public names; the classes are in `stream_base`, `stream_readers`, `stream_groups` and
`stream_generators`.
"""

from __future__ import annotations

from comfy_api.stream_base import (
    FrameStreamInput,
    ImageStreamInput,
    LatentStreamInput,
    MaskStreamInput,
    StreamState,
)
from comfy_api.stream_generators import image_stream, latent_stream, mapped_stream, mask_stream
from comfy_api.stream_groups import StreamGroup
from comfy_api.stream_readers import TensorImageStream, TensorLatentStream, TensorMaskStream
from comfy_execution.streaming.contract import Park, Signal
from comfy_execution.streaming.errors import ConsumerGone, StreamAborted, StreamContractError, StreamError

__all__ = [
    "ConsumerGone",
    "FrameStreamInput",
    "ImageStreamInput",
    "LatentStreamInput",
    "MaskStreamInput",
    "Park",
    "Signal",
    "StreamAborted",
    "StreamContractError",
    "StreamError",
    "StreamGroup",
    "StreamState",
    "TensorImageStream",
    "TensorLatentStream",
    "TensorMaskStream",
    "image_stream",
    "latent_stream",
    "mapped_stream",
    "mask_stream",
]
