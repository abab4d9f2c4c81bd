"""The VAE object: what a VAE link carries between nodes.

Pixels are (B,H,W,C) float32 in 0..1, latents (B,C,h,w) as the network gives them, without the latent format's scale.
The networks are in the packages by family; tiles are cut in `comfy.vae.tiled`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor

from comfy.errors import LatentError
from comfy.memory import devices, residency
from comfy.patching.patcher import ModelPatcher
from comfy.vae import chunked, tiled
from comfy.vae.families import VaeTraits, build_vae

logger = logging.getLogger(__name__)


class VAE:
    """An autoencoder with its device, its scale between pixels and latents, and its tiled forms.

    `first_stage_model` is the network (values of -1..1), `patcher` its patcher. `downscale_ratio` and `upscale_ratio`
    are pixels per latent. `process_input` and `process_output` map between 0..1 and the network's values.
    """

    def __init__(
        self,
        sd: Mapping[str, Tensor] | None = None,
        device: torch.device | None = None,
        config: Any = None,
        dtype: torch.dtype | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.first_stage_model: Any
        self.first_stage_model, traits = build_vae(sd or {}, metadata)
        self.traits: VaeTraits = traits
        self.latent_channels, self.output_channels = traits.latent_channels, traits.output_channels
        self.latent_dim = traits.latent_dim
        self.downscale_ratio, self.upscale_ratio = traits.downscale, traits.upscale
        self.device = device or devices.vae_device()
        self.output_device = devices.intermediate_device()
        self.vae_dtype = dtype or torch.float32
        if self.vae_dtype != torch.float32:
            self.first_stage_model.to(self.vae_dtype)
        self.patcher = ModelPatcher(self.first_stage_model, self.device, devices.vae_offload_device())

    @classmethod
    def from_state_dict(cls, sd: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Self:
        """A VAE from a file's tensors, keys with or without a checkpoint's prefix.

        Raises: UnknownModelError, WeightsShapeError.
        """
        return cls(sd=sd, metadata=metadata)

    def throw_exception_if_invalid(self) -> None:
        """Passes: a VAE that exists has its network. Kept for callers of old."""

    @staticmethod
    def process_input(image: Tensor) -> Tensor:
        """0..1 to -1..1."""
        return image * 2.0 - 1.0

    @staticmethod
    def process_output(image: Tensor) -> Tensor:
        """About -1..1 to 0..1, cut off."""
        return ((image + 1.0) / 2.0).clamp_(0.0, 1.0)

    def memory_used_decode(self, shape: Any, dtype: torch.dtype) -> float:
        """Bytes to decode one latent batch of a shape (B,C,h,w)."""
        pixels = shape[0] * shape[-1] * shape[-2] * self.upscale_ratio**2
        return pixels * self.traits.decode_bytes_per_pixel * dtype.itemsize / 4

    def memory_used_encode(self, shape: Any, dtype: torch.dtype) -> float:
        """Bytes to encode one pixel batch of a shape (B,C,H,W)."""
        return shape[0] * shape[-1] * shape[-2] * self.traits.encode_bytes_per_pixel * dtype.itemsize / 4

    def spacial_compression_decode(self) -> int:
        """Pixels per latent when decoding."""
        return self.upscale_ratio

    def spacial_compression_encode(self) -> int:
        """Pixels per latent when encoding."""
        return self.downscale_ratio

    def temporal_compression_decode(self) -> int | None:
        """Frames per latent; None for images."""
        return self.traits.frames_per_latent

    @torch.no_grad()
    def decode(self, samples_in: Tensor, vae_options: Mapping[str, Any] = {}) -> Tensor:
        """Pixels (B,H,W,C) float32 in 0..1 of latents (B,c,h,w); in tiles when the whole does not fit into memory.

        Of video latents (B,c,T,h,w): clips (B,F,H,W,C), decoded piece by piece.

        Raises: LatentError when the latents have another number of axes or channels.
        """
        self._check_latent(samples_in)
        if self.latent_dim == 3:
            return torch.stack([chunked.decode_clip(self, clip) for clip in samples_in.split(1)])
        return self._whole_or_tiled(
            samples_in,
            lambda piece: self.process_output(self.decode_raw(piece)),
            self.decode_tiled_,
            self.memory_used_decode,
        ).movedim(1, -1)

    @torch.no_grad()
    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Latents (B,c,h,w) of pixels (B,H,W,C) in 0..1: the posterior's mean; sizes are cut to whole latents.

        A video VAE takes the batch as one clip and gives (1,c,T,h,w); frames after the last whole latent are left out.

        Raises: LatentError for pictures that are smaller than one latent or have too few channels.
        """
        if self.latent_dim == 3:
            return chunked.encode_clip(self, self.vae_encode_crop_pixels(pixel_samples))
        return self._whole_or_tiled(
            self.vae_encode_crop_pixels(pixel_samples).movedim(-1, 1),
            lambda piece: self.encode_raw(self.process_input(piece)),
            self.encode_tiled_,
            self.memory_used_encode,
        )

    @torch.no_grad()
    def decode_tiled(
        self,
        samples: Tensor,
        tile_x: int | None = None,
        tile_y: int | None = None,
        overlap: int | None = None,
        tile_t: int | None = None,
        overlap_t: int | None = None,
    ) -> Tensor:
        """`decode` in tiles; sizes and overlap in latents. Video VAEs keep few frames at a time and are not tiled."""
        if self.latent_dim == 3:
            return self.decode(samples)
        self._check_latent(samples)
        self._load(self.memory_used_decode, samples[:1])
        given = {"tile_x": tile_x, "tile_y": tile_y, "overlap": overlap}
        sizes = {name: value for name, value in given.items() if value is not None}
        return self.decode_tiled_(samples, **sizes).movedim(1, -1)

    @torch.no_grad()
    def encode_tiled(
        self,
        pixel_samples: Tensor,
        tile_x: int | None = None,
        tile_y: int | None = None,
        overlap: int | None = None,
        tile_t: int | None = None,
        overlap_t: int | None = None,
    ) -> Tensor:
        """`encode` in tiles; sizes and overlap in pixels. Video VAEs keep few frames at a time and are not tiled."""
        if self.latent_dim == 3:
            return self.encode(pixel_samples)
        pixels = self.vae_encode_crop_pixels(pixel_samples).movedim(-1, 1)
        self._load(self.memory_used_encode, pixels[:1])
        given = {"tile_x": tile_x, "tile_y": tile_y, "overlap": overlap}
        sizes = {name: value for name, value in given.items() if value is not None}
        return self.encode_tiled_(pixels, **sizes)

    def decode_tiled_(self, samples: Tensor, tile_x: int = 64, tile_y: int = 64, overlap: int = 16) -> Tensor:
        """Tiled decoding, (B,c,h,w) to (B,C,H,W) in 0..1; sizes in latents."""
        blended = tiled.three_passes(
            samples,
            self.decode_raw,
            tile=(tile_x, tile_y),
            overlap=overlap,
            scale=self.upscale_ratio,
            channels=self.output_channels,
            device=self.output_device,
        )
        return self.process_output(blended)

    def encode_tiled_(
        self, pixel_samples: Tensor, tile_x: int = 512, tile_y: int = 512, overlap: int = 64
    ) -> Tensor:
        """Tiled encoding, (B,C,H,W) in 0..1 to (B,c,h,w); sizes in pixels."""
        return tiled.three_passes(
            pixel_samples,
            lambda pixels: self.encode_raw(self.process_input(pixels)),
            tile=(tile_x, tile_y),
            overlap=overlap,
            scale=1 / self.downscale_ratio,
            channels=self.latent_channels,
            device=self.output_device,
        )

    def decode_raw(self, latent: Tensor) -> Tensor:
        """The network's pixels, float32, about -1..1."""
        return self.first_stage_model.decode(latent.to(self.device, self.vae_dtype)).float()

    def encode_raw(self, pixels: Tensor) -> Tensor:
        """The network's latent, float32, of pixels in -1..1."""
        return self.first_stage_model.encode(pixels.to(self.device, self.vae_dtype)).float()

    def vae_encode_crop_pixels(self, pixels: Tensor) -> Tensor:
        """The middle of pixels (B,H,W,C) whose sides are whole latents, and as many channels as the network reads.

        Raises: LatentError where nothing is left.
        """
        least = self.downscale_ratio
        if pixels.dim() != 4 or min(pixels.shape[1:3]) < least or pixels.shape[3] < self.output_channels:
            raise LatentError(
                "the pictures cannot be encoded by this VAE",
                expected=f"(B,H,W,C) of at least {least}x{least} pixels and {self.output_channels} channels",
                found=str([*pixels.shape]),
            )
        for axis in (1, 2):
            size = pixels.shape[axis] // self.downscale_ratio * self.downscale_ratio
            pixels = pixels.narrow(axis, (pixels.shape[axis] - size) // 2, size)
        return pixels[..., : self.output_channels]

    def get_sd(self) -> dict[str, Tensor]:
        """The network's weights by name."""
        return dict(self.first_stage_model.state_dict())

    def _whole_or_tiled(
        self,
        batch: Tensor,
        whole: Callable[[Tensor], Tensor],
        in_tiles: Callable[[Tensor], Tensor],
        estimate: Callable[[Any, torch.dtype], float],
    ) -> Tensor:
        """The batch in as few calls as memory allows; tiles where one item does not fit, or turns out not to."""
        at_once = self._load(estimate, batch)
        if at_once:
            try:
                pieces = [whole(piece).to(self.output_device) for piece in batch.split(at_once)]
                return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
            except torch.OutOfMemoryError:
                devices.soft_empty_cache()
        logger.warning("not enough memory for %s at once, going on in tiles", [*batch.shape])
        return in_tiles(batch)

    def load_to_decode(self, samples: Tensor) -> None:
        """Brings the weights to the device before latents like these are decoded piece by piece."""
        self._load(self.memory_used_decode, samples)

    def load_to_encode(self, pixels: Tensor) -> None:
        """Brings the weights to the device before pixels (B,C,...,H,W) are encoded piece by piece."""
        self._load(self.memory_used_encode, pixels)

    def _load(self, estimate: Callable[[Any, torch.dtype], float], batch: Tensor) -> int:
        """Brings the weights to the device; gives how many items of the batch to run at once, 0 if not even one fits.

        Half of what is free is used: estimates are rough, and others live here too.
        """
        needed = max(estimate(batch[:1].shape, self.vae_dtype), 1)
        residency.load_models_gpu([self.patcher], memory_required=needed)
        free = devices.get_free_memory(self.device)
        free_bytes = free[0] if isinstance(free, tuple) else free
        return 0 if needed > free_bytes else max(1, int(free_bytes / 2 / needed))

    def _check_latent(self, samples: Tensor) -> None:
        if samples.dim() != 2 + self.latent_dim or samples.shape[1] != self.latent_channels:
            axes = "T,h,w" if self.latent_dim == 3 else "h,w"
            raise LatentError(
                "the latent is of another kind than this VAE's",
                expected=f"(B,{self.latent_channels},{axes})",
                found=str([*samples.shape]),
            )
