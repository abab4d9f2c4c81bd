"""Small pictures of a latent while it is being sampled.

`configure` sets the process's method (the command line's), `set_preview_method` overrides it for the prompt at hand.
The cheap method maps latent channels to RGB linearly; families bring the factors in their latent format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from comfy.progress import ProgressBar
from comfy.sampling.model import ModelPatcherLike

METHODS = ("none", "auto", "latent2rgb", "taesd")

# Longest side of a preview on the wire; the command line may say otherwise.
MAX_PREVIEW_RESOLUTION = 512

_configured = "none"
_override: str | None = None

Preview = tuple[str, Image.Image, int]


def configure(method: str, max_resolution: int = MAX_PREVIEW_RESOLUTION) -> None:
    """Sets the process's preview method, one of `METHODS`, and the longest side in pixels."""
    global _configured, MAX_PREVIEW_RESOLUTION
    _configured = method
    MAX_PREVIEW_RESOLUTION = max_resolution


def set_preview_method(override: str | None = None) -> None:
    """Sets the method of the prompt at hand; None, "default" and unknown names mean the process's own."""
    global _override
    _override = override if override in METHODS else None


def preview_method() -> str:
    """The method that holds now."""
    return _configured if _override is None else _override


def preview_to_image(latent_image: Tensor) -> Image.Image:
    """A picture (H,W,3) with values -1..1 as 8 bit RGB."""
    pixels = ((latent_image + 1.0) / 2.0).clamp(0, 1).mul(255).to(device="cpu", dtype=torch.uint8)
    height, width, channels = pixels.shape
    if channels != 3:
        msg = f"a preview has 3 channels, got {channels}"
        raise ValueError(msg)
    return Image.frombytes("RGB", (width, height), pixels.contiguous().numpy().tobytes())


class LatentPreviewer:
    """Makes a picture of a denoised latent."""

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        """The first item of a latent (B,C,...) in the network's scale as a picture."""
        raise NotImplementedError

    def decode_latent_to_preview_image(self, preview_format: str, x0: Tensor) -> Preview:
        """The picture as progress bars take it: (format, image, longest side)."""
        return (preview_format, self.decode_latent_to_preview(x0), MAX_PREVIEW_RESOLUTION)


class TAESDPreviewerImpl(LatentPreviewer):
    """Previews by a tiny decoder, handed in."""

    def __init__(self, taesd: Any) -> None:
        self.taesd = taesd

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        return preview_to_image(self.taesd.decode(x0[:1])[0].movedim(0, 2))


class Latent2RGBPreviewer(LatentPreviewer):
    """Previews by one linear map from channels to colour."""

    def __init__(
        self, latent_rgb_factors: list[list[float]], latent_rgb_factors_bias: list[float] | None = None
    ) -> None:
        """Factors (C,3) and bias (3,)."""
        self.factors = torch.tensor(latent_rgb_factors).t()
        self.bias = None if latent_rgb_factors_bias is None else torch.tensor(latent_rgb_factors_bias)

    def decode_latent_to_preview(self, x0: Tensor) -> Image.Image:
        first = x0[0, :, 0] if x0.ndim == 5 else x0[0]
        factors = self.factors.to(first)
        bias = None if self.bias is None else self.bias.to(first)
        return preview_to_image(torch.nn.functional.linear(first.movedim(0, -1), factors, bias=bias))


def get_previewer(device: torch.device, latent_format: Any) -> LatentPreviewer | None:
    """The previewer for a latent format under the method that holds now, or None."""
    factors = getattr(latent_format, "latent_rgb_factors", None)
    if preview_method() == "none" or factors is None:
        return None
    return Latent2RGBPreviewer(factors, getattr(latent_format, "latent_rgb_factors_bias", None))


def prepare_callback(
    model: ModelPatcherLike, steps: int, x0_output_dict: dict[str, Any] | None = None
) -> Callable[[int, Tensor, Tensor, int], None]:
    """A callback for a sampling run: progress with previews; the last denoised latent goes to `x0_output_dict`."""
    previewer = get_previewer(model.load_device, model.model.latent_format)
    progress = ProgressBar(steps)

    def callback(step: int, x0: Tensor, x: Tensor, total_steps: int) -> None:
        if x0_output_dict is not None:
            x0_output_dict["x0"] = x0
        preview = None if previewer is None else previewer.decode_latent_to_preview_image("JPEG", x0)
        progress.update_absolute(step + 1, total_steps, preview)

    return callback
