"""What is known of one latent space: a frozen record."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum

from codec_transport.errors import MessageFieldError
from codec_transport.spaces.dictionaries import ZstdDictionary
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, SCALE_BYTES, Scales, bad_scale_channel

IMAGE_LATENTS = "image-latents"
VIDEO_LATENTS = "video-latents"
MODALITIES: tuple[str, ...] = (IMAGE_LATENTS, VIDEO_LATENTS)

_ID_PATTERN = re.compile(r"[a-z0-9._/-]+")


def is_space_id(text: str) -> bool:
    """True for a legal id: lower-case path characters, no `..`, no slash at either end."""
    has_good_ends = not text.startswith("/") and not text.endswith("/")
    return bool(_ID_PATTERN.fullmatch(text)) and ".." not in text and has_good_ends


def sha256_label(content: bytes) -> str:
    """`sha256:` and 64 lower-case hex digits, as hashes are written in headers and documents."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def hex_of(label: str) -> str | None:
    """The 64 lower-case hex digits of a hash in any accepted spelling, None for anything else."""
    digits = label.strip().lower().removeprefix("sha256:")
    return digits if re.fullmatch(r"[0-9a-f]{64}", digits) else None


class ScalesOrigin(Enum):
    """How far a block of static scales can be trusted."""

    CALIBRATED = "calibrated"  # measured on real latents
    PROVISIONAL = "provisional"  # computed from what the space promises


@dataclass(frozen=True, slots=True)
class StaticScales:
    """One scale per channel for `int8` and `int4`: values beyond it saturate.

    block: C little-endian fp16 values. source: one sentence on where the numbers are from.
    """

    block: bytes
    origin: ScalesOrigin
    source: str

    @property
    def hash(self) -> str:
        """`sha256:<hex>` of the block."""
        return sha256_label(self.block)

    @property
    def hex(self) -> str:
        """The hash without its prefix, as it stands in addresses."""
        return hashlib.sha256(self.block).hexdigest()


@dataclass(frozen=True, slots=True)
class DecoderNote:
    """Which decoder turns latents of this space into pixels. family: torch, onnx, ggml or wgsl."""

    family: str
    model_class: str


@dataclass(frozen=True, slots=True)
class DecoderFile:
    """A decoder that clients may download, for the older kind of map, which requires one.

    url: absolute, or a path on this server. runtime: "onnx", "torch", ... input_shape: one latent, channels
    first. output: what it gives, e.g. "rgb-float32". license: an SPDX expression.
    """

    runtime: str
    url: str
    hash: str
    size_bytes: int
    input_shape: tuple[int, ...]
    input_dtype: str
    output: str
    license: str


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """One latent space.

    shape: native frame, channels first; a stream may differ in the axes after the first. dtype: the
    header's, for every pipeline. spatial_stride, temporal_stride: pixels per latent value and pixel
    frames per latent frame. vae_scale_factor, vae_shift_factor: `vae.decode(latent / factor + shift)`.
    latents_mean, latents_std: per-channel statistics of spaces that are normalised channel by channel.
    modalities: what can be asked of it. keyframe_interval: longest distance of keyframes in delta streams.
    dictionaries: for zstd, at most one per format and pipeline. document: the exact bytes of a map that an
    operator published with addresses of its own; None lets the map be written here.
    """

    id: str
    version: str
    shape: tuple[int, ...]
    dtype: str
    static_scales: StaticScales | None
    spatial_stride: int = 8
    temporal_stride: int = 1
    vae_scale_factor: float | None = None
    vae_shift_factor: float | None = None
    latents_mean: tuple[float, ...] | None = None
    latents_std: tuple[float, ...] | None = None
    modalities: frozenset[str] = field(default_factory=lambda: frozenset({IMAGE_LATENTS}))
    keyframe_interval: int = 24
    decoder: DecoderNote | None = None
    dictionaries: tuple[ZstdDictionary, ...] = ()
    document: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises MessageFieldError for an illegal id or scales that do not fit the channels."""
        if not is_space_id(self.id):
            raise MessageFieldError("latent_space_id", self.id, "a-z 0-9 . _ - and / inside, no ..")
        if self.static_scales is not None:
            block = self.static_scales.block
            if len(block) != SCALE_BYTES * self.shape[0] or bad_scale_channel(block) is not None:
                raise MessageFieldError(
                    "static_scales", block.hex(), f"{self.shape[0]} finite fp16 values of at least 0"
                )

    def dictionary_for(self, stream_format: str, pipeline: str) -> ZstdDictionary | None:
        """The dictionary for such a stream; without one there is no zstd for it."""
        for dictionary in self.dictionaries:
            if (dictionary.stream_format, dictionary.pipeline) == (stream_format, pipeline):
                return dictionary
        return None

    @property
    def pipelines(self) -> tuple[str, ...]:
        """Every pipeline this space can offer; `int8` and `int4` only with static scales."""
        return tuple(
            name
            for name, layout in PIPELINE_LAYOUTS.items()
            if layout.scales is not Scales.HEADER or self.static_scales is not None
        )

    def pipelines_for(self, modality: str) -> tuple[str, ...]:
        """The pipelines that a request of this modality may name: no delta for single images."""
        return tuple(
            name
            for name in self.pipelines
            if modality == VIDEO_LATENTS or not PIPELINE_LAYOUTS[name].is_delta
        )
