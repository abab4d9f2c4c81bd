"""Sound of a video: read as a whole, written in step with the frames. PyAV is imported when it is needed."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from comfy_api.errors import MediaError
from comfy_api.media.values import AudioInput

if TYPE_CHECKING:
    import torch
    from av.container import InputContainer

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "5.1", 8: "7.1"}
USUAL_RATE = 48_000
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)


def read_audio(
    container: InputContainer, *, origin_s: Fraction, start_s: Fraction, end_s: Fraction | None
) -> AudioInput | None:
    """The first sound track between two times that count from `origin_s`, or None where there is none.

    The container is read to the end of the span. Silence fills what the track lacks at the start, so that
    sample 0 belongs to `start_s`.
    Shape: waveform (1, channels, samples) float32.
    Raises: av.error.FFmpegError for a damaged track.
    """
    import av
    import torch

    if not container.streams.audio:
        return None
    track = container.streams.audio[0]
    rate, channels = track.codec_context.sample_rate, track.codec_context.channels
    if not rate or not channels:
        return None
    planar = av.AudioResampler(format="fltp", layout=track.codec_context.layout, rate=rate)
    first = round(start_s * rate)
    last = None if end_s is None else math.ceil(end_s * rate)
    pieces: list[torch.Tensor] = []
    at: int | None = None
    for decoded in container.decode(track):
        for frame in planar.resample(decoded):
            piece = torch.from_numpy(frame.to_ndarray())
            if at is None:
                time = Fraction(0) if decoded.pts is None else decoded.pts * Fraction(decoded.time_base or 0)
                at = round((time - origin_s) * rate)
                if at > first:
                    pieces.append(torch.zeros(channels, at - first))
            if at + piece.shape[1] > first:
                pieces.append(piece[:, max(0, first - at) :])
            at += piece.shape[1]
        if last is not None and at is not None and at >= last:
            break
    if not pieces:
        return None
    waveform = torch.cat(pieces, dim=1)
    if last is not None:
        waveform = waveform[:, : last - first]
    return {"waveform": waveform.unsqueeze(0).contiguous(), "sample_rate": rate}


class AudioTrack:
    """Sound on its way into a container; `packets_until` gives what belongs to the frames written so far."""

    def __init__(self, container: Any, encoder: str, audio: AudioInput) -> None:
        """Adds the track. Raises: MediaError (`source` "audio") for a sound that no layout or rate fits."""
        self._waveform, self._rate = checked_audio(audio)
        self._layout = LAYOUTS[self._waveform.shape[0]]
        if encoder == "libopus":
            rate = self._rate if self._rate in OPUS_RATES else USUAL_RATE
        elif encoder == "aac":
            rate = self._rate if 8_000 <= self._rate <= 96_000 else USUAL_RATE
        elif encoder == "libmp3lame":
            rate = self._rate if self._rate in MP3_RATES else USUAL_RATE
        else:
            rate = self._rate
        self._stream = container.add_stream(encoder, rate=rate, layout=self._layout)
        self._resampler: Any = None
        self._at = 0

    @property
    def stream(self) -> Any:
        """PyAV's track."""
        return self._stream

    def packets_until(self, time_s: Fraction) -> list[Any]:
        """Packets of the samples up to a time in seconds; the rest of the sound waits."""
        import av

        context = self._stream.codec_context
        if self._resampler is None:
            self._resampler = av.AudioResampler(
                format=context.format, layout=self._layout, rate=context.sample_rate
            )
        end = min(math.ceil(time_s * self._rate), self._waveform.shape[1])
        if end <= self._at:
            return []
        samples = self._waveform[:, self._at : end].contiguous().numpy()
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._at, Fraction(1, self._rate)
        self._at = end
        return [packet for ready in self._resampler.resample(frame) for packet in self._stream.encode(ready)]

    def last_packets(self) -> list[Any]:
        """What resampler and encoder still hold. The track is closed."""
        held = self._resampler.resample(None) if self._resampler is not None and self._at else []
        packets = [packet for frame in held for packet in self._stream.encode(frame)]
        return packets + list(self._stream.encode(None))


def checked_audio(audio: AudioInput) -> tuple[torch.Tensor, int]:
    """(channels, samples) float32 on the CPU and its rate in Hz. Batches give their first sound.

    Raises: MediaError (`source` "audio").
    """

    import torch

    try:
        waveform, rate = audio["waveform"], int(audio["sample_rate"])
    except (TypeError, KeyError, ValueError) as error:
        raise MediaError("holds no waveform and sample_rate", source="audio") from error
    if waveform.ndim != 3 or not waveform.shape[0] or waveform.shape[1] not in LAYOUTS or rate <= 0:
        raise MediaError(
            f"needs a waveform (batch, channels, samples) with {', '.join(map(str, LAYOUTS))} channels, "
            f"came {tuple(waveform.shape)} at {rate} Hz",
            source="audio",
        )
    return waveform[0].detach().to("cpu", torch.float32), rate
