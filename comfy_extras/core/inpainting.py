"""Inpainting nodes: pictures and masks to latents whose masked part is made anew."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from comfy.text.conditioning import conditioning_set_values
from comfy.vae.autoencoder import VAE
from comfy_extras.mask_ops import cropped_to_multiple, grey_under, grown_for_latent, mask_as_batch

Conditioning = list[list[Any]]
Latent = dict[str, Any]


class VAEEncodeForInpaint:
    """Encodes pictures with the masked part greyed out, and keeps the mask, grown a little, for sampling."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "pixels": ("IMAGE",),
                "vae": ("VAE",),
                "mask": ("MASK",),
                "grow_mask_by": ("INT", {"default": 6, "min": 0, "max": 64, "step": 1}),
            }
        }

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "latent/inpaint"

    def encode(self, vae: VAE, pixels: Tensor, mask: Tensor, grow_mask_by: int = 6) -> tuple[Latent]:
        pixels, fitted = _fitted(vae, pixels, mask)
        samples = vae.encode(grey_under(pixels, fitted)[:, :, :, :3])
        return ({"samples": samples, "noise_mask": grown_for_latent(fitted, grow_mask_by).round()},)


class InpaintModelConditioning:
    """Conditioning for models that see the picture and its mask while they paint."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "vae": ("VAE",),
                "pixels": ("IMAGE",),
                "mask": ("MASK",),
                "noise_mask": (
                    "BOOLEAN",
                    {
                        "default": True,
                        "tooltip": "Keep the mask in the latent, so that nothing outside of it changes. "
                        "Off may give better results with some models.",
                    },
                ),
            }
        }

    RETURN_TYPES = ("CONDITIONING", "CONDITIONING", "LATENT")
    RETURN_NAMES = ("positive", "negative", "latent")
    FUNCTION = "encode"
    CATEGORY = "conditioning/inpaint"

    def encode(
        self,
        positive: Conditioning,
        negative: Conditioning,
        pixels: Tensor,
        vae: VAE,
        mask: Tensor,
        noise_mask: bool = True,
    ) -> tuple[Conditioning, Conditioning, Latent]:
        cropped, fitted = _fitted(vae, pixels, mask)
        latent: Latent = {"samples": vae.encode(cropped[:, :, :, :3])}
        if noise_mask:
            latent["noise_mask"] = fitted
        values = {
            "concat_latent_image": vae.encode(grey_under(cropped, fitted)[:, :, :, :3]),
            "concat_mask": fitted,
        }
        return (
            conditioning_set_values(positive, values),
            conditioning_set_values(negative, values),
            latent,
        )


def _fitted(vae: VAE, pixels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Both cut, centred, to whole latent cells; the mask (B,1,H,W) is resized to the pixels first."""
    fitted: Tensor = F.interpolate(
        mask_as_batch(mask).unsqueeze(1).to(torch.float32), size=tuple(pixels.shape[1:3]), mode="bilinear"
    )
    cell = vae.spacial_compression_encode()
    return cropped_to_multiple(pixels, cell, (1, 2)), cropped_to_multiple(fitted, cell, (2, 3))


NODE_CLASS_MAPPINGS = {
    "VAEEncodeForInpaint": VAEEncodeForInpaint,
    "InpaintModelConditioning": InpaintModelConditioning,
}
NODE_DISPLAY_NAME_MAPPINGS = {"VAEEncodeForInpaint": "VAE Encode (for Inpainting)"}
