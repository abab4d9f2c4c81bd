"""What negotiation takes and gives: frozen records, no logic beyond what follows from their fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from codec_transport.channel import DEFAULT_CHANNEL
from codec_transport.endpoints.negotiation_headers import IDENTITY, ClientVersion
from codec_transport.endpoints.templates import Graph
from codec_transport.spaces.dictionaries import ZstdDictionary
from codec_transport.spaces.registry import LatentMap
from codec_transport.spaces.space import IMAGE_LATENTS, VIDEO_LATENTS, LatentSpace
from codec_transport.wire.codings import ZSTD
from codec_transport.wire.layouts import PIPELINE_LAYOUTS, Scales

VARY = "Accept, Accept-Encoding, Codec-Client-Version"
DEFAULT_STEPS = 25


class Endpoint(Enum):
    """The two endpoints; the value is the latent modality of each."""

    IMAGES = IMAGE_LATENTS
    VIDEOS = VIDEO_LATENTS


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may ask for. The defaults argue for themselves:

    max_body_bytes: a prompt is text, 1 MiB is a book. max_side, max_pixels: four times the native area of
    today's largest image models. max_steps: above this no sampler changes the picture. max_frames: 40 s
    at 24 frames a second. max_images: as OpenAI's endpoint.
    """

    max_body_bytes: int = 1024 * 1024
    max_prompt_chars: int = 32_000
    max_side: int = 4096
    max_pixels: int = 2048 * 2048
    max_steps: int = 1000
    max_frames: int = 960
    max_fps: int = 240
    max_images: int = 10


@dataclass(frozen=True, slots=True)
class VersionFloor:
    """The lowest client version that an operator accepts for latents."""

    minimum: ClientVersion
    required_features: tuple[str, ...] = ()
    docs_url: str | None = None
    deployment_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What negotiation must know of the model that will answer.

    name: as the engine knows it. space: its latent space, None when unknown (pixels only). latent_map:
    the space's map as this server publishes it. native_size: (width, height) in pixels.
    sampler_names, schedulers: what may be named, empty when not checked here. max_frames: pixel frames of a clip.
    max_clip_pixels: of all its frames together, for models that sample a clip as one batch.
    """

    name: str
    space: LatentSpace | None
    latent_map: LatentMap | None = None
    native_size: tuple[int, int] = (512, 512)
    has_images: bool = True
    has_video: bool = False
    has_pixels: bool = True
    default_steps: int = DEFAULT_STEPS
    sampler_names: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()
    max_frames: int = 2**31
    max_clip_pixels: int = 2**62


@dataclass(frozen=True, slots=True)
class LatentDelivery:
    """How the latents of a request travel.

    shape: one frame. total_frames: LatentFrames of the stream, None when not known. is_clip: the items of a
    batch are frames. fps: playback rate of the decoded clip. keyframe_interval: for delta pipelines.
    content_coding: "identity" or the coding to apply. is_coding_fallback: the client offered codings and
    none was at hand. latent_map: None when the client's version predates the header or there is no map.
    """

    space: LatentSpace
    pipeline: str
    stream_format: str
    content_type: str
    shape: tuple[int, ...]
    total_frames: int | None
    keyframe_interval: int
    content_coding: str = IDENTITY
    is_coding_fallback: bool = False
    latent_map: LatentMap | None = None
    is_clip: bool = False
    fps: int | None = None

    @property
    def static_scales(self) -> bytes | None:
        """The header's block of scales, for `int8` and `int4`."""
        if PIPELINE_LAYOUTS[self.pipeline].scales is not Scales.HEADER or self.space.static_scales is None:
            return None
        return self.space.static_scales.block

    @property
    def dictionary(self) -> ZstdDictionary | None:
        """What zstd compresses with; None for the other codings."""
        if self.content_coding != ZSTD:
            return None
        return self.space.dictionary_for(self.stream_format, self.pipeline)

    def response_headers(self) -> dict[str, str]:
        """The headers of a successful latent response."""
        headers = {
            "Content-Type": self.content_type,
            "Vary": VARY,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "Access-Control-Expose-Headers": "Codec-Latent-Map, Codec-Zstd-Dict, X-Codec-Generation-Ms",
        }
        if self.content_coding != IDENTITY:
            headers["Content-Encoding"] = self.content_coding
        if self.dictionary is not None:
            headers["Codec-Zstd-Dict"] = self.dictionary.hash
        if self.latent_map is not None:
            headers["Codec-Latent-Map"] = self.latent_map.hash
        return headers


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request that will be served. width, height: pixels. seed: None lets the server draw one.

    num_images: 1 with latents. fps, num_frames: of the pixel video; 1 frame and None for images.
    guidance_scale, sampler_name, scheduler: None for the model's own. latents: None for pixels. graph: the caller's
    own, None for the model's template; channel: which of its latents; their shape is known only when they come.
    is_stream: a JSON client wants events while it waits.
    """

    endpoint: Endpoint
    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    seed: int | None
    guidance_scale: float | None
    sampler_name: str | None
    scheduler: str | None
    num_images: int
    response_format: str
    num_frames: int
    fps: int | None
    latents: LatentDelivery | None
    graph: Graph | None = None
    channel: str = DEFAULT_CHANNEL
    is_stream: bool = False
