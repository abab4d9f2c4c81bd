"""Spans, rectangles and joints of videos in memory: components in, components out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from comfy_api.errors import MediaError
from comfy_api.media.values import AudioInput
from comfy_api.media.video import VideoComponents
from comfy_api.media.video_formats import exact_rate


def trimmed(
    components: VideoComponents, start_time: float, duration: float, strict_duration: bool
) -> VideoComponents | None:
    """A span of seconds out of a video in memory; None as `VideoInput.as_trimmed` says."""
    rate = exact_rate(components.frame_rate)
    start = max(0, round(start_time * rate))
    left = len(components.images) - start
    count = round(duration * rate) if duration > 0 else left
    if left <= 0 or (strict_duration and count > left):
        return None
    audio = components.audio
    if audio is not None:
        hz = audio["sample_rate"]
        span = slice(round(start * hz / rate), round((start + count) * hz / rate))
        audio = {"waveform": audio["waveform"][..., span], "sample_rate": hz}
    alpha = None if components.alpha is None else components.alpha[start : start + count]
    images = components.images[start : start + count]
    return replace(components, images=images, audio=audio, alpha=alpha)


def cropped(components: VideoComponents, x: int, y: int, w: int, h: int) -> VideoComponents:
    """A rectangle out of a video in memory. Raises: MediaError where it holds no pixel."""
    height, width = components.images.shape[1:3]
    if w < 1 or h < 1 or not 0 <= x < width or not 0 <= y < height:
        raise MediaError(f"{w}x{h} at ({x}, {y}) holds no pixel of {width}x{height}", source="crop")
    alpha = None if components.alpha is None else components.alpha[:, y : y + h, x : x + w]
    images = components.images[:, y : y + h, x : x + w]
    return replace(components, images=images, alpha=alpha)


def joined_audio(parts: Sequence[VideoComponents]) -> AudioInput | None:
    """The sounds one after another, each as long as its frames; None unless all are there and alike."""

    import torch

    sounds = [part.audio for part in parts]
    first = sounds[0]
    if first is None:
        return None
    pieces = []
    for part, sound in zip(parts, sounds, strict=True):
        if sound is None or sound["sample_rate"] != first["sample_rate"]:
            return None
        waveform = sound["waveform"]
        if waveform.shape[:2] != first["waveform"].shape[:2]:
            return None
        # each part's sound lasts as long as its frames, so that the next one starts in step
        wanted = round(len(part.images) / exact_rate(part.frame_rate) * first["sample_rate"])
        waveform = waveform[..., :wanted]
        pieces.append(torch.nn.functional.pad(waveform, (0, wanted - waveform.shape[-1])))
    return {"waveform": torch.cat(pieces, dim=-1), "sample_rate": first["sample_rate"]}
