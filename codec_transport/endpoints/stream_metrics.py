"""Numbers of latent streams for the host's Prometheus registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from codec_transport.pipelines.stream import StreamStatistics

_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
_ENCODE_SECONDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)


class StreamMetrics:
    """What streams were sent, how large, how fast. One per server."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """registry: of the host; without one the numbers are counted and shown to nobody."""
        registry = CollectorRegistry() if registry is None else registry
        self.streams = Counter(
            "codec_latent_streams",
            "Latent streams that were started, by how they ended: whole, failed (error frame) or left (no reader).",
            ["pipeline", "coding", "end"],
            registry=registry,
        )
        self.frames = Counter(
            "codec_latent_frames", "Latent frames that were sent.", ["pipeline"], registry=registry
        )
        self.forced_keyframes = Counter(
            "codec_latent_forced_keyframes",
            "Keyframes that came early because a difference would not have fitted.",
            registry=registry,
        )
        self.message_bytes = Counter(
            "codec_latent_message_bytes", "Bytes of messages before the content coding.", registry=registry
        )
        self.body_bytes = Counter(
            "codec_latent_body_bytes", "Bytes of bodies after the content coding.", registry=registry
        )
        self.coding_fallbacks = Counter(
            "codec_latent_coding_fallbacks",
            "Streams that went out uncoded although the client offered codings.",
            registry=registry,
        )
        self.encode_seconds = Histogram(
            "codec_latent_encode_seconds",
            "Quantising, packing and coding of one frame.",
            buckets=_ENCODE_SECONDS,
            registry=registry,
        )
        self.first_frame_seconds = Histogram(
            "codec_latent_first_frame_seconds",
            "From the head of the response to the first frame.",
            buckets=_SECONDS,
            registry=registry,
        )

    def ended(
        self, pipeline: str, coding: str, end: str, statistics: StreamStatistics, body_bytes: int
    ) -> None:
        """One stream is over."""
        self.streams.labels(pipeline, coding, end).inc()
        self.frames.labels(pipeline).inc(statistics.num_frames)
        self.forced_keyframes.inc(statistics.num_forced_keyframes)
        self.message_bytes.inc(statistics.num_bytes)
        self.body_bytes.inc(body_bytes)
