"""VAE nodes: latents to pictures and back, whole or in tiles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from comfy.vae import chunked
from comfy.vae.autoencoder import VAE
from comfy_api.stream_readers import TensorLatentStream
from comfy_api.streams import ImageStreamInput, LatentStreamInput
from comfy_extras.video.sources import VAEDecodedImageStream

Latent = dict[str, Any]


class VAEDecode:
    """A latent as pictures; the frames of a video latent become a batch."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT", {"tooltip": "Latent to decode."}),
                "vae": ("VAE", {"tooltip": "VAE that decodes it."}),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    OUTPUT_TOOLTIPS = ("The decoded picture.",)
    FUNCTION = "decode"
    CATEGORY = "latent"
    DESCRIPTION = "Decodes a latent into pictures that can be looked at and saved."

    def decode(self, vae: VAE, samples: Latent) -> tuple[Tensor]:
        # one by one, as a stream does it: in another batch size a kernel may round otherwise
        return (torch.cat([frames_as_batch(vae.decode(item)) for item in samples["samples"].split(1)]),)

    def open_stream(self, vae: VAE, samples: LatentStreamInput) -> tuple[ImageStreamInput]:
        """The same pictures, decoded while they are needed."""
        known = samples.batch if isinstance(samples, TensorLatentStream) else samples
        return (VAEDecodedImageStream(vae, known),)

    def stream_estimate(self, vae: VAE, samples: Latent) -> tuple[int, tuple[int, ...]]:
        """Number of pictures and their shape."""
        shape = tuple(samples["samples"].shape)
        scale = vae.spacial_compression_decode()
        per_item = chunked.decoded_frames(vae, shape[2], shape) if len(shape) == 5 else 1
        return shape[0] * per_item, (shape[-2] * scale, shape[-1] * scale, vae.output_channels)


class VAEDecodeTiled:
    """As VAE Decode, in overlapping tiles, for pictures too large for the memory."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT",),
                "vae": ("VAE",),
                "tile_size": ("INT", {"default": 512, "min": 64, "max": 4096, "step": 32}),
                **_tile_inputs(),
            }
        }

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"
    CATEGORY = "_for_testing"

    def decode(
        self,
        vae: VAE,
        samples: Latent,
        tile_size: int,
        overlap: int = 64,
        temporal_size: int = 64,
        temporal_overlap: int = 8,
    ) -> tuple[Tensor]:
        overlap = min(overlap, tile_size // 4)
        tile_t, overlap_t = latent_frames(temporal_size, temporal_overlap, vae.temporal_compression_decode())
        compression = vae.spacial_compression_decode()
        images = vae.decode_tiled(
            samples["samples"],
            tile_x=tile_size // compression,
            tile_y=tile_size // compression,
            overlap=overlap // compression,
            tile_t=tile_t,
            overlap_t=overlap_t,
        )
        return (frames_as_batch(images),)


class VAEEncode:
    """Pictures as a latent; an alpha channel is left out."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"pixels": ("IMAGE",), "vae": ("VAE",)}}

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "latent"

    def encode(self, vae: VAE, pixels: Tensor) -> tuple[Latent]:
        return ({"samples": vae.encode(pixels[:, :, :, :3])},)


class VAEEncodeTiled:
    """As VAE Encode, in overlapping tiles."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "pixels": ("IMAGE",),
                "vae": ("VAE",),
                "tile_size": ("INT", {"default": 512, "min": 64, "max": 4096, "step": 64}),
                **_tile_inputs(),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "_for_testing"

    def encode(
        self,
        vae: VAE,
        pixels: Tensor,
        tile_size: int,
        overlap: int,
        temporal_size: int = 64,
        temporal_overlap: int = 8,
    ) -> tuple[Latent]:
        samples = vae.encode_tiled(
            pixels[:, :, :, :3],
            tile_x=tile_size,
            tile_y=tile_size,
            overlap=overlap,
            tile_t=temporal_size,
            overlap_t=temporal_overlap,
        )
        return ({"samples": samples},)


def frames_as_batch(images: Tensor) -> Tensor:
    """(B,T,H,W,C) -> (B*T,H,W,C); pictures stay as they are."""
    return images.reshape(-1, *images.shape[-3:]) if images.ndim == 5 else images


def latent_frames(size: int, overlap: int, compression: int | None) -> tuple[int | None, int | None]:
    """Tile length and overlap on the time axis of the latent; (None, None) where there is no such axis."""
    if compression is None:
        return None, None
    tile = max(2, size // compression)
    return tile, max(1, min(tile // 2, min(overlap, size // 2) // compression))


def _tile_inputs() -> dict[str, Any]:
    return {
        "overlap": ("INT", {"default": 64, "min": 0, "max": 4096, "step": 32}),
        "temporal_size": (
            "INT",
            {
                "default": 64,
                "min": 8,
                "max": 4096,
                "step": 4,
                "tooltip": "Frames per tile; only video VAEs use it.",
            },
        ),
        "temporal_overlap": (
            "INT",
            {
                "default": 8,
                "min": 4,
                "max": 4096,
                "step": 4,
                "tooltip": "Frames that neighbouring tiles share; only video VAEs use it.",
            },
        ),
    }


NODE_CLASS_MAPPINGS = {
    "VAEDecode": VAEDecode,
    "VAEDecodeTiled": VAEDecodeTiled,
    "VAEEncode": VAEEncode,
    "VAEEncodeTiled": VAEEncodeTiled,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "VAEDecode": "VAE Decode",
    "VAEDecodeTiled": "VAE Decode (Tiled)",
    "VAEEncode": "VAE Encode",
    "VAEEncodeTiled": "VAE Encode (Tiled)",
}
