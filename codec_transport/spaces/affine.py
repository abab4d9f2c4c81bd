"""From ComfyUI's latent convention to the numbers that travel: the model-space latent (wire spec 7.1)."""

from __future__ import annotations

from typing import Any

from codec_transport.spaces.space import LatentSpace


def to_model_space(samples: Any, space: LatentSpace) -> Any:
    """Samples as the space's own model sees them, before any un-scaling by its VAE.

    Shape: (B,C,...) torch tensor, returned alike. LATENT dicts hold samples after `process_out`; this is the
    inverse: (x - mean) / std per channel where the space has statistics, else (x - shift) * factor.
    """
    if space.latents_mean is not None and space.latents_std is not None:
        shape = (1, -1) + (1,) * (samples.dim() - 2)
        mean = samples.new_tensor(space.latents_mean).view(shape)
        std = samples.new_tensor(space.latents_std).view(shape)
        return (samples - mean) / std
    shifted = samples if space.vae_shift_factor is None else samples - space.vae_shift_factor
    return shifted if space.vae_scale_factor is None else shifted * space.vae_scale_factor
