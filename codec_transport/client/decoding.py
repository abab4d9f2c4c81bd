"""Latents to pictures and clips with a VAE of your own: what a leaf does. Imports torch."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from codec_transport.errors import LocalProtocolError, UnknownSpaceError
from codec_transport.spaces.affine import from_model_space
from codec_transport.spaces.registry import SpaceRegistry
from codec_transport.wire.messages import LatentStreamHeader
from comfy.errors import WeightsError
from comfy.models.checkpoint import load_checkpoint
from comfy.vae.autoencoder import VAE
from comfy.weights.files import load_torch_file
from comfy_api.media.png import encode_png
from comfy_api.media.video import VideoComponents
from comfy_api.media.video_input import VideoFromComponents

DEFAULT_FPS = 24
PICTURE, CLIP = ".png", ".mp4"


def load_vae(path: Path) -> VAE:
    """The VAE of a checkpoint, or of a file of its own.

    Raises: WeightsError for a file that holds none.
    """
    try:
        found = load_checkpoint(path, output_model=False, output_clip=False).vae
    except WeightsError:
        found = None
    if found is not None:
        vae: VAE = found
        return vae
    tensors, metadata = load_torch_file(path, return_metadata=True)
    return VAE.from_state_dict(tensors, metadata)


def decode_latents(
    latents: Iterable[npt.NDArray[np.float32]], header: LatentStreamHeader, vae: Any
) -> torch.Tensor:
    """Pixels (T,H,W,3) float32 0..1 of latents (C,h,w), one after the other.

    The space's scale, shift or statistics are undone first; those of a space that is not known here are taken
    from the header. vae: anything with ComfyUI's `decode`. Raises: LocalProtocolError when there is no latent.
    """
    pictures = []
    for latent in latents:
        samples = to_samples(torch.from_numpy(latent)[None], header)
        pictures.append(vae.decode(samples).cpu())
    if not pictures:
        raise LocalProtocolError("no latent to decode, expected at least one")
    return torch.cat(pictures)


def to_samples(model_space: torch.Tensor, header: LatentStreamHeader) -> torch.Tensor:
    """Latents (B,C,...) of a stream as LATENT dicts hold them: what `VAE.decode` takes."""
    try:
        space = SpaceRegistry().get(header.latent_space_id)
    except UnknownSpaceError:
        return model_space if not header.vae_scale_factor else model_space / header.vae_scale_factor
    samples: torch.Tensor = from_model_space(model_space, space)
    return samples


def save_pixels(pixels: torch.Tensor, path: Path, fps: int | None = None) -> None:
    """Writes pixels (T,H,W,3) as one PNG (the first frame) or as an MP4 clip, by the name's ending."""
    if path.suffix == PICTURE:
        path.write_bytes(encode_png(pixels[0], {}))
        return
    buffer = io.BytesIO()
    VideoFromComponents(VideoComponents(pixels, Fraction(fps or DEFAULT_FPS))).save_to(buffer)
    path.write_bytes(buffer.getvalue())
