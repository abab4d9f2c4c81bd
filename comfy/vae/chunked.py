"""Decoding and encoding piece by piece: one object per run holds what a VAE must remember between pieces.

A network of the video families offers `open_decode(latent_shape)` and `open_encode(pixel_shape)` and returns runs of
this interface in its own values; image networks need no state and go frame by frame. Read design notes of the
families for what they keep. Equal to the whole clip: a run's calls depend on the clip alone, never on how it was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from comfy.errors import LatentError


class DecodeRun(Protocol):
    """Latents in, pictures out, in order. States: fresh, pushing, flushed, closed."""

    def push(self, samples: Tensor) -> Iterator[Tensor]:
        """Pieces (n,H,W,3) float32 0..1 that a chunk of latents sets free; maybe none. Exhaust before the next push.

        Shape: (n,C,h,w), or (1,C,n,h,w) of one video.
        """

    def flush(self) -> Iterator[Tensor]:
        """The pieces that only the end sets free. Ends the clip."""

    def reset(self) -> None:
        """Back to the start of a clip; plans of noise stay."""

    def close(self) -> None:
        """Drops all state. Idempotent."""


class EncodeRun(Protocol):
    """Pictures in, latents out, in order."""

    def push(self, pixels: Tensor) -> Iterator[Tensor]:
        """Latents (n,C,h,w), or (1,C,n,h,w), that pictures (n,H,W,C) 0..1 set free; maybe none."""

    def flush(self) -> Iterator[Tensor]:
        """The latents that only the end sets free."""

    def close(self) -> None:
        """Drops all state. Idempotent."""


def open_decode(vae: Any, samples: Tensor) -> DecodeRun:
    """A run for latents like these, (n,C,h,w) or (1,C,n,h,w).

    Raises: LatentError for a latent that the VAE cannot decode.
    """
    opened = getattr(vae.first_stage_model, "open_decode", None)
    if opened is None:
        return FrameDecodeRun(vae)
    if samples.ndim != 5:
        raise LatentError("this VAE decodes videos", expected="(B,C,T,h,w)", found=str([*samples.shape]))
    vae.load_to_decode(samples)
    return VideoDecodeRun(vae, opened(tuple(samples.shape)))


def open_encode(vae: Any, pixels: Tensor) -> EncodeRun:
    """A run for pictures like these, (n,H,W,C) in 0..1."""
    opened = getattr(vae.first_stage_model, "open_encode", None)
    if opened is None:
        return FrameEncodeRun(vae)
    vae.load_to_encode(pixels[:1].movedim(-1, 1))
    return VideoEncodeRun(vae, opened())


def decode_clip(vae: Any, samples: Tensor) -> Tensor:
    """All pictures (F,H,W,3) of one video latent (1,C,T,h,w): one run, so that streams give the same bits."""
    run = open_decode(vae, samples)
    try:
        return torch.cat([*run.push(samples), *run.flush()])
    finally:
        run.close()


def encode_clip(vae: Any, pixels: Tensor) -> Tensor:
    """The latent (1,C,T,h,w) of one clip (F,H,W,C) of whole latents in size."""
    run = open_encode(vae, pixels)
    try:
        return torch.cat([*run.push(pixels), *run.flush()], dim=2)
    finally:
        run.close()


def decoded_frames(vae: Any, num_latents: int, shape: tuple[int, ...] | None) -> int:
    """Pictures of a number of latent frames."""
    total = getattr(vae.first_stage_model, "frames_total", None)
    return (
        num_latents if total is None or (shape is not None and len(shape) != 5) else int(total(num_latents))
    )


class FrameDecodeRun:
    """A VAE of pictures: every latent by itself, so that bits do not depend on chunks."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae

    def push(self, samples: Tensor) -> Iterator[Tensor]:
        """One picture per latent."""
        frames = samples[0].movedim(1, 0) if samples.ndim == 5 else samples
        for frame in frames:
            yield self._vae.decode(frame.unsqueeze(0))

    def flush(self) -> Iterator[Tensor]:
        """Nothing waits."""
        return iter(())

    def reset(self) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing is held."""


class FrameEncodeRun:
    """A VAE of pictures: every picture by itself."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae

    def push(self, pixels: Tensor) -> Iterator[Tensor]:
        """One latent per picture."""
        for picture in pixels:
            yield self._vae.encode(picture.unsqueeze(0))

    def flush(self) -> Iterator[Tensor]:
        """Nothing waits."""
        return iter(())

    def close(self) -> None:
        """Nothing is held."""


class VideoDecodeRun:
    """A video network's run with the VAE's scale, layout and devices around it."""

    def __init__(self, vae: Any, run: Any) -> None:
        self._vae, self._run = vae, run

    def push(self, samples: Tensor) -> Iterator[Tensor]:
        """Pieces of the network's run as pictures."""
        yield from self._pictures(self._run.push(samples.to(self._vae.device, self._vae.vae_dtype)))

    def flush(self) -> Iterator[Tensor]:
        """The last pieces."""
        yield from self._pictures(self._run.flush())

    def reset(self) -> None:
        """Back to the start of a clip."""
        self._run.reset()

    def close(self) -> None:
        """Drops the state."""
        self._run.close()

    def _pictures(self, pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        while True:
            with torch.no_grad():
                piece = next(pieces, None)
            if piece is None:
                return
            pictures = self._vae.process_output(piece.float().to(self._vae.output_device))
            yield pictures[0].permute(1, 2, 3, 0).contiguous()


class VideoEncodeRun:
    """A video network's encoding run with the VAE's scale and layout around it."""

    def __init__(self, vae: Any, run: Any) -> None:
        self._vae, self._run = vae, run

    def push(self, pixels: Tensor) -> Iterator[Tensor]:
        """Latents (1,C,n,h,w)."""
        values = self._vae.process_input(pixels.permute(3, 0, 1, 2).unsqueeze(0))
        yield from self._latents(self._run.push(values.to(self._vae.device, self._vae.vae_dtype)))

    def flush(self) -> Iterator[Tensor]:
        """The last latents."""
        yield from self._latents(self._run.flush())

    def close(self) -> None:
        """Drops the state."""
        self._run.close()

    def _latents(self, pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        while True:
            with torch.no_grad():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece.float().to(self._vae.output_device)
